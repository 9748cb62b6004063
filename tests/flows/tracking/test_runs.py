"""What people do to MLflow's pages and what disks do to databases stops no run without a word."""

import shutil

import pytest

from flows.errors import DatabaseDamagedError
from flows.home.home import Home
from flows.servers.server import start_prefect
from flows.tracking.runs import known_run, open_run

pytestmark = pytest.mark.slow


@pytest.fixture
def home(databases, tmp_path):
    return Home(shutil.copytree(databases, tmp_path / "home"))


def test_an_experiment_that_was_deleted_on_the_page_is_restored_with_its_runs(home):
    before = open_run(home, "key", "name", {})
    before.client.delete_experiment(before.experiment_id)
    again = open_run(home, "key", "name", {})
    assert again.experiment_id == before.experiment_id
    again.set_tags({"told": "yes"})
    assert again.client.get_run(again.run_id).data.tags["told"] == "yes"
    assert known_run(home, "key") is not None


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough" * 9])
def test_a_damaged_database_is_named_with_what_heals_it(home, content):
    database = home.path / "mlflow" / "mlflow.db"
    whole = database.read_bytes()
    database.write_bytes(content or whole[:3000])
    with pytest.raises(DatabaseDamagedError, match=r"mlflow\.db is damaged .*move it away"):
        open_run(home, "key", "name", {})
    database.write_bytes(whole)
    open_run(home, "key", "name", {})


def test_prefects_server_is_not_started_on_a_damaged_database(home):
    (home.path / "prefect" / "prefect.db").write_bytes(b"x" * 10_000)
    with pytest.raises(DatabaseDamagedError, match=r"prefect\.db is damaged .*stop lamini ui"):
        start_prefect(home.path)
    assert not (home.path / "services").exists()
