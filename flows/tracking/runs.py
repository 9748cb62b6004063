"""What a run tells MLflow: one parent run, a child for each training, checkpoints as LoggedModels.

Aggregates are metrics; recall per fact is one Parquet file for each evaluation (ten thousand
metrics make the pages unusable). Everything goes straight to the database of the home, by an
explicit client: no active run that a restart could mix up.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LifecycleStage,
    LoggedModelOutput,
)
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

from flows.environment import mlflow_artifacts, mlflow_uri
from flows.home.home import Home
from flows.home.processes import this_process
from flows.servers.mlflow_database import make_database
from flows.tracking.spool import spool_of

log = logging.getLogger(__name__)

EXPERIMENT = "lamini"
RUN_KEY_TAG = "lamini.run_key"
STAGE_TAG = "lamini.stage"
MAX_TAG_LENGTH = 8000  # MLflow's
MEASURING = "measure_recall_"
"""How the stage begins of a champion's measurement, which goes on beside any run."""
PROCESS_TAG = "lamini.process"
"""The process that works on the run; `flows.tracking.orphans` ends what it left open."""


@dataclass(frozen=True, kw_only=True)
class TrackedRun:
    """One MLflow run, reached by URI and id from any process."""

    uri: str
    run_id: str
    experiment_id: str

    @property
    def client(self) -> MlflowClient:
        return MlflowClient(tracking_uri=self.uri)

    def log_params(self, params: Mapping[str, object]) -> None:
        """Record parameters; the same ones again are no error."""
        entities = [(key, str(value)[:6000]) for key, value in params.items()]
        for start in range(0, len(entities), 100):
            self._send(params=entities[start : start + 100])

    def log_metrics(
        self, numbers: Mapping[str, float], step: int = 0, model_id: str | None = None
    ) -> None:
        """Record numbers at a step, of the run and, if one is named, of a checkpoint."""
        now = int(time.time() * 1000)
        self._send(
            metrics=[(key, float(value), now, step, model_id) for key, value in numbers.items()]
        )

    def log_step(self, step: int, numbers: Mapping[str, float]) -> None:
        """Record a training's numbers at a step; where MLflow refuses them, training goes on."""
        try:
            self.log_metrics(numbers, step)
        except Exception:
            log.warning("MLflow did not take the numbers of step %d", step, exc_info=True)

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Record tags."""
        self._send(tags=[(key, str(value)[:MAX_TAG_LENGTH]) for key, value in tags.items()])

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Copy a file to the run's artifacts."""
        self._send(file=str(path), folder=folder)

    def mark_table(self, artifact: str) -> None:
        """Make MLflow's evaluation pages offer a logged table; `log_table` itself would append."""
        tags = self.client.get_run(self.run_id).data.tags
        known = json.loads(tags.get(MLFLOW_LOGGED_ARTIFACTS, "[]"))
        table = {"path": artifact, "type": "table"}
        if table not in known:
            self.set_tags({MLFLOW_LOGGED_ARTIFACTS: json.dumps([*known, table])})

    def log_snapshot(self, path: Path, digest: str, context: str) -> None:
        """Record the snapshot as dataset input, under our own digest (MLflow's samples rows)."""
        entity = Dataset(
            name="facts",
            digest=digest[:36],
            source_type="local",
            source=json.dumps({"uri": path.as_uri()}),
        )
        tags = [InputTag("mlflow.data.context", context), InputTag("snapshot_hash", digest)]
        self.client.log_inputs(self.run_id, [DatasetInput(entity, tags)])

    def log_checkpoint(
        self,
        folder: Path,
        served: Path,
        numbers: Mapping[str, float],
        params: Mapping[str, object],
    ) -> str:
        """Record a checkpoint as LoggedModel and return its id; the weights stay where they are.

        `served` holds what `mlflow models serve` loads.
        """
        mlflow.set_tracking_uri(self.uri)
        name = f"{folder.parent.name}-{folder.name}"
        logged = self._logged(folder) or mlflow.initialize_logged_model(
            name=name,
            experiment_id=self.experiment_id,
            source_run_id=self.run_id,
            params={key: str(value) for key, value in params.items()},
            tags={"lamini.checkpoint": folder.as_uri(), "lamini.step": "0"},
            model_type="lamini",
        )
        client = MlflowClient(self.uri)
        client.log_model_artifact(logged.model_id, str(folder / "checkpoint.json"), "")
        client.log_model_artifacts(logged.model_id, str(served))
        for key, value in numbers.items():
            self.client.log_metric(self.run_id, key, float(value), step=0, model_id=logged.model_id)
        mlflow.finalize_logged_model(logged.model_id, "READY")
        # Without it the run's page shows no model; twice, MLflow 3.17 takes it for an error.
        outputs = self.client.get_run(self.run_id).outputs
        known = {model.model_id for model in outputs.model_outputs} if outputs else set()
        if logged.model_id not in known:
            output = LoggedModelOutput(model_id=logged.model_id, step=0)
            self.client.log_outputs(self.run_id, [output])
        return str(logged.model_id)

    def _logged(self, folder: Path) -> Any:
        """Return the LoggedModel of this run's checkpoint that a killed process began, if any."""
        found = self.client.search_logged_models(
            [self.experiment_id], f"source_run_id = '{self.run_id}'"
        )
        return next((m for m in found if m.tags.get("lamini.checkpoint") == folder.as_uri()), None)

    def end(self, status: str = "FINISHED") -> None:
        """Close the run."""
        self._send(status=status, end_time=int(time.time() * 1000))

    def _send(self, **record: object) -> None:
        # What MLflow cannot take now waits beside its database; training does not.
        spool_of(self.uri).send({"run_id": self.run_id, **record})

    def child(self, stage: str) -> "TrackedRun":
        """Return this run's child for one training, the same one after a restart."""
        return _find_or_create(
            self.uri,
            self.experiment_id,
            stage.replace("_", " "),
            {"mlflow.parentRunId": self.run_id, STAGE_TAG: stage},
        )


def open_run(home: Home, key: str, name: str, tags: Mapping[str, str]) -> TrackedRun:
    """Return the parent run of a run key, the same one when the key is run again."""
    uri = mlflow_uri(home.path)
    make_database(home.path)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        location = mlflow_artifacts(home.path)
        experiment_id = client.create_experiment(EXPERIMENT, artifact_location=location)
    else:
        experiment_id = experiment.experiment_id
        if experiment.lifecycle_stage == LifecycleStage.DELETED:  # by a click on MLflow's page
            client.restore_experiment(experiment_id)
            log.warning("MLflow's experiment %s was deleted; it is restored", EXPERIMENT)
    run = _find_or_create(uri, experiment_id, name, {RUN_KEY_TAG: key, STAGE_TAG: "memorize"})
    run.set_tags(tags)
    return run


def known_run(home: Home, key: str) -> TrackedRun | None:
    """Return the parent run of a run key as it is, its end and status untouched; null if none."""
    uri = mlflow_uri(home.path)
    make_database(home.path)
    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return None
    experiment_id = experiment.experiment_id
    run_id = _run_with(client, experiment_id, {RUN_KEY_TAG: key, STAGE_TAG: "memorize"})
    if run_id is None:
        return None
    return TrackedRun(uri=uri, run_id=run_id, experiment_id=experiment_id)


def _run_with(client: MlflowClient, experiment_id: str, tags: Mapping[str, str]) -> str | None:
    wanted = " and ".join(f"tags.`{key}` = '{value}'" for key, value in tags.items())
    found = client.search_runs([experiment_id], wanted, max_results=1)
    return found[0].info.run_id if found else None


def _find_or_create(uri: str, experiment_id: str, name: str, tags: Mapping[str, str]) -> TrackedRun:
    client = MlflowClient(tracking_uri=uri)
    run_id = _run_with(client, experiment_id, tags)
    process = json.dumps(asdict(this_process()))
    if run_id:
        client.set_tag(run_id, PROCESS_TAG, process)
        client.update_run(run_id, status="RUNNING")
    else:
        owned = {**tags, PROCESS_TAG: process}
        run_id = client.create_run(experiment_id, tags=owned, run_name=name).info.run_id
    return TrackedRun(uri=uri, run_id=run_id, experiment_id=experiment_id)


def log_report(run: TrackedRun, folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a JSON table, which MLflow's page shows, and log it."""
    columns = list(rows[0]) if rows else []
    table = {"columns": columns, "data": [[row[c] for c in columns] for row in rows]}
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(table))
    run.log_file(path, "recall")
    run.mark_table(f"recall/{name}")
