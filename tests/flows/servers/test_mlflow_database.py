import contextlib
import multiprocessing
import random
import signal
import sqlite3
import time

import pytest
from mlflow import MlflowClient

from flows.environment import mlflow_database, mlflow_uri
from flows.servers.mlflow_database import make_database

pytestmark = pytest.mark.slow
"""Together they take over ten seconds."""


# Its processes have imported all that they need, and are forks of one without threads.
CLEAN = multiprocessing.get_context("forkserver")
CLEAN.set_forkserver_preload(["mlflow.store.tracking.sqlalchemy_store", make_database.__module__])


def begin(home):
    """Give a process that begins to make the database."""
    process = CLEAN.Process(target=make_database, args=(home,))
    process.start()
    return process


def ended(process):
    process.join()
    return process.exitcode


def names(home):
    return {path.name for path in mlflow_database(home).parent.iterdir()}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home with a database, and how long it took."""
    first = CLEAN.Process(target=int)  # the one that is forked has imported all when this has ended
    first.start()
    assert ended(first) == 0
    home = tmp_path_factory.mktemp("made")
    started = time.monotonic()
    assert ended(begin(home)) == 0
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
    with contextlib.closing(sqlite3.connect(path)) as con:
        con.execute("create table of_a_user (a)")
    before = path.read_bytes()
    make_database(tmp_path)
    assert path.read_bytes() == before


def test_i7_killed_while_the_database_is_made_the_next_makes_it(made, tmp_path):
    """At random moments, over and over: tests/torture/test_kill_services.py."""
    process = begin(tmp_path)
    time.sleep(random.uniform(0.2, 0.7) * made[1])
    process.kill()
    assert ended(process) == -signal.SIGKILL
    assert not mlflow_database(tmp_path).exists()
    make_database(tmp_path)
    assert schema(tmp_path) == schema(made[0])
    assert names(tmp_path) == {"mlflow.db", "mlflow.lock"}


def test_several_starters_make_one_database(made, tmp_path):
    starters = [begin(tmp_path) for _ in range(2)]
    assert [ended(process) for process in starters] == [0, 0]
    assert schema(tmp_path) == schema(made[0])
