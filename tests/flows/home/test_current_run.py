"""The record of a run says what is so while it works, when it was killed, and when it ended."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.home.current_run import note, recorded, run_state
from flows.home.home import Home
from flows.home.run_folder import RunFolder
from flows.home.run_lock import run_lock
from flows.tracking.orphans import settle_tracking
from flows.tracking.runs import PROCESS_TAG, open_run
from lamini.saved import write_json

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
KILLED = """
import os, sys
from pathlib import Path
from flows.home.current_run import note, recorded
from flows.home.home import Home
from flows.tracking.runs import open_run
home = Home(Path(sys.argv[1]))
with recorded(home):
    for key in ("aaaa", "bbbb"):
        open_run(home, key, key, {}).child("tune_memory")
    note(home, run_key="aaaa", mode="full", step="train_memory")
    os._exit(137)
"""


def test_a_run_that_works_is_running_and_says_what_is_left(tmp_path):
    assert run_state(Home(tmp_path)) is None
    with recorded(Home(tmp_path)):
        note(Home(tmp_path), run_key="aaaa", mode="incremental", step="measure_recall")
        receipts = tmp_path / "runs" / "aaaa" / "receipts"
        for step in ("update_memory", "write_checkpoint"):
            write_json(receipts / f"{step}.json", {})
        found = run_state(Home(tmp_path))
        assert (found.state, found.record.pid) == ("running", os.getpid())
        assert found.done == ("update_memory", "write_checkpoint")
        assert found.left == ("measure_recall", "gate", "promoted")
    assert run_state(Home(tmp_path)).state == "done"


def test_a_run_that_failed_says_why(tmp_path):
    with pytest.raises(ValueError, match="too few"), recorded(Home(tmp_path)):
        raise ValueError("too few\nfacts")
    found = run_state(Home(tmp_path))
    assert (found.state, found.record.why) == ("failed", "too few")


def test_only_the_process_of_the_record_adds_to_it(tmp_path):
    with recorded(Home(tmp_path)):
        path = tmp_path / "run.json"
        other = {**json.loads(path.read_text()), "pid": 1}
        path.write_text(json.dumps(other))
        note(Home(tmp_path), step="gate")
        assert json.loads(path.read_text()) == other


def test_a_run_of_a_host_that_is_no_more_works_only_while_its_lock_is_held(tmp_path, monkeypatch):
    with monkeypatch.context() as there:
        there.setattr("socket.gethostname", lambda: "a container that was restarted")
        with contextlib.suppress(SystemExit), recorded(Home(tmp_path)):
            open_run(Home(tmp_path), "aaaa", "aaaa", {}).child("tune_memory")
            open_run(Home(tmp_path), "bbbb", "bbbb", {}).child("measure_recall_2026-01-01")
            there.setattr("flows.home.current_run._write", lambda *given: None)  # killed here
            raise SystemExit
    with run_lock(Home(tmp_path)):
        assert run_state(Home(tmp_path)).state == "running"
    assert run_state(Home(tmp_path)).state == "killed"
    settle_tracking(Home(tmp_path))
    assert {status for _, stage, status in statuses(tmp_path) if "recall" not in stage} == {
        "KILLED"
    }
    measuring = {status for _, stage, status in statuses(tmp_path) if "recall" in stage}
    assert measuring == {"RUNNING"}  # it takes no lock, so nobody knows


def statuses(home):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lamini").experiment_id
    return {
        (run.data.tags.get("lamini.run_key"), run.data.tags["lamini.stage"], run.info.status)
        for run in client.search_runs([experiment])
    }


def test_a_killed_run_is_told_from_one_that_works_and_what_it_left_open_is_ended(tmp_path, lamini):
    code = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, check=False)
    assert code.returncode == 137
    found = run_state(Home(tmp_path))
    assert found.state == "killed"
    assert (found.record.step, found.record.run_key) == ("train_memory", "aaaa")
    assert found.left[0] == "train_memory"
    os.environ["LAMINI_HOME"] = str(tmp_path)
    assert "killed at train_memory" in lamini("status").stdout
    # One of them had done its last deed, and one is alive: ours.
    write_json(RunFolder(path=tmp_path / "runs" / "bbbb").path / "receipts" / "promoted.json", {})
    mine = open_run(Home(tmp_path), "cccc", "mine", {})
    assert len(settle_tracking(Home(tmp_path))) == 4
    assert statuses(tmp_path) == {
        ("aaaa", "memorize", "KILLED"),
        ("bbbb", "memorize", "FINISHED"),
        (None, "tune_memory", "KILLED"),
        ("cccc", "memorize", "RUNNING"),
    }
    assert PROCESS_TAG in mine.client.get_run(mine.run_id).data.tags
    # Opened again, it is this process's, and runs.
    open_run(Home(tmp_path), "aaaa", "aaaa", {})
    assert ("aaaa", "memorize", "RUNNING") in statuses(tmp_path)
    assert settle_tracking(Home(tmp_path)) == []
