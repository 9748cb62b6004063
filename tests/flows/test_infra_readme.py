"""What infra/README.md shows is taken as it stands there."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from prefect.events.schemas.automations import AutomationCore

from flows.configuration.settings import load_settings

TEXT = (Path(__file__).parents[2] / "infra" / "README.md").read_text(encoding="utf-8")


def block(language):
    return re.search(rf"```{language}\n(.*?)```", TEXT, re.DOTALL).group(1)


def test_the_settings_shown_are_settings(tmp_path):
    file = tmp_path / "lamini.toml"
    file.write_text(block("toml"))
    settings = load_settings(environ={"LAMINI_CONFIG": str(file)})
    assert settings.schedule.ingest_of == {"prices": "*/15 * * * *"}
    assert settings.notify.webhook_url_env == "OPS_WEBHOOK"
    assert set(tomllib.loads(block("toml"))["trigger"]) == {"min_changed_facts", "max_staleness"}


def test_the_automation_shown_is_one_that_prefect_takes():
    found = AutomationCore.model_validate(yaml.safe_load(block("yaml")))
    assert "prefect.flow-run.Crashed" in found.trigger.expect


@pytest.mark.parametrize("name", ["refresh-facts", "watch-sources", "retrain", "measure-champion"])
def test_every_deployment_is_explained(name):
    assert f"`{name}/" in TEXT
