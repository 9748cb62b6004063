"""The settings of a run, checked where they come in.

The strongest first: command line, environment (LAMINI_*), the chosen profile of the settings file
([profiles.cluster]), the file (lamini.toml in the current folder, or the one LAMINI_CONFIG names),
defaults. Sections of the file, such as [tuning], are written LAMINI_TUNING__MAX_STEPS in the
environment. The profile is chosen by --profile, LAMINI_PROFILE, or `profile = "..."` in the file.

No setting holds a secret: one that ends in `_env` names the environment variable that does.
"""

import dataclasses
import os
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    field_validator,
)

from flows.configuration.gate_limits import GateLimits
from flows.configuration.layers import Layers, read_layers
from flows.configuration.notify import Notify
from flows.configuration.on_mismatch import OnMismatch
from flows.configuration.retention import Retention
from flows.configuration.schedules import Debounce, Schedules
from flows.configuration.serving import Serving
from flows.configuration.update_policy import UpdatePolicy
from flows.errors import SettingsError
from flows.home.home import Home
from lamini.config import (
    DueTraining,
    MemoryConfig,
    RouterConfig,
    RouterTraining,
    Tuning,
    from_dict,
    to_dict,
)
from warehouse.errors import Where
from warehouse.within import expanded

_SECTIONS: dict[str, type[Any]] = {
    "memory": MemoryConfig,
    "router": RouterConfig,
    "router_training": RouterTraining,
    "tuning": Tuning,
    "running_text": DueTraining,
    "gate": GateLimits,
    "update": UpdatePolicy,
    "retention": Retention,
    "schedule": Schedules,
    "trigger": Debounce,
    "notify": Notify,
    "serving": Serving,
}


class Settings(BaseModel):
    """Everything a run depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Home = Field(default=Home(Path(".lamini")), validate_default=True)
    """Where all state lies; absolute, whatever was given."""
    backbone: str = "embedded"
    """`embedded`, a folder, or the name of a transformers causal LM."""
    as_of: date = Field(default_factory=lambda: datetime.now(tz=UTC).date())
    """The day whose facts are wanted."""
    sources: tuple[Path, ...] = ()
    """Mapping files; none means the embedded reference facts."""
    num_workers: int = Field(default=2, ge=0, le=1024)
    """Ray Train workers; experts do not depend on their number, the router does a little.

    0 trains in this very process, without Ray: for tests and debuggers. The result is that of 1.
    """
    use_gpu: bool = False
    """One GPU for each worker."""
    ray_address: str | None = None
    """The Jobs API of a Ray cluster, http://HEAD:8265, that trains; null trains on this machine."""
    reconcile_parts: int = Field(default=1, ge=1, le=1024)
    """Parts in which slots are judged: several are Ray tasks, with the same result."""
    min_recall: float = Field(default=0.95, ge=0, le=1)
    """A checkpoint that recalls less of its training questions is not promoted."""
    refusal: str = ""
    """What is answered where no fact is read; empty for the backbone's own answer.

    The embedded backbone has none worth reading: there a sentence says why, and what is near.
    """
    on_mismatch: OnMismatch = "refuse"
    """What is answered where memory and table disagree: a refusal, the table's value, memory's."""
    memory: MemoryConfig = Field(default_factory=MemoryConfig)
    router: RouterConfig = Field(default_factory=RouterConfig)
    router_training: RouterTraining = Field(default_factory=RouterTraining)
    tuning: Tuning = Field(default_factory=Tuning)
    running_text: DueTraining = Field(default_factory=DueTraining)
    """What a chat model learns from to say values in its own words; of other backbones nothing."""
    gate: GateLimits = Field(default_factory=GateLimits)
    """What a candidate must reach besides `min_recall`; an update is judged by more of it."""
    update: UpdatePolicy = Field(default_factory=UpdatePolicy)
    """When an update of the champion will do instead of a full run."""
    retention: Retention = Field(default_factory=Retention)
    """What `lamini gc` keeps."""
    schedule: Schedules = Field(default_factory=Schedules)
    """When served deployments run."""
    trigger: Debounce = Field(default_factory=Debounce)
    """When changes that an event told of are worth a training."""
    notify: Notify = Field(default_factory=Notify)
    """Who is told that the gate failed or a run crashed."""
    serving: Serving = Field(default_factory=Serving)
    """What the champion takes at once over HTTP."""

    @field_validator("home", mode="before")
    @classmethod
    def _absolute(cls, home: object) -> object:
        known = home.path if isinstance(home, Home) else home
        if not isinstance(known, str | Path):
            return known
        path = expanded(known).resolve()
        if "?" in str(path):
            # DuckDB 2.0 puts the name of its log there, SQLite's URIs end there.
            raise ValueError(
                f"{path} has a question mark, at which databases cut the names of their files: "
                "rename the folder; a home may be moved"
            )
        return Home(path)

    @field_serializer("home")
    def _as_text(self, home: Home) -> str:
        return str(home)

    @field_validator("sources", mode="before")
    @classmethod
    def _listed(cls, sources: object) -> object:
        return sources.split(os.pathsep) if isinstance(sources, str) else sources

    @field_validator("sources")
    @classmethod
    def _resolved(cls, sources: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(expanded(source).resolve() for source in sources)

    @field_validator(*_SECTIONS, mode="before")
    @classmethod
    def _section(cls, given: object, info: Any) -> object:
        return from_dict(_SECTIONS[info.field_name], given) if isinstance(given, dict) else given

    @field_validator("tuning")
    @classmethod
    def _in_a_group(cls, tuning: Tuning, info: Any) -> Tuning:
        memory = info.data.get("memory")
        if memory is not None and tuning.max_answer_tokens > memory.group_size:
            raise ValueError(
                f"max_answer_tokens={tuning.max_answer_tokens} must not exceed memory.group_size="
                f"{memory.group_size}, for a token takes an expert; raise memory.group_size"
            )
        return tuning

    def trained_by(self) -> dict[str, dict[str, Any]]:
        """Return the sections that a router and its experts are made by, as plain values."""
        names = ("memory", "router", "router_training", "tuning", "running_text")
        return {name: to_dict(getattr(self, name)) for name in names}


NAMES: dict[str, tuple[str, ...]] = {
    name: tuple(f.name for f in dataclasses.fields(_SECTIONS[name])) if name in _SECTIONS else ()
    for name in Settings.model_fields
}
"""Every setting, with the keys of those that are sections."""


def load_settings(
    given: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Join what the command line gave (nulls count as not given), environment, file, defaults.

    Raises:
        SettingsError: a setting is unknown, of the wrong type or out of range; names its origin.
    """
    return resolve_settings(given, environ=environ)[0]


def resolve_settings(
    given: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> tuple[Settings, Layers]:
    """Return the settings, as `load_settings` does, and who gave each of them.

    Raises:
        SettingsError: a setting is unknown, of the wrong type or out of range; names its origin.
    """
    layers = read_layers(NAMES, given or {}, os.environ if environ is None else environ)
    try:
        return Settings(**layers.nested()), layers
    except ValidationError as error:
        place = error.errors()[0]["loc"]
        setting = ".".join(map(str, place)) or None
        raise SettingsError(_message(error, layers.origin), where=Where(setting=setting)) from None


def _message(error: ValidationError, origin: Mapping[str, str]) -> str:
    problem = error.errors()[0]
    what = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return f"the settings: {what}"
    name = str(problem["loc"][0])
    if name not in NAMES:
        known = ", ".join(Settings.model_fields)
        return f"unknown setting {name!r}; known settings: {known}"
    if NAMES[name]:
        return f"[{name}] {what} ({_section_origin(name, what, origin)})"
    return f"{name}={problem['input']!r} in {origin.get(name, 'the defaults')}: {what}"


def _section_origin(section: str, what: str, origin: Mapping[str, str]) -> str:
    """Say where the key stands that the message begins with, or all that were given of its kind."""
    key = re.match(r"(\w+)=", what)
    if key and (found := origin.get(f"{section}.{key[1]}")):
        return found
    given = {where for name, where in origin.items() if name.startswith(f"{section}.")}
    return ", ".join(sorted(given)) or "the defaults"
