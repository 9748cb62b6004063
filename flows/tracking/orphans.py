"""End in MLflow, as KILLED, what runs left open whose process is gone."""

import json
import logging

from mlflow import MlflowClient
from mlflow.entities import Run

from flows.environment import mlflow_database, mlflow_uri
from flows.home.home import Home
from flows.home.processes import Process, this_process
from flows.home.receipts import Promoted
from flows.home.run_folder import RunFolder
from flows.tracking.runs import EXPERIMENT, MEASURING, PROCESS_TAG, RUN_KEY_TAG, STAGE_TAG
from flows.tracking.spool import spool_of

log = logging.getLogger(__name__)


def settle_tracking(home: Home) -> list[str]:
    """Deliver the records that wait, then end MLflow runs whose process is gone; give those.

    To be called under the run lock: so what a run of another host left open is over, too, though
    its process cannot be seen from here. Measuring alone needs no lock.
    A run that had promoted its checkpoint has FINISHED: it was killed after its last deed. One that
    is to go on will be RUNNING again as soon as it is opened.
    """
    if not mlflow_database(home.path).is_file():
        return []
    spool_of(mlflow_uri(home.path)).deliver()
    client = MlflowClient(tracking_uri=mlflow_uri(home.path))
    experiment = client.get_experiment_by_name(EXPERIMENT)
    if experiment is None:
        return []
    ended = []
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        process = run.data.tags.get(PROCESS_TAG)
        if process is None or not _is_over(run, Process(**json.loads(process))):
            continue
        folder = RunFolder(path=home.run(run.data.tags.get(RUN_KEY_TAG, "none")))
        status = "KILLED" if folder.read(Promoted) is None else "FINISHED"
        client.set_terminated(run.info.run_id, status)
        ended.append(run.info.run_id)
        log.info("ended MLflow run %s as %s: its process is gone", run.info.run_id, status)
    return ended


def _is_over(run: Run, process: Process) -> bool:
    is_measuring = run.data.tags.get(STAGE_TAG, "").startswith(MEASURING)
    return process.is_gone if is_measuring else process != this_process()
