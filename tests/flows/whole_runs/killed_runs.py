"""Homes on which runs are killed: forks of one process that has imported everything do the work."""

import json
import shutil
import subprocess
import sys

import pytest

from flows.environment import mlflow_uri
from flows.home.current_run import run_state
from flows.home.home import Home
from tests.flows.whole_runs.branches import AFTER, ROOT, SMALL, Branches

KILLED, RETRYABLE = 137, 4
BY_SIGNAL = -9
BOTH = (
    "write_checkpoint.before_receipt",
    "measure_recall.before_receipt",
    "promote.before_pointer",
    "promote.after_pointer",
    "promote.after_version",
    "promote.before_receipt",
)
OF_FULL = ("run.after_reconcile", "run.after_assign", "run.after_open")
OF_UPDATE = (
    "update.while_tuning",
    "update.after_checkpoint",
    "update_memory.before_receipt",
    "update.after_measuring",
)
OF_WORKERS = (
    "worker.pretrain_router",
    "worker.tune_memory",
    "worker.before_checkpoint",
    "worker.measure_recall",
)
ONCE_EACH = ("train_memory.before_receipt", "run.before_end")


def step_of(home):
    """Give the step at which the run of a home says to be; none before it says anything."""
    found = run_state(Home(home))
    return None if found is None else found.record.step


class Runs:
    """Starts runs in forks of one process, on homes below `folder`."""

    def __init__(self, folder, api_url):
        self.folder, self.api_url = Branches(folder).write().folder, api_url
        self.log = folder / "killing.err"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.flows.whole_runs.killing", str(folder)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self, home, as_of, *places, **more):
        environment = {
            **SMALL,
            "LAMINI_HOME": str(home),
            "LAMINI_AS_OF": as_of,
            "LAMINI_FAILPOINT": ",".join(places),
            "PREFECT_API_URL": self.api_url,
            **more,
        }
        self.process.stdin.write(json.dumps(environment) + "\n")
        self.process.stdin.flush()

    def code(self):
        return int(self.process.stdout.readline())

    def killed(self, home, as_of, *places, **more):
        self.start(home, as_of, *places, **more)
        assert self.code() == KILLED, (places, self.log.read_text()[-4000:])
        found = run_state(Home(home))
        assert found.state == "killed"
        return found

    def finished(self, home, as_of, **more):
        self.start(home, as_of, **more)
        return self.ended()

    def ended(self):
        assert self.code() == 0, self.log.read_text()[-4000:]
        return json.loads((self.folder / "result.json").read_text())


@pytest.fixture(scope="module")
def runs(tmp_path_factory, prefect_harness):
    from prefect.settings import get_current_settings

    made = Runs(tmp_path_factory.mktemp("runs"), get_current_settings().api.url)
    yield made
    made.process.stdin.close()
    made.process.wait(timeout=180)


@pytest.fixture(scope="module")
def before(runs, trained):
    """A home of its own after a full run."""
    return shutil.copytree(trained.home, runs.folder / "before")


@pytest.fixture(scope="module")
def after(runs, before):
    """The same, after the update."""
    home = shutil.copytree(before, runs.folder / "after")
    runs.killed(home, AFTER, "run.before_end")
    assert runs.finished(home, AFTER)["decision"] == "nothing"
    return home


def tracked(home):
    """Give what MLflow says: the runs' stages with their ends, the checkpoints, the aliases."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=mlflow_uri(home))
    experiments = [client.get_experiment_by_name("lamini").experiment_id]
    found = client.search_runs(experiments)
    keys = {run.info.run_id: run.data.tags.get("lamini.run_key") for run in found}
    return {
        "runs": sorted(
            (
                keys[run.info.run_id] or keys[run.data.tags["mlflow.parentRunId"]],
                run.data.tags["lamini.stage"],
                run.info.status,
            )
            for run in found
        ),
        "models": sorted(
            (keys[model.source_run_id], str(model.status))
            for model in client.search_logged_models(experiments)
        ),
        "champion": client.get_model_version_by_alias("lamini", "champion").tags["lamini.run_key"],
    }
