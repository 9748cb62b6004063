"""Memorize the tables: ingest, reconcile, assign, train router and memory, measure, promote.

    lamini run

Reads: the sources. Writes: the catalogue and snapshot in HOME/warehouse, HOME/runs/<run key>,
HOME/HEAD_CHECKPOINT.json, runs in Prefect and MLflow. Killed anywhere, it goes on when run again.
"""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_link_artifact
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run

from flows import plots
from flows.asking import POINTER
from flows.assign_facts import assign_facts
from flows.errors import GateError
from flows.ingest_facts import ingest_facts
from flows.measure_recall import record_measured
from flows.receipts import RunFolder, run_key
from flows.reconcile_facts import reconcile_facts
from flows.servers import HOST
from flows.services import MLFLOW_PORT, Services
from flows.settings import Settings
from flows.tracking import TrackedRun, open_run
from flows.train_memory import log_checkpoint, train_memory
from lamini.saved import write_json, write_whole
from warehouse.errors import RetryableError
from warehouse.snapshot import open_snapshot

NUM_SHARDS = 8
"""Virtual shards of the facts: a constant, so that any number of workers gives the same experts."""
STEPS = ("train_memory", "write_checkpoint", "measure_recall")


class RunLockedError(RetryableError):
    """Another run holds this home; the message names its process."""


def run(settings: Settings, *, force: bool = False) -> dict[str, Any]:
    """Run the parent flow against the home's Prefect server, started for it if there is none."""
    with _lock(settings.home), Services(settings.home) as services:
        services.wait_ready()
        try:
            result: dict[str, Any] = memorize(settings, force)
        finally:
            # The last lines go out in batches, and would find the server gone.
            APILogWorker.drain_all(timeout=10)
        return result


@flow(validate_parameters=False)
def memorize(settings: Settings, force: bool = False) -> dict[str, Any]:
    """Bring the model to the state of the sources, doing only what is not done yet."""
    log = get_run_logger()
    started = time.monotonic()
    ingested = ingest_facts(settings.home, list(settings.sources))
    tuning = settings.tuning
    decided = reconcile_facts(
        settings.home, settings.as_of, settings.backbone, tuning.max_answer_tokens
    )
    memory = settings.memory
    assigned = assign_facts(
        settings.home, memory.num_groups, memory.group_size, NUM_SHARDS, settings.backbone
    )
    prepared = round(time.monotonic() - started, 1)
    key = run_key(settings, decided["training_hash"], _fingerprint(settings.backbone))
    folder = RunFolder(path=settings.runs / key)
    if force:
        folder.forget(*STEPS)
        for name in ("router", "tuning", "recall"):
            shutil.rmtree(folder.path / name, ignore_errors=True)
        (folder.path / "assignment.parquet").unlink(missing_ok=True)
    if _is_promoted(settings.home, folder):
        log.info("nothing to do: run %s of these facts and settings is promoted", key)
        return _result(folder, ingested, decided, prepared, is_new=False)
    tracked = _open_tracked(settings, key, decided)
    log.info("run %s: %d facts, MLflow run %s", key, decided["num_facts"], tracked.run_id)
    plan = _own_plan(folder, Path(assigned["path"]))
    _train(settings, tracked, folder, plan, Path(decided["path"]))
    return _result(folder, ingested, decided, prepared, is_new=True)


def _train(
    settings: Settings, tracked: TrackedRun, folder: RunFolder, assignment: Path, snapshot: Path
) -> None:
    from flows.training import cluster

    path = folder.path
    try:
        with cluster(settings):
            trained = folder.once(
                "train_memory",
                "checkpoint/checkpoint.json",
                lambda: train_memory(settings, tracked, path, assignment, snapshot),
            )
        folder.once(
            "write_checkpoint",
            "checkpoint/checkpoint.json",
            lambda: log_checkpoint(tracked, path),
        )
        recall = folder.once(
            "measure_recall",
            "recall/recall.parquet",
            lambda: record_measured(settings, tracked, path, assignment, snapshot),
        )
    except BaseException:
        tracked.end("FAILED")
        raise
    _log_plots(tracked, path, trained, assignment)
    tracked.log_metrics(
        {f"time/{name}": value for name, value in trained.items() if name.endswith("_seconds")}
    )
    _promote(settings, folder, recall, snapshot)
    tracked.end()


def _own_plan(folder: RunFolder, assignment: Path) -> Path:
    # The catalogue's plan moves on with later facts; the run's finished shards belong to this one.
    plan = folder.path / "assignment.parquet"
    if not plan.is_file():
        write_whole(plan, assignment.read_bytes())
    return plan


def _promote(settings: Settings, folder: RunFolder, recall: dict[str, Any], snapshot: Path) -> None:
    exact = next(
        (c["exact"] for c in recall["summary"] if c["kind"] == "training" and c["template"] == "*"),
        0.0,
    )
    if exact < settings.min_recall:
        raise GateError(
            f"run {folder.key} recalls {exact:.1%} of the training questions, below "
            f"min_recall={settings.min_recall:.1%}; the promoted checkpoint stays as it was. "
            f"The misses are in {recall['path']}"
        )
    pointer = {
        "path": str((folder.path / "checkpoint").relative_to(settings.home)),
        "run_key": folder.key,
        "snapshot_hash": _snapshot_hash(snapshot),
    }
    write_json(settings.home / POINTER, pointer)


def _snapshot_hash(snapshot: Path) -> str:
    return open_snapshot(snapshot).snapshot_hash


def _open_tracked(settings: Settings, key: str, decided: dict[str, Any]) -> TrackedRun:
    tags = {
        "prefect.flow_run_id": str(flow_run.id),
        "prefect.flow_run_url": str(flow_run.ui_url),
        "mlflow.note.content": f"Memorizes {decided['num_facts']} facts as of {settings.as_of}.",
    }
    tracked = open_run(settings.home, key, f"memorize {key[:8]}", tags)
    tracked.log_params(_flat(settings))
    tracked.log_snapshot(Path(decided["path"]), decided["snapshot_hash"], "training")
    counts = {f"facts/{status}": number for status, number in decided["counts"].items()}
    tracked.log_metrics({"facts/facts": decided["num_facts"], **counts})
    create_link_artifact(
        link=f"http://{HOST}:{MLFLOW_PORT}/#/experiments/{tracked.experiment_id}/runs/{tracked.run_id}",
        link_text=f"MLflow run {tracked.run_id}",
        key="mlflow-run",
        description=f"MLflow run {tracked.run_id} in experiment lamini; `lamini ui` shows it.",
    )
    return tracked


def _flat(settings: Settings) -> dict[str, object]:
    values = settings.model_dump(mode="json")
    nested = {k: v for k, v in values.items() if isinstance(v, dict)}
    flat = {k: v for k, v in values.items() if k not in nested}
    return flat | {f"{k}.{n}": v for k, part in nested.items() for n, v in part.items()}


def _log_plots(tracked: TrackedRun, path: Path, trained: dict[str, Any], assignment: Path) -> None:
    from lamini.training_data import read_training_facts

    facts = read_training_facts(assignment)
    figure = plots.tuning_plot(trained["active_by_pass"], path / "plots")
    tracked.log_file(figure, "plots")
    figure = plots.load_plot([fact.num_experts for fact in facts], path / "plots")
    tracked.log_file(figure, "plots")


def _fingerprint(backbone: str) -> str:
    from lamini.backbone import load_backbone

    return load_backbone(backbone).fingerprint()


def _is_promoted(home: Path, folder: RunFolder) -> bool:
    try:
        pointer = json.loads((home / POINTER).read_text())
    except (OSError, json.JSONDecodeError):
        return False
    whole = (folder.path / "checkpoint" / "checkpoint.json").is_file()
    return whole and pointer.get("run_key") == folder.key


def _result(
    folder: RunFolder,
    ingested: list[dict[str, Any]],
    decided: dict[str, Any],
    prepared_seconds: float,
    *,
    is_new: bool,
) -> dict[str, Any]:
    steps = {step: folder.receipt(step) or {} for step in STEPS}
    return {
        "run_key": folder.key,
        "is_new": is_new,
        "ingested": ingested,
        "reconciled": decided,
        "prepared_seconds": prepared_seconds,
        **steps,
    }


@contextmanager
def _lock(home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunLockedError(
                f"another run (process {file.read().strip() or 'unknown'}) works on {home}; "
                "wait for it, or stop it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
