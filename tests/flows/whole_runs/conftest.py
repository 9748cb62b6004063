"""One trained home for the tests of whole runs, which all take copies of it."""

import pytest

from tests.flows.whole_runs.branches import BEFORE, SMALL, Branches


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A home that holds the branches as of BEFORE."""
    made = Branches(tmp_path_factory.mktemp("trained")).write()
    return Branches(made.folder, made.tell(*made.run_words(BEFORE)))


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
