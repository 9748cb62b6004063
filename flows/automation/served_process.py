"""How a served flow begins: with its home's settings as they are now, often in its own process."""

import os
from pathlib import Path

from flows.cli import end_quietly
from flows.configuration.settings import Settings, load_settings
from flows.environment import apply_environment


def enter(home: Path) -> Settings:
    """Give the settings of `home` as they are now, with the environment of the libraries in place.

    Raises:
        SettingsError: a setting is unknown, of the wrong type or out of range.
    """
    settings = load_settings({"home": home})
    apply_environment(settings.home)
    if "PREFECT__FLOW_RUN_ID" in os.environ:
        end_quietly()
    return settings
