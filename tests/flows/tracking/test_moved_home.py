"""A home that was moved or copied writes into no other place."""

import json
import shutil

import mlflow
import pytest
from mlflow.artifacts import list_artifacts

from flows.configuration.settings import load_settings
from flows.errors import SettingsError
from flows.home.home import Home
from flows.home.processes import this_process
from flows.servers import server
from flows.servers.mlflow_database import settle_artifacts
from flows.serving.served_model import _home_of
from flows.tracking.runs import open_run

pytestmark = pytest.mark.slow


@pytest.fixture
def noted(databases, tmp_path):
    """A home with signs in its path and a file among the artifacts of its run."""
    home = shutil.copytree(databases, tmp_path / "a #1 %20 é_b")
    note(home, "first")
    return home


def note(home, name):
    (home / name).write_text("text")
    # A run each: MLflow keeps in a process where it found a run's artifacts.
    run = open_run(Home(home), name, name, {})
    run.log_file(home / name)
    return run


def artifacts(home):
    return {path.name for path in (home / "mlflow" / "artifacts").rglob("*") if path.is_file()}


def test_what_a_moved_home_notes_lies_in_it_and_the_old_place_is_not_made_again(noted, tmp_path):
    moved = noted.rename(tmp_path / "elsewhere #2")
    run = note(moved, "second")
    assert artifacts(moved) == {"first", "second"}
    assert not noted.exists()
    found = {item.path for item in list_artifacts(run_id=run.run_id, tracking_uri=run.uri)}
    assert found == {"second"}


def test_what_a_copy_notes_is_not_found_in_the_original(noted, tmp_path):
    copy = shutil.copytree(noted, tmp_path / "copy")
    note(copy, "second")
    assert (artifacts(noted), artifacts(copy)) == ({"first"}, {"first", "second"})
    note(noted, "third")
    assert (artifacts(noted), artifacts(copy)) == ({"first", "third"}, {"first", "second"})


def test_a_home_that_stayed_is_left_alone(noted):
    database = noted / "mlflow" / "mlflow.db"
    before = database.read_bytes()
    settle_artifacts(noted)
    assert database.read_bytes() == before


def test_a_copy_does_not_take_the_originals_servers_for_its_own(noted, tmp_path):
    me = this_process()
    record = server.Server(
        name="mlflow",
        url="http://127.0.0.1:1",
        health="http://127.0.0.1:1/health",
        pid=me.pid,
        pid_created=me.pid_created,
        log="log",
        auth_file=str(server.auth_file(noted)),
        owner_pid=me.pid,
        owner_created=me.pid_created,
    )
    (noted / "services").mkdir()
    (noted / "services" / "mlflow.json").write_text(json.dumps(vars(record)))
    copy = shutil.copytree(noted, tmp_path / "copy")
    assert server.find(noted, "mlflow") is not None
    assert server.find(copy, "mlflow") is None


def test_a_model_serves_the_home_whose_database_names_it(noted, tmp_path, monkeypatch):
    monkeypatch.delenv("LAMINI_HOME", raising=False)
    config = {"home": str(noted), "checkpoint": "runs/k/checkpoint"}
    copy = shutil.copytree(noted, tmp_path / "copy")
    (copy / "runs" / "k" / "checkpoint").mkdir(parents=True)
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(f"sqlite:///{copy}/mlflow/mlflow.db")
        assert _home_of(config) == Home(copy)
        mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/other.db")
        assert _home_of(config) == Home(noted)
    finally:
        mlflow.set_tracking_uri(before)


def test_a_question_mark_in_a_homes_path_is_refused_before_anything_is_written(tmp_path):
    home = tmp_path / "what?"
    with pytest.raises(SettingsError, match="question mark"):
        load_settings({"home": home})
    assert not home.exists()
