"""A served home, with a real Prefect server: data changes, and a retrain follows without a hand."""

import contextlib
import json
import os
import re
import signal
import time
import urllib.error

import psutil
import pytest

from flows.home.champion import read_pointer
from flows.home.current_run import run_state
from flows.home.home import Home
from flows.servers.auth_string import auth_string
from flows.servers.server import find
from tests.flows.whole_runs.branches import AFTER, ROWS, ask_prefect
from tests.flows.whole_runs.killed_runs import BOTH, OF_FULL, OF_UPDATE, step_of, tracked
from tests.settled import settled

NEVER = {
    # Nothing comes by the clock while the test looks.
    "LAMINI_SCHEDULE__INGEST": "0 0 1 1 *",
    "LAMINI_SCHEDULE__RETRAIN": "0 0 1 1 *",
    "LAMINI_SCHEDULE__MEASURE": "0 0 1 1 *",
    "LAMINI_SCHEDULE__WATCH_SECONDS": "86400",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


class Served:
    """A home that is served, and Prefect's own word on it."""

    def __init__(self, branches, **environment):
        self.branches, self.home = branches, branches.home
        config = branches.folder / "lamini.toml"
        config.write_text('home = "home"\nsources = ["branches.toml"]\n')
        self.log = branches.folder / "serve.log"
        self.process = branches.start(
            *("serve", "--json"),
            stderr=self.log.open("w"),
            LAMINI_CONFIG=str(config),
            LAMINI_AS_OF=AFTER,
            **NEVER,
            **environment,
        )
        text = ""
        while not text.endswith("\n}\n"):
            line = self.process.stdout.readline()
            assert line, self.log.read_text()[-3000:]
            text += line
        self.url = json.loads(text)["prefect"]

    def call(self, path, body=None):
        return ask_prefect(self.url, path, body, secret=auth_string(self.home))

    def deployment(self, name, seconds=300):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.call(f"deployments/name/{name}")
            except urllib.error.HTTPError:
                assert time.monotonic() < deadline, f"no deployment {name}"
                time.sleep(0.5)

    def start(self, name):
        """Begin a run, as its schedule would."""
        found = self.deployment(name)
        return self.call(f"deployments/{found['id']}/create_flow_run", {})["id"]

    def state(self, run_id):
        return self.call(f"flow_runs/{run_id}")["state"]

    def finish(self, run_id, seconds=1200):
        deadline = time.monotonic() + seconds
        while (state := self.state(run_id))["type"] not in ("COMPLETED", "FAILED", "CRASHED"):
            assert time.monotonic() < deadline, (state, self.log.read_text())
            time.sleep(0.5)
        assert state["type"] == "COMPLETED", self.log.read_text()[-5000:]
        return state["message"]

    def retrains(self):
        """The runs of retrain that are not merely planned for next year."""
        found = self.call("flow_runs/filter", {"flows": {"name": {"any_": ["retrain"]}}})
        return [run["id"] for run in found if not run["auto_scheduled"]]

    def next_retrain(self, known, seconds=600):
        deadline = time.monotonic() + seconds
        while not (new := [run for run in self.retrains() if run not in known]):
            assert time.monotonic() < deadline, self.log.read_text()[-5000:]
            time.sleep(0.5)
        return new[0]

    def stop(self):
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(90)
        _, left = psutil.wait_procs(family, timeout=20)
        for process in left:
            process.kill()
        assert not left, "serve left processes behind"

    def kill(self):
        """Kill it with all that it started, as a machine that goes down does."""
        family = psutil.Process(self.process.pid).children(recursive=True)
        for process in (self.process, *family):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()
        assert not psutil.wait_procs(family, timeout=30)[1]


@pytest.fixture(scope="module")
def served(trained, tmp_path_factory):
    found = Served(trained.copy(tmp_path_factory.mktemp("served") / "own"))
    yield found
    found.stop()


@pytest.mark.torture  # two servers and the start of every flow's process
def test_i7_what_serves_is_killed_with_its_retrain_and_the_next_one_retrains(trained, tmp_path):
    first = Served(trained.copy(tmp_path / "own"))
    try:
        first.branches.write([*ROWS, "Lund,LU12,,"])
        assert first.finish(first.start("watch-sources/files")) == "branches changed"
        retrain = first.next_retrain(known=[])
        deadline = time.monotonic() + 600
        while step_of(first.home) != "update_memory":
            assert time.monotonic() < deadline, first.log.read_text()[-5000:]
            time.sleep(0.02)
        assert run_state(Home(first.home)).state == "running"
    finally:
        first.kill()
    assert run_state(Home(first.home)).state == "killed", run_state(Home(first.home))
    second = Served(first.branches)
    try:
        assert second.state(retrain)["type"] == "CRASHED"
        told = second.finish(second.start("retrain/champion"))
        assert "groups of experts retrained, promoted v2 (run " in told
        assert run_state(Home(first.home)).state == "done"
    finally:
        second.stop()


@pytest.mark.torture  # a server's start for each place
def test_i7_a_runner_killed_at_every_place_of_its_retrain_leaves_no_trace(trained, tmp_path):
    """The retrain goes on without it; who serves next finds what it made, and its runs ended."""
    branches, undisturbed = (trained.copy(tmp_path / name) for name in ("own", "undisturbed"))
    (deaths := tmp_path / "deaths").mkdir()
    retrains = []
    try:
        for number, place in enumerate((*OF_FULL, *OF_UPDATE, *BOTH, "run.before_end")):
            rows = [*ROWS, *(f"Town {n},T{n:03d},," for n in range(number + 1))]
            branches.write(rows)
            victim = {"LAMINI_FAILPOINT": place, "LAMINI_FAILPOINT_VICTIM": "parent"}
            served = Served(branches, **victim, LAMINI_FAILPOINT_ONCE=str(deaths))
            served.finish(served.start("watch-sources/files"))
            retrains.append(served.next_retrain(retrains))
            assert served.process.wait(600) == -signal.SIGKILL
            assert (deaths / place).exists()
            served.finish(retrains[-1])
            undisturbed.write(rows)
            undisturbed.tell(*undisturbed.run_words())
            assert settled(branches.home) == settled(undisturbed.home), place
        assert {status for _, _, status in tracked(branches.home)["runs"]} == {"FINISHED"}
    finally:
        if (server := find(branches.home, "prefect")) is not None:
            os.killpg(server.pid, signal.SIGKILL)


def test_changed_data_leads_to_a_finished_retrain_and_unchanged_data_to_none(served):
    before = read_pointer(Home(served.home)).champion
    rows = [*ROWS, "Lund,LU12,,"]
    served.branches.write(rows)
    assert served.finish(served.start("watch-sources/files")) == "branches changed"
    first = served.next_retrain(known=[])
    told = served.finish(first)
    assert told.startswith("2 facts added, 1 fact changed, 1 fact retired, ")
    assert "groups of experts retrained, promoted v2 (run " in told
    champion = read_pointer(Home(served.home)).champion
    assert (champion.num_facts, champion.base) == (9, before.run_key)
    assert champion.run_key in told

    # The same content under a new time, and taken in again by its own schedule: nothing follows.
    served.branches.write(rows)
    assert served.finish(served.start("watch-sources/files")) == "no file changed"
    told = served.finish(served.start("refresh-facts/branches"))
    assert told == "0 of 1 sources had new content; nothing to train"
    told = served.finish(served.start("measure-champion/recall"))
    assert re.fullmatch(rf"run {champion.run_key} recalls \S+% of its training questions", told)
    assert served.retrains() == [first]
    assert read_pointer(Home(served.home)).champion == champion
