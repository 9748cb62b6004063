"""MLflow's database away for a while: records wait beside it and come in once, in their order."""

import contextlib
import fcntl
import json
import shutil
import sqlite3
import threading

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from flows.environment import mlflow_database
from flows.home.home import Home
from flows.tracking import spool
from flows.tracking.runs import known_run, open_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def run(home, monkeypatch, request):
    monkeypatch.setenv("MLFLOW_SQLALCHEMYSTORE_POOLCLASS", "NullPool")
    return open_run(Home(home), request.node.name, "a run", {})


@contextlib.contextmanager
def locked(home):
    """Hold the database as another writer that does not end."""
    with contextlib.closing(sqlite3.connect(mlflow_database(home))) as con:
        con.execute("begin exclusive")
        yield


def points(run, key="loss"):
    history = MlflowClient(tracking_uri=run.uri).get_metric_history(run.run_id, key)
    return [(metric.step, metric.value) for metric in history]


@pytest.mark.slow
def test_what_a_locked_database_does_not_take_comes_in_later_and_once(
    home, run, tmp_path, monkeypatch
):
    file = tmp_path / "table.json"
    file.write_text("{}")
    run.log_metrics({"loss": 3.0}, 0)
    with locked(home):
        run.log_metrics({"loss": 2.0}, 1)
        run.set_tags({"gate": "passed"})
        run.log_file(file, "recall")
        run.log_metrics({"loss": 1.0}, 2)
        run.end()
    path = home / "mlflow" / "spool.jsonl"
    assert len(path.read_text().splitlines()) == 5
    kept = shutil.copy(path, tmp_path / "kept")
    monkeypatch.setattr(spool, "RETRY_SECONDS", 0.0)
    spool.spool_of(run.uri).try_again_at = 0.0
    run.log_metrics({"loss": 0.5}, 3)
    assert not path.exists()
    assert points(run) == [(0, 3.0), (1, 2.0), (2, 1.0), (3, 0.5)]
    found = MlflowClient(tracking_uri=run.uri).get_run(run.run_id)
    assert (found.info.status, found.data.tags["gate"]) == ("FINISHED", "passed")
    artifacts = MlflowClient(tracking_uri=run.uri).list_artifacts(run.run_id, "recall")
    assert [item.path for item in artifacts] == ["recall/table.json"]

    # Killed after they came in and before the file was gone: they come again.
    shutil.copy(kept, path)
    assert spool.spool_of(run.uri).deliver()
    assert points(run) == [(0, 3.0), (1, 2.0), (2, 1.0), (3, 0.5)]


def waiting(home, run, *records):
    """Puts records where those of an outage wait."""
    path = home / "mlflow" / "spool.jsonl"
    path.write_text("".join(json.dumps({"run_id": run.run_id, **r}) + "\n" for r in records))
    return path


LOSS = {"metrics": [["loss", 2.0, 1_700_000_000_000, 1]]}


def test_half_a_record_of_a_killed_process_is_dropped(home, run):
    path = waiting(home, run, LOSS)
    with path.open("a") as file:
        file.write('{"run_id": "abc", "metr')
    assert spool.spool_of(run.uri).deliver()
    assert points(run) == [(1, 2.0)]
    assert not path.exists()


def test_a_record_kept_after_half_of_another_is_not_lost_with_it(home, run, monkeypatch):
    path = waiting(home, run)
    path.write_text('{"run_id": "abc", "metr')
    spool._append({"run_id": run.run_id, **LOSS}, path)
    assert spool.spool_of(run.uri).deliver()
    assert points(run) == [(1, 2.0)]


def test_a_record_of_a_file_that_is_gone_holds_up_no_other(home, run, tmp_path):
    waiting(home, run, {"file": str(tmp_path / "gone.json"), "folder": "recall"}, LOSS)
    assert spool.spool_of(run.uri).deliver()
    assert points(run) == [(1, 2.0)]


def test_who_delivers_waits_for_another_process_that_does(home, run):
    path = waiting(home, run, LOSS)
    with path.with_suffix(".lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=spool.spool_of(run.uri).deliver)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
        assert path.exists()
    thread.join()
    assert points(run) == [(1, 2.0)]


def test_what_is_measured_later_leaves_the_end_of_the_run_as_it_was(home, run):
    run.end()
    client = MlflowClient(tracking_uri=run.uri)
    ended = client.get_run(run.run_id).info
    known_run(Home(home), client.get_run(run.run_id).data.tags["lamini.run_key"]).child(
        "later"
    ).end()
    now = client.get_run(run.run_id).info
    assert (now.status, now.end_time) == (ended.status, ended.end_time)
    assert known_run(Home(home), "no such key") is None


def test_what_mlflow_refuses_is_an_error_and_does_not_wait(home, run):
    run.log_params({"seed": 1})
    with pytest.raises(MlflowException, match="seed"):
        run.log_params({"seed": 2})
    assert not (home / "mlflow" / "spool.jsonl").exists()


def test_a_kept_record_that_mlflow_refuses_does_not_hold_up_the_others(home, run):
    run.log_params({"seed": 1})
    path = waiting(home, run, {"params": [["seed", "2"]]}, LOSS)
    assert spool.spool_of(run.uri).deliver()
    assert points(run) == [(1, 2.0)]
    refused = json.loads(path.with_name("spool-refused.jsonl").read_text().splitlines()[-1])
    assert refused["params"] == [["seed", "2"]]
    assert "seed" in refused["why"]
