"""End what runs left open whose process is gone: MLflow runs as KILLED, Prefect's as crashed."""

import json
import logging
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from prefect.client.orchestration import get_client
from prefect.states import Crashed

from flows.environment import mlflow_database, mlflow_uri
from flows.running.current_run import KILLED, is_gone, read_record, run_state
from flows.running.receipts import RunFolder
from flows.tracking.runs import EXPERIMENT, PROCESS_TAG, RUN_KEY_TAG
from flows.tracking.spool import spool_of

log = logging.getLogger(__name__)


def settle_tracking(home: Path) -> list[str]:
    """Deliver the records that wait, then end MLflow runs whose process is gone; give those.

    A run that had promoted its checkpoint has FINISHED: it was killed after its last deed. One that
    is to go on will be RUNNING again as soon as it is opened.
    """
    if not mlflow_database(home).is_file():
        return []
    spool_of(mlflow_uri(home)).deliver()
    client = MlflowClient(tracking_uri=mlflow_uri(home))
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    ended = []
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        process = run.data.tags.get(PROCESS_TAG)
        if process is None or not is_gone(json.loads(process)):
            continue
        folder = RunFolder(path=home / "runs" / run.data.tags.get(RUN_KEY_TAG, "none"))
        status = "KILLED" if folder.receipt("promoted") is None else "FINISHED"
        client.set_terminated(run.info.run_id, status)
        ended.append(run.info.run_id)
        log.info("ended MLflow run %s as %s: its process is gone", run.info.run_id, status)
    return ended


def settle_flow_runs(record: dict[str, Any] | None) -> None:
    """Tell the Prefect server that the flow runs of a killed run's record have crashed.

    A retrain that goes on "running" would keep the next one waiting for its turn.
    """
    if record is None:
        return
    for flow_run_id in record.get("flow_runs", ()):
        try:
            with get_client(sync_client=True) as client:
                found = client.read_flow_run(flow_run_id)
                if found.state is not None and not found.state.is_final():
                    said = f"process {record['pid']} is gone"
                    client.set_flow_run_state(found.id, Crashed(message=said), force=True)
        except Exception:
            log.debug("the Prefect server does not know the killed run", exc_info=True)


def killed_before(home: Path) -> dict[str, Any] | None:
    """Give the record of the run before this one, if it was killed."""
    state = run_state(home)
    return read_record(home) if state and state["state"] == KILLED else None
