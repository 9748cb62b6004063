"""One trained home for the tests of whole runs, which all take copies of it."""

import contextlib
import os
import signal
import sqlite3
import time

import pytest

from tests.flows.whole_runs.branches import BEFORE, SMALL, Branches


def has_a_loss(home):
    database = home / "mlflow" / "mlflow.db"
    if not database.exists():
        return False
    with contextlib.closing(
        sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=60)
    ) as con:
        return bool(con.execute("select count(*) from metrics where key = 'loss'").fetchone()[0])


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A home that holds the branches as of BEFORE; its full run was killed once while training."""
    made = Branches(tmp_path_factory.mktemp("trained")).write()
    words = made.run_words(BEFORE)
    process = made.start(*words, "--json")
    deadline = time.monotonic() + 600
    # What the workers tell after the kill, nobody hears: a state alone may come before any loss.
    while not (list(made.home.glob("runs/*/router/state-*.safetensors")) and has_a_loss(made.home)):
        assert time.monotonic() < deadline, "no state and loss of the router within ten minutes"
        assert process.poll() is None, process.stderr.read()[-3000:]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (made.home / "HEAD_CHECKPOINT.json").exists()
    return Branches(made.folder, made.tell(*words))


@pytest.fixture
def copied(trained, tmp_path):
    """A home of its own, to be changed."""
    return trained.copy(tmp_path / "own")


@pytest.fixture
def small(monkeypatch):
    """Sets the small trainings, and as of when, for runs of this process."""

    def use(home, as_of):
        for name, value in {**SMALL, "LAMINI_HOME": str(home), "LAMINI_AS_OF": as_of}.items():
            monkeypatch.setenv(name, value)

    return use
