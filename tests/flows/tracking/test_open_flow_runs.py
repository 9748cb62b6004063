"""What runs in Prefect though its process was killed is ended there, and nothing else is."""

import os
from contextlib import contextmanager
from dataclasses import asdict
from types import SimpleNamespace
from uuid import uuid4

import pytest
from prefect.exceptions import ObjectNotFound
from prefect.states import Completed, Running

from flows.home.home import Home
from flows.home.processes import this_process
from flows.tracking import open_flow_runs
from flows.tracking.open_flow_runs import remember_flow_run, settle_flow_runs
from warehouse.durable import write_json


class Server:
    """Stands for Prefect's API: the state of each flow run it knows."""

    def __init__(self):
        self.states = {}

    def read_flow_run(self, flow_run_id):
        if flow_run_id not in self.states:
            raise ObjectNotFound(KeyError(flow_run_id))
        return SimpleNamespace(id=flow_run_id, state=self.states[flow_run_id])

    def set_flow_run_state(self, flow_run_id, state, force):
        self.states[flow_run_id] = state


@pytest.fixture
def server(monkeypatch):
    made = Server()

    @contextmanager
    def client(**given):
        yield made

    monkeypatch.setattr(open_flow_runs, "get_client", client)
    return made


def remembered(home, process, state, server):
    name = str(uuid4())
    write_json(process, home / "flow_runs" / f"{name}.json")
    if state is not None:
        server.states[name] = state
    return name


def test_only_flow_runs_whose_process_is_gone_are_ended(tmp_path, server):
    mine = asdict(this_process())
    gone = {**mine, "pid_created": 1.0}
    killed = remembered(tmp_path, gone, Running(), server)
    working = remembered(tmp_path, mine, Running(), server)
    elsewhere = remembered(tmp_path, {**gone, "host": "another"}, Running(), server)
    ended = remembered(tmp_path, gone, Completed(), server)
    remembered(tmp_path, gone, None, server)  # of a database that was thrown away
    assert settle_flow_runs(Home(tmp_path)) == [killed]
    assert server.states[killed].is_crashed()
    assert server.states[killed].message == f"process {os.getpid()} is gone"
    assert server.states[ended].is_completed()
    left = {file.stem for file in (tmp_path / "flow_runs").iterdir()}
    assert left == {working, elsewhere}
    assert settle_flow_runs(Home(tmp_path)) == []


def test_what_the_server_cannot_be_told_now_it_is_told_later(tmp_path, server, monkeypatch):
    gone = {**asdict(this_process()), "pid_created": 1.0}
    killed = remembered(tmp_path, gone, Running(), server)
    with monkeypatch.context() as away:
        away.setattr(Server, "read_flow_run", lambda *given: 1 / 0)
        assert settle_flow_runs(Home(tmp_path)) == []
    assert settle_flow_runs(Home(tmp_path)) == [killed]


def test_outside_of_a_flow_run_there_is_nothing_to_remember(tmp_path):
    remember_flow_run(Home(tmp_path))
    assert not (tmp_path / "flow_runs").exists()


@pytest.mark.slow
def test_a_real_server_shows_a_killed_flow_run_as_crashed(tmp_path, prefect_harness):
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.runtime import flow_run

    @flow
    def working():
        remember_flow_run(Home(tmp_path))
        assert settle_flow_runs(Home(tmp_path)) == []
        (file,) = (tmp_path / "flow_runs").iterdir()
        # As if another had begun it.
        write_json({**asdict(this_process()), "pid_created": 1.0}, file)
        assert settle_flow_runs(Home(tmp_path)) == [flow_run.id]
        with get_client(sync_client=True) as client:
            assert client.read_flow_run(flow_run.id).state.is_crashed()
        return "seen"

    assert working() == "seen"
    assert not list((tmp_path / "flow_runs").iterdir())
