"""One trained home for the tests of whole runs, which all take copies of it."""

import os
import signal
import time

import pytest

from tests.flows.whole_runs.branches import BEFORE, SMALL, Branches


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A home that holds the branches as of BEFORE; its full run was killed once while training."""
    made = Branches(tmp_path_factory.mktemp("trained")).write()
    words = made.run_words(BEFORE)
    process = made.start(*words, "--json")
    deadline = time.monotonic() + 600
    while not list(made.home.glob("runs/*/router/state-*.safetensors")):
        assert time.monotonic() < deadline, "no state of the router within ten minutes"
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
