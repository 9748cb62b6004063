"""List the settings in effect with their origins, without any secret."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.configuration.layers import PREFIX, unknown_variables
from flows.configuration.settings import NAMES, resolve_settings
from warehouse.nearest import hint

_PASSWORD = re.compile(r"(?<=://)[^/@\s]+(?=@)")


@dataclass(frozen=True, kw_only=True)
class ShownSetting:
    """A setting by its dotted name, without any secret, and who gave it."""

    name: str
    value: Any
    origin: str


@dataclass(frozen=True, kw_only=True)
class ShownSettings:
    """The settings in effect, and the variables that set nothing."""

    profile: str
    file: str | None
    settings: tuple[ShownSetting, ...]
    ignored: tuple[str, ...]


def shown_settings(environ: Mapping[str, str]) -> ShownSettings:
    """Return profile, file, each setting with its value and origin, and variables that set nothing.

    Raises:
        SettingsError: a setting is unknown, of the wrong type or out of range.
    """
    settings, layers = resolve_settings(environ=environ)
    values = settings.model_dump(mode="json")
    rows = []
    for name, keys in NAMES.items():
        for dotted in [f"{name}.{key}" for key in keys] or [name]:
            section, _, key = dotted.partition(".")
            value = values[section][key] if key else values[section]
            origin = layers.origin.get(dotted, "default")
            safe = _safe(dotted, value, environ)
            rows.append(ShownSetting(name=dotted, value=safe, origin=origin))
    return ShownSettings(
        profile=layers.profile,
        file=None if layers.file is None else str(layers.file.resolve()),
        settings=tuple(rows),
        ignored=tuple(ignored_variables(environ)),
    )


def ignored_variables(environ: Mapping[str, str]) -> list[str]:
    """List variables with our prefix that set nothing, each with what may have been meant."""
    return [_ignored(name) for name in unknown_variables(environ, NAMES)]


def _safe(name: str, value: Any, environ: Mapping[str, str]) -> Any:
    """Name the variable of a secret, and whether it is set; take passwords out of addresses."""
    if name.endswith("_env") and value:
        return f"{value} ({'set' if environ.get(value) else 'not set'})"
    return without_secrets(name, value)


def without_secrets(name: str, value: Any) -> Any:
    """Take user and password out of an address, and arguments off the command of notifications.

    One of those may be a token, which looks like any other; the program stays.
    """
    if name == "notify.command":
        program, *arguments = shlex.split(value) or [""]
        return f"{program} ({len(arguments)} arguments)" if arguments else program
    if isinstance(value, list):
        return [without_secrets(name, item) for item in value]
    return _PASSWORD.sub("***", value) if isinstance(value, str) else value


def _ignored(variable: str) -> str:
    known = {PREFIX + name.upper() for name in NAMES}
    return f"{variable}{hint(variable.split('__')[0], known, what='known')}"
