"""A server is started again however often it dies, unless it never stays up."""

import time
from types import SimpleNamespace

import pytest

from flows.servers import keep_up
from flows.servers.keep_up import MAX_RESTARTS, KeepUp


@pytest.fixture
def starts(monkeypatch, request):
    """A server that is gone whenever it is looked at, and how often it was started again."""
    monkeypatch.setattr(keep_up, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(keep_up, "STABLE_SECONDS", request.param)
    found = []

    def start_again():
        found.append(SimpleNamespace(name="prefect", is_alive=False))
        return found[-1]

    kept = KeepUp(SimpleNamespace(name="prefect", is_alive=False), start_again)
    yield found
    kept.stop()


def wait_for(done):
    deadline = time.monotonic() + 10
    while not done() and time.monotonic() < deadline:
        time.sleep(0.001)
    assert done()


@pytest.mark.parametrize("starts", [60.0], indirect=True)
def test_a_server_that_dies_at_once_is_started_again_a_few_times_only(starts):
    wait_for(lambda: len(starts) == MAX_RESTARTS)
    time.sleep(0.02)
    assert len(starts) == MAX_RESTARTS


@pytest.mark.parametrize("starts", [0.0], indirect=True)
def test_one_that_stayed_up_in_between_is_started_again_however_often(starts):
    wait_for(lambda: len(starts) > 2 * MAX_RESTARTS)
