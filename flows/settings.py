"""The settings of a run, checked where they come in, and the environment the libraries get.

The strongest first: command line, environment (LAMINI_*), settings file (lamini.toml in the current
folder, or the one LAMINI_CONFIG names), defaults. Sections of the file, such as [tuning], are
written LAMINI_TUNING__MAX_PASSES in the environment.
"""

import contextlib
import os
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from flows.decision import UpdatePolicy
from flows.errors import SettingsError
from flows.gate import GateLimits
from flows.notify import Notify
from flows.schedules import Debounce, Schedules
from lamini.config import MemoryConfig, RouterConfig, RouterTraining, Tuning, from_dict

PREFIX = "LAMINI_"
FILE_NAME = "lamini.toml"
NOT_SETTINGS = ("LAMINI_CONFIG", "LAMINI_FAILPOINT")
"""Variables with our prefix that mean something else."""

_SECTIONS: dict[str, type[Any]] = {
    "memory": MemoryConfig,
    "router": RouterConfig,
    "router_training": RouterTraining,
    "tuning": Tuning,
    "gate": GateLimits,
    "update": UpdatePolicy,
    "schedule": Schedules,
    "trigger": Debounce,
    "notify": Notify,
}


_TOKENS = {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}


class Settings(BaseModel):
    """Everything a run depends on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    home: Path = Field(default=Path(".lamini"), validate_default=True)
    """Where all state lies; absolute, whatever was given."""
    backbone: str = "embedded"
    """`embedded`, a folder, or the name of a transformers causal LM."""
    as_of: date = Field(default_factory=lambda: datetime.now(tz=UTC).date())
    """The day whose facts are wanted."""
    sources: tuple[Path, ...] = ()
    """Mapping files; none means the embedded reference facts."""
    num_workers: int = Field(default=2, ge=1, le=1024)
    """Ray Train workers; experts do not depend on their number, the router does a little."""
    use_gpu: bool = False
    """One GPU for each worker."""
    ray_address: str | None = None
    """The Jobs API of a Ray cluster, http://HEAD:8265, that trains; null trains on this machine."""
    reconcile_parts: int = Field(default=1, ge=1, le=1024)
    """Parts into which the slots are cut when truth is discovered, as Ray tasks if several."""
    min_recall: float = Field(default=0.95, ge=0, le=1)
    """A checkpoint that recalls less of its training questions is not promoted."""
    memory: MemoryConfig = Field(default_factory=MemoryConfig)
    router: RouterConfig = Field(default_factory=RouterConfig)
    router_training: RouterTraining = Field(default_factory=RouterTraining)
    tuning: Tuning = Field(default_factory=Tuning)
    gate: GateLimits = Field(default_factory=GateLimits)
    """What a candidate must reach besides `min_recall`; an update is judged by more of it."""
    update: UpdatePolicy = Field(default_factory=UpdatePolicy)
    """When an update of the champion will do instead of a full run."""
    schedule: Schedules = Field(default_factory=Schedules)
    """When served deployments run."""
    trigger: Debounce = Field(default_factory=Debounce)
    """When changes that an event told of are worth a training."""
    notify: Notify = Field(default_factory=Notify)
    """Who is told that the gate failed or a run crashed."""

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return home.expanduser().resolve()

    @field_validator("sources", mode="before")
    @classmethod
    def _listed(cls, sources: object) -> object:
        return sources.split(os.pathsep) if isinstance(sources, str) else sources

    @field_validator("sources")
    @classmethod
    def _resolved(cls, sources: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(source.expanduser().resolve() for source in sources)

    @field_validator(*_SECTIONS, mode="before")
    @classmethod
    def _section(cls, given: object, info: Any) -> object:
        return from_dict(_SECTIONS[info.field_name], given) if isinstance(given, dict) else given

    @property
    def warehouse(self) -> Path:
        """The folder of the catalogue and the published snapshots."""
        return self.home / "warehouse"

    @property
    def runs(self) -> Path:
        """One folder for each run, named by its run key."""
        return self.home / "runs"


def load_settings(
    given: Mapping[str, object] | None = None, *, environ: Mapping[str, str] | None = None
) -> Settings:
    """Join what the command line gave (nulls count as not given), environment, file, defaults.

    Raises:
        SettingsError: a setting is unknown, of the wrong type or out of range; names its origin.
    """
    env = os.environ if environ is None else environ
    layers = [
        (str(_file(env)), _from_file(_file(env))),
        ("the environment", _from_environment(env)),
        ("the command line", {k: v for k, v in (given or {}).items() if v not in (None, ())}),
    ]
    origin: dict[str, str] = {}
    values: dict[str, Any] = {}
    for name, layer in layers:
        for key, value in layer.items():
            both = isinstance(value, dict) and isinstance(values.get(key), dict)
            values[key] = {**values[key], **value} if both else value
            origin[key] = name
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_message(error, origin)) from None


def environment(home: Path) -> dict[str, str]:
    """Give the environment of Prefect, Ray, MLflow and transformers for state under `home`.

    To be in place before any of them is imported. Everything stays on this machine: no telemetry,
    no model hub, and requests to our own servers pass by no proxy.
    """
    local = "127.0.0.1,localhost"
    no_proxy = os.environ.get("NO_PROXY") or os.environ.get("no_proxy")
    direct = f"{no_proxy},{local}" if no_proxy and local not in no_proxy else no_proxy or local
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",  # MLflow knows no other word for it
        "RAY_USAGE_STATS_ENABLED": "0",
        # The local cluster listens on loopback only; whoever gives a token means another one.
        "RAY_AUTH_MODE": "token" if _TOKENS & os.environ.keys() else "disabled",
        "RAY_worker_niceness": "0",  # 15 by default: any other work on the machine starves training
        "RAY_TRAIN_HEALTH_CHECK_INTERVAL_S": "0.2",  # 2.0 by default, and each report waits for it
        "RAY_TRAIN_ENABLE_PREEMPTION_WATCHER": "0",  # there is no preemption on one machine
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "180",  # 60 by default, tight on two cores
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "OMP_NUM_THREADS": "1",
        "LANCE_LOG": "error",  # it warns of every dataset that it creates
        "MPLBACKEND": "Agg",
        "GIT_PYTHON_REFRESH": "quiet",
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def apply_environment(home: Path) -> None:
    """Put `environment` in place; only where our state lies overrules what the user has set."""
    for name, value in environment(home).items():
        if name in ("PREFECT_HOME", "NO_PROXY", "no_proxy"):
            os.environ[name] = value
        else:
            os.environ.setdefault(name, value)
    with contextlib.suppress(OSError):  # whoever writes there next says it better
        (home / "prefect").mkdir(parents=True, exist_ok=True)


def mlflow_database(home: Path) -> Path:
    """Give the file of the MLflow database under `home`."""
    return home / "mlflow" / "mlflow.db"


def mlflow_uri(home: Path) -> str:
    """Give the tracking URI of the MLflow database under `home`."""
    return f"sqlite:///{mlflow_database(home)}"


def mlflow_artifacts(home: Path) -> str:
    """Give the URI of the folder of MLflow's artifacts under `home`."""
    return (home / "mlflow" / "artifacts").as_uri()


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """List variables with our prefix that set nothing: probably misspelt."""
    names = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(
        name
        for name in environ
        if name.startswith(PREFIX) and name not in NOT_SETTINGS and name.split("__")[0] not in names
    )


def _file(env: Mapping[str, str]) -> Path:
    return Path(env.get("LAMINI_CONFIG") or FILE_NAME)


def _from_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        if path != Path(FILE_NAME):
            raise SettingsError(f"LAMINI_CONFIG names {path}, which is not a file")
        return {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from error
    # Paths in a file are meant from where the file lies.
    folder = path.resolve().parent
    if isinstance(home := values.get("home"), str):
        values["home"] = folder / Path(home).expanduser()
    if isinstance(sources := values.get("sources"), list):
        values["sources"] = [folder / source for source in sources]
    return values


def _from_environment(env: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in Settings.model_fields:
        key = PREFIX + name.upper()
        if name in _SECTIONS:
            start = f"{key}__"
            section = {
                k.removeprefix(start).lower(): v for k, v in env.items() if k.startswith(start)
            }
            if section:
                values[name] = {k: _number(v) for k, v in section.items()}
        elif env.get(key):
            values[name] = env[key]
    return values


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _message(error: ValidationError, origin: Mapping[str, str]) -> str:
    problem = error.errors()[0]
    name = ".".join(str(part) for part in problem["loc"])
    where = origin.get(str(problem["loc"][0]), "the defaults") if problem["loc"] else "the settings"
    if problem["type"] == "extra_forbidden":
        known = ", ".join(Settings.model_fields)
        return f"unknown setting {name!r} in {where}; known settings: {known}"
    what = problem["msg"].removeprefix("Value error, ")
    return f"{name}={problem['input']!r} in {where}: {what}"
