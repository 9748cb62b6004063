"""What every run records in MLflow, whatever its mode: settings, snapshot, counts, plots, links."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from prefect.artifacts import create_link_artifact
from prefect.runtime import flow_run

from flows import failpoints
from flows.configuration.settings import Settings
from flows.configuration.shown import without_secrets
from flows.home.about_run import About, write_about
from flows.home.current_run import note
from flows.home.decided import Decided
from flows.home.home import Home
from flows.servers.server import find, page
from flows.servers.services import MLFLOW_PORT
from flows.tracking.runs import TrackedRun, open_run


def open_tracked(settings: Settings, key: str, decided: Decided, mode: str, why: str) -> TrackedRun:
    """Open the MLflow run of a run key, with all that is known before the work."""
    verb = "Updates the champion to" if mode == "incremental" else "Memorizes"
    tags = {
        "prefect.flow_run_id": str(flow_run.id),
        "prefect.flow_run_url": str(flow_run.ui_url),
        "mlflow.note.content": f"{verb} {decided.num_facts} facts as of {settings.as_of}: {why}",
        "mode": mode,
        "why": why,
        "snapshot": decided.snapshot_hash[:16],
    }
    verb = "update" if mode == "incremental" else "memorize"
    tracked = open_run(settings.home, key, f"{verb} {settings.as_of} {key[:8]}", tags)
    note(settings.home, run_key=key, mode=mode, mlflow_run_id=tracked.run_id)
    failpoints.reach("run.after_open")
    about = About(
        mode=mode,
        why=why,
        as_of=str(settings.as_of),
        num_facts=decided.num_facts,
        snapshot_hash=decided.snapshot_hash,
        settings=flat(settings),
        mlflow_run_id=tracked.run_id,
        mlflow_url=mlflow_url(settings.home, tracked),
        prefect_url=tags["prefect.flow_run_url"],
        prepared_seconds=_seconds_so_far(),
    )
    write_about(settings.home, key, about)
    log_settings(tracked, settings)
    tracked.log_snapshot(decided.path, decided.snapshot_hash, "training")
    counts = {f"facts/{status}": number for status, number in decided.counts.items()}
    tracked.log_metrics({"facts/facts": decided.num_facts, **counts})
    create_link_artifact(
        link=about.mlflow_url,
        link_text=f"MLflow run {tracked.run_id}",
        key="mlflow-run",
        description=f"MLflow run {tracked.run_id} in experiment lamini; `lamini ui` shows it.",
    )
    return tracked


def log_settings(tracked: TrackedRun, settings: Settings) -> None:
    """Record what the run's key covers as parameters, every other setting as a tag.

    MLflow lets no parameter change, and a run may go on on another day or with another gate.
    """
    fixed = _one_level(settings.trained_by())
    tracked.log_params(fixed)
    others = {name: value for name, value in flat(settings).items() if name not in fixed}
    tracked.set_tags({f"setting.{name}": value for name, value in others.items()})


def mlflow_url(home: Home, tracked: TrackedRun) -> str:
    """Return the run's page, among trainings, where `lamini ui` shows it now or would by itself."""
    server = find(home.path, "mlflow")
    address = server.page if server is not None else page(home.path, MLFLOW_PORT)
    run = f"experiments/{tracked.experiment_id}/runs/{tracked.run_id}"
    return f"{address}/#/{run}?workflowType=machine_learning"


def _seconds_so_far() -> float | None:
    begun = flow_run.scheduled_start_time
    return round((datetime.now(tz=UTC) - begun).total_seconds(), 1) if begun else None


def flat(settings: Settings) -> dict[str, object]:
    """Return the settings as one level of names and values, without what may be a secret."""
    whole = _one_level(settings.model_dump(mode="json"))
    return {name: without_secrets(name, value) for name, value in whole.items()}


def _one_level(values: Mapping[str, Any]) -> dict[str, object]:
    nested = {k: v for k, v in values.items() if isinstance(v, dict)}
    plain = {k: v for k, v in values.items() if k not in nested}
    return plain | {f"{k}.{n}": v for k, part in nested.items() for n, v in part.items()}
