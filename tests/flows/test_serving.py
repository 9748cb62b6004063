"""A served home, with a real Prefect server: data changes, and a retrain follows without a hand."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from flows.promotion.champion import read_pointer

MAPPING = """
name = "branches"
path = "branches.csv"

[claim]
subject = "city"
relation = {constant = "branch.code"}
value = "code"
question = {template = "What is the branch code of {subject}?"}
paraphrases = {templates = ["{subject} branch code"]}
"""
CITIES = ("Aarhus", "Bergen", "Coimbra", "Dresden", "Espoo", "Fribourg", "Graz", "Haarlem")
SMALL = {
    "LAMINI_ROUTER_TRAINING__NUM_STEPS": "20",
    "LAMINI_ROUTER_TRAINING__BATCH_FACTS": "8",
    "LAMINI_ROUTER_TRAINING__NUM_NEGATIVES": "64",
    "LAMINI_NUM_WORKERS": "1",
    # A router of twenty steps: what it misses is no matter here.
    "LAMINI_MIN_RECALL": "0",
    "LAMINI_GATE__MIN_CHANGED": "0",
    "LAMINI_GATE__MAX_FOREIGN": "1",
    "LAMINI_GATE__MAX_NEAR_FOREIGN": "1",
    # Nothing comes by the clock while the test looks.
    "LAMINI_SCHEDULE__INGEST": "0 0 1 1 *",
    "LAMINI_SCHEDULE__RETRAIN": "0 0 1 1 *",
    "LAMINI_SCHEDULE__MEASURE": "0 0 1 1 *",
    "LAMINI_SCHEDULE__WATCH_SECONDS": "86400",
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


class Served:
    """A home that is served, and Prefect's own word on it."""

    def __init__(self, folder):
        self.folder, self.home = folder, folder / "home"
        (folder / "lamini.toml").write_text('home = "home"\nsources = ["branches.toml"]\n')
        root = Path(__file__).parents[2]
        given = {"PYTHONPATH": str(root), "LAMINI_CONFIG": str(folder / "lamini.toml")}
        self.log = (folder / "serve.log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "serve", "--json"],
            env={**os.environ, **SMALL, **given},
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=folder,
        )
        text = ""
        while not text.endswith("\n}\n"):
            line = self.process.stdout.readline()
            assert line, (folder / "serve.log").read_text()[-3000:]
            text += line
        self.url = json.loads(text)["prefect"]

    def call(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(
            f"{self.url}/{path}", data=data, headers={"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(asked, timeout=60) as reply:
            return json.load(reply)

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
            assert time.monotonic() < deadline, (state, (self.folder / "serve.log").read_text())
            time.sleep(0.5)
        assert state["type"] == "COMPLETED", (self.folder / "serve.log").read_text()[-5000:]
        return state["message"]

    def retrains(self):
        """The runs of retrain that are not merely planned for next year."""
        found = self.call("flow_runs/filter", {"flows": {"name": {"any_": ["retrain"]}}})
        return [run["id"] for run in found if not run["auto_scheduled"]]

    def next_retrain(self, known, seconds=600):
        deadline = time.monotonic() + seconds
        while not (new := [run for run in self.retrains() if run not in known]):
            assert time.monotonic() < deadline, (self.folder / "serve.log").read_text()[-5000:]
            time.sleep(0.5)
        return new[0]


def write_table(folder):
    rows = [f"{city},{city[:2].upper()}{i}7" for i, city in enumerate(CITIES)]
    (folder / "branches.csv").write_text("\n".join(["city,code", *rows]) + "\n")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    (folder / "branches.toml").write_text(MAPPING)
    write_table(folder)
    found = Served(folder)
    yield found
    family = psutil.Process(found.process.pid).children(recursive=True)
    found.process.send_signal(signal.SIGTERM)
    found.process.wait(90)
    _, left = psutil.wait_procs(family, timeout=20)
    for process in left:
        process.kill()
    assert not left, "serve left processes behind"


def test_changed_data_leads_to_a_finished_retrain_and_unchanged_data_to_none(served):
    assert served.finish(served.start("watch-sources/files")) == "branches changed"
    first = served.next_retrain(known=[])
    told = served.finish(first)
    assert told.startswith("full: nothing was promoted yet, promoted run ")
    champion = read_pointer(served.home)
    assert champion["num_facts"] == len(CITIES)
    assert told.endswith(champion["run_key"])

    # The same content under a new time, and taken in again by its own schedule: nothing follows.
    write_table(served.folder)
    assert served.finish(served.start("watch-sources/files")) == "no file changed"
    told = served.finish(served.start("refresh-facts/branches"))
    assert told == "0 of 1 sources had new content; nothing to train"
    told = served.finish(served.start("measure-champion/champion"))
    assert told == f"run {champion['run_key']} recalls 100.0% of its training questions"
    assert served.retrains() == [first]
    assert read_pointer(served.home) == champion
