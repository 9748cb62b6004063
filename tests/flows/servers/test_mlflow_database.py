import random
import sqlite3
import subprocess
import sys
import time

import pytest
from mlflow import MlflowClient

from flows.environment import mlflow_database, mlflow_uri
from flows.servers.mlflow_database import make_database

MAKE = """
import sys
from pathlib import Path
from flows.servers.mlflow_database import make_database
import mlflow.store.tracking.sqlalchemy_store
print("begins", flush=True)
make_database(Path(sys.argv[1]))
print("made", flush=True)
"""

pytestmark = pytest.mark.slow
"""Together they take over ten seconds."""


def begin(home):
    """Give a process that has imported all it needs and begins to make the database."""
    process = subprocess.Popen(
        [sys.executable, "-c", MAKE, str(home)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "begins\n"
    return process


def names(home):
    return {path.name for path in mlflow_database(home).parent.iterdir()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home with a database, and how long it took."""
    home = tmp_path_factory.mktemp("made")
    process, started = begin(home), time.monotonic()
    assert process.communicate()[0] == "made\n"
    return home, time.monotonic() - started


def schema(home):
    # Not the statements: MLflow writes the values of an enumeration in no order.
    columns = (
        "select t.name, c.name, c.type from sqlite_master as t, pragma_table_info(t.name) as c"
    )
    with sqlite3.connect(mlflow_database(home)) as con:
        return set(con.execute(columns))


def test_a_database_that_was_made_aside_is_one_that_mlflow_opens_and_leaves_as_it_is(made):
    home, _ = made
    assert names(home) == {"mlflow.db", "mlflow.lock"}
    before = schema(home)
    experiment_id = MlflowClient(mlflow_uri(home)).create_experiment("of a test")
    assert MlflowClient(mlflow_uri(home)).get_experiment(experiment_id).name == "of a test"
    assert schema(home) == before


def test_a_database_that_is_there_is_left_alone(tmp_path):
    path = mlflow_database(tmp_path)
    path.parent.mkdir()
    path.write_bytes(b"a user's")
    make_database(tmp_path)
    assert path.read_bytes() == b"a user's"


@pytest.mark.slow
def test_i7_killed_while_the_database_is_made_the_next_makes_it(made, tmp_path):
    _, seconds = made
    killed_half_way = 0
    for number in range(3):
        home = tmp_path / f"home-{number}"
        process = begin(home)
        time.sleep((number + random.random()) / 3 * seconds)
        process.kill()
        process.communicate()
        killed_half_way += not mlflow_database(home).exists()
        make_database(home)
        assert schema(home) == schema(made[0])
        assert names(home) == {"mlflow.db", "mlflow.lock"}
    assert killed_half_way


@pytest.mark.slow
def test_several_starters_make_one_database(made, tmp_path):
    starters = [begin(tmp_path) for _ in range(2)]
    assert [process.communicate()[0] for process in starters] == ["made\n"] * 2
    assert schema(tmp_path) == schema(made[0])
