"""One trained home for the tests of whole runs, which all take copies of it."""

import json

import pytest

from tests.flows.whole_runs.branches import BEFORE, SMALL, Branches
from tests.workers import made_once


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A home that holds the branches as of BEFORE, to be read and copied."""

    def make(folder):
        made = Branches(folder).write()
        told = made.tell(*made.run_words(BEFORE))
        (folder / "told.json").write_text(json.dumps(told))

    folder = made_once(tmp_path_factory, "trained", make)
    return Branches(folder, json.loads((folder / "told.json").read_text()))


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
