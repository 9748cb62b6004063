"""I7 for runs: killed at every named place in turn, they end in the bank of one never killed.

Each kill is a real end of a real process; the next one goes on from what is on the disk.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows import failpoints
from flows.current_run import run_state
from flows.environment import mlflow_database, mlflow_uri
from tests.flows.test_update_run import AFTER, BEFORE, MAPPING, ROWS, SMALL
from tests.settled import settled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KILLED, RETRYABLE = 137, 4
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


def test_every_named_place_is_killed_at():
    covered = [*OF_FULL, *OF_WORKERS, *OF_UPDATE, *BOTH, *ONCE_EACH]
    assert sorted(covered) == sorted(n for n in failpoints.NAMES if n.split(".")[0] in STEPS)
    written = {
        name
        for path in (Path(__file__).parents[2] / "flows").glob("*.py")
        for name in _reached(path.read_text(encoding="utf-8"))
    }
    assert written <= {*failpoints.NAMES}


STEPS = {"run", "worker", "update", "promote", *("train_memory", "update_memory")}
STEPS |= {"write_checkpoint", "measure_recall"}


def _reached(text):
    import re

    return re.findall(r'failpoints\.reach\("([^"]+)"\)', text)


class Runs:
    """Starts runs in forks of one process, on homes below `folder`."""

    def __init__(self, folder, api_url):
        self.folder, self.api_url = folder, api_url
        rows = "\n".join(["city,code,since,until", *ROWS]) + "\n"
        (folder / "branches.csv").write_text(rows)
        (folder / "branches.toml").write_text(MAPPING)
        self.log = folder / "killing.err"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.flows.killing", str(folder)],
                cwd=Path(__file__).parents[2],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def start(self, home, as_of, *places, **more):
        environment = {
            **SMALL,
            "LAMINI_NUM_WORKERS": "1",
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
        found = run_state(home)
        assert found["state"] == "killed"
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
    made.process.wait(timeout=60)


@pytest.fixture(scope="module")
def before(runs):
    """A home whose full run was killed only after its last deed."""
    home = runs.folder / "before"
    assert runs.killed(home, BEFORE, "run.before_end")["left"] == []
    return home


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


def test_i7_killed_at_every_place_of_both_kinds_of_run_they_end_the_same(runs, before, after):
    home = runs.folder / "killed"
    for place in OF_FULL:
        assert runs.killed(home, BEFORE, place)["left"][0] == "train_memory"
    # A worker that dies is started again; then the run itself dies, before its receipt.
    deaths = runs.folder / "deaths"
    deaths.mkdir()
    places = ("worker.tune_memory", "train_memory.before_receipt")
    runs.killed(home, BEFORE, *places, LAMINI_FAILPOINT_ONCE=str(deaths))
    assert {path.name for path in deaths.iterdir()} == {*places}
    cut_snapshots(home)
    for place in BOTH:
        runs.killed(home, BEFORE, place)
    assert runs.finished(home, BEFORE)["decision"] == "nothing"
    assert run_state(home)["state"] == "done"
    assert settled(home) == settled(before)

    for place in (*OF_UPDATE[:3], BOTH[0], OF_UPDATE[3], *BOTH[1:]):
        runs.killed(home, AFTER, place)
    assert runs.finished(home, AFTER)["decision"] == "nothing"
    assert settled(home) == settled(after)
    assert not list(home.glob("runs/*/.checkpoint.*"))
    found = tracked(home)
    assert found == tracked(after)
    assert {status for _, _, status in found["runs"]} == {"FINISHED"}
    assert [status for _, status in found["models"]] == ["READY", "READY"]


def cut_snapshots(home):
    """Leave of Ray's own snapshots what a kill in the middle of writing would."""
    cut = [*home.glob("runs/*/ray/*/checkpoint_manager_snapshot.json")]
    for path in cut:
        os.truncate(path, path.stat().st_size // 2)
    assert cut


def wait_for_step(home, step):
    deadline = time.monotonic() + 300
    while (run_state(home) or {}).get("step") != step:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_with_mlflow_locked_a_run_stops_in_order_and_the_next_one_ends_the_same(
    runs, before, after
):
    home = shutil.copytree(before, runs.folder / "locked")
    runs.start(home, AFTER)
    wait_for_step(home, "update_memory")
    with contextlib.closing(sqlite3.connect(mlflow_database(home), timeout=60)) as con:
        con.execute("begin exclusive")
        assert runs.code() == RETRYABLE, runs.log.read_text()[-4000:]
    found = run_state(home)
    assert (found["state"], found["done"]) == ("failed", ["update_memory"])
    assert "takes no records" in found["why"]
    assert runs.finished(home, AFTER)["decision"] == "incremental"
    assert settled(home) == settled(after)
    assert tracked(home) == tracked(after)


def test_a_prefect_server_that_is_killed_under_a_run_is_started_again(runs, before, after):
    from flows.servers import find

    home = shutil.copytree(before, runs.folder / "no-server")
    runs.start(home, AFTER, PREFECT_API_URL="")
    wait_for_step(home, "update_memory")
    server = find(home, "prefect")
    os.killpg(server.pid, 9)
    assert runs.ended()["decision"] == "incremental"
    assert settled(home) == settled(after)
    assert find(home, "prefect") is None
