"""The deployments of one home: one list, served in two ways.

    lamini serve                                              here, in one process
    prefect deploy --all --prefect-file infra/prefect.yaml    to a work pool (infra/README.md)

A test holds both equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.automation.announce import FACTS_CHANGED, HOME_LABEL, RESOURCE
from flows.configuration.settings import Settings

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment
    from prefect.events import DeploymentEventTrigger

TAG = "lamini"
ONE_AT_A_TIME = {"limit": 1, "collision_strategy": "ENQUEUE"}
"""A second run waits for its turn; under it lie the locks of the home and the catalogue."""
NONE_BESIDE = {"limit": 1, "collision_strategy": "CANCEL_NEW"}
"""A look that comes while one is at work is left out: the next sees all that it would have seen."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What is served: a flow, when it runs, and with which parameters."""

    entrypoint: str
    """path/of/file.py:function, from the repository's root."""
    name: str
    description: str
    parameters: Mapping[str, Any]
    schedules: tuple[Mapping[str, Any], ...] = ()
    """As in prefect.yaml."""
    triggers: tuple[Mapping[str, Any], ...] = ()
    """As in prefect.yaml."""
    concurrency: Mapping[str, Any] = field(default_factory=lambda: ONE_AT_A_TIME)

    @property
    def flow(self) -> Any:
        path, name = self.entrypoint.split(":")
        return getattr(import_module(path.removesuffix(".py").replace("/", ".")), name)


def deployments(settings: Settings, home: str | None = None) -> list[Deployment]:
    """List what is to be served; `home` is written as given, by default as the absolute path."""
    home = home or str(settings.home)
    schedule = settings.schedule
    found = [
        *_ingestion(settings, home),
        Deployment(
            entrypoint="flows/retrain.py:retrain",
            name="champion",
            description="Train what is pending: when facts changed, and every night.",
            parameters={"home": home},
            schedules=_cron(schedule.retrain, "nightly", {"reason": "schedule"}),
            triggers=(
                {
                    "type": "event",
                    "enabled": True,
                    "match": {"prefect.resource.id": RESOURCE, HOME_LABEL: home},
                    "expect": [FACTS_CHANGED],
                    "parameters": {"reason": "event"},
                },
            ),
        ),
        Deployment(
            entrypoint="flows/measure_champion.py:measure_champion",
            name="recall",
            description="Measure the recall of the champion.",
            parameters={"home": home},
            schedules=_cron(schedule.measure, "nightly"),
        ),
    ]
    if schedule.watch_seconds:
        watch = {"interval": schedule.watch_seconds, "slug": "watch"}
        found.append(
            Deployment(
                entrypoint="flows/watch_sources.py:watch_sources",
                name="files",
                description="Take in the sources whose files changed.",
                parameters={"home": home},
                schedules=(watch,),
                concurrency=NONE_BESIDE,
            )
        )
    return found


def _ingestion(settings: Settings, home: str) -> list[Deployment]:
    """Return a deployment for each source, or one for the reference facts where there is none."""
    from flows.automation.source_states import named_sources

    schedule = settings.schedule
    sources = named_sources(settings) or {"reference": "all"}
    return [
        Deployment(
            entrypoint="flows/refresh_facts.py:refresh_facts",
            name=name,
            description=f"Take in {name}, reconcile, and announce what changed.",
            parameters={"home": home, "source": source},
            schedules=_cron(schedule.ingest_of.get(name, schedule.ingest), "ingest"),
        )
        for name, source in sources.items()
    ]


def _cron(
    line: str, slug: str, parameters: Mapping[str, Any] | None = None
) -> tuple[Mapping[str, Any], ...]:
    if not line:
        return ()
    given = {"cron": line, "timezone": "UTC", "slug": slug}
    return ({**given, "parameters": dict(parameters)} if parameters else given,)


def as_yaml(deployment: Deployment, work_pool: str = "local") -> dict[str, Any]:
    """Return the deployment's entry in prefect.yaml."""
    optional = {"schedules": deployment.schedules, "triggers": deployment.triggers}
    return {
        "name": deployment.name,
        "description": deployment.description,
        "tags": [TAG],
        "entrypoint": deployment.entrypoint,
        "parameters": dict(deployment.parameters),
        **{key: [dict(item) for item in items] for key, items in optional.items() if items},
        "concurrency_limit": dict(deployment.concurrency),
        "work_pool": {"name": work_pool},
    }


def as_served(deployment: Deployment) -> "RunnerDeployment":
    """Return the deployment as `serve` takes it."""
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.types.entrypoint import EntrypointType

    return deployment.flow.to_deployment(
        name=deployment.name,
        description=deployment.description,
        tags=[TAG],
        paused=False,  # what was stopped left it paused
        parameters=dict(deployment.parameters),
        schedules=[_schedule(item) for item in deployment.schedules],
        triggers=[_trigger(item) for item in deployment.triggers],
        concurrency_limit=ConcurrencyLimitConfig.model_validate(deployment.concurrency),
        # Found from any folder: the packages are installed.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )


def _schedule(given: Mapping[str, Any]) -> Any:
    from prefect.schedules import Cron, Interval

    more = {key: given[key] for key in ("slug", "timezone", "parameters") if key in given}
    if "cron" in given:
        return Cron(given["cron"], **more)
    return Interval(timedelta(seconds=given["interval"]), **more)


def _trigger(given: Mapping[str, Any]) -> "DeploymentEventTrigger":
    from prefect.events import DeploymentEventTrigger

    plain = {key: value for key, value in given.items() if key != "type"}
    return DeploymentEventTrigger.model_validate(plain)


def settings_file() -> Path | None:
    """Return the settings file that the present folder or the environment names, absolute."""
    import os

    from flows.configuration.layers import FILE_NAME

    file = Path(os.environ.get("LAMINI_CONFIG") or FILE_NAME)
    return file.resolve() if file.is_file() else None
