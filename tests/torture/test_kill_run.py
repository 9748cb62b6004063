"""I7 for all of `lamini run`: killed anywhere, with or without what it started, and run again.

TORTURE_RUN_KILLS (25): how many kills. TORTURE_SERVER_KILLS (8): how many of the Prefect server.
TORTURE_SEED: draw the same moments again.
"""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import pytest

from flows.home.home import Home
from flows.reporting.status import status
from flows.servers.server import find
from tests.flows.whole_runs.branches import BEFORE, CODES, ON_RAY, SMALL, Branches
from tests.settled import settled
from tests.torture.family import Family, wait_until
from tests.torture.reading import check
from warehouse.errors import NoSnapshotError
from warehouse.snapshots import head

pytestmark = [pytest.mark.torture, pytest.mark.timeout(7200)]

NUM_KILLS = int(os.environ.get("TORTURE_RUN_KILLS") or 25)
NUM_SERVER_KILLS = int(os.environ.get("TORTURE_SERVER_KILLS") or 8)
LONGEST_SECONDS = 1500
RETRYABLE = 4
FAMILY, HEAD, WORKER = "family", "head", "worker"
VICTIMS = (FAMILY, FAMILY, HEAD, WORKER)
"""The head alone is what the OOM killer takes: servers and Ray go on without it. A Ray worker alone
is started again by the run."""


class Homes:
    """Starts commands in homes, and at the end leaves nothing of them running."""

    def __init__(self, folder):
        self.folder = folder
        self.families = []
        self.ray = Path(tempfile.mkdtemp(prefix="ray-"))  # short: Ray makes sockets in it
        self.branches = Branches(folder).write()

    def start(self, home, *words):
        log = self.folder / f"command-{len(self.families):03d}"
        environment = {**SMALL, **ON_RAY, "LAMINI_HOME": str(home), "RAY_TMPDIR": str(self.ray)}
        self.families.append(Family(["-m", "flows.cli", *words], environment, log))
        return self.families[-1]

    def run(self, home, *more):
        return self.start(home, *self.branches.run_words(BEFORE), "--json", *more)

    def finish(self, family, seconds=LONGEST_SECONDS):
        code = family.wait(seconds)
        assert code == 0, (code, family.err.read_text()[-3000:])
        return json.loads(family.out.read_text())

    def clean_up(self):
        for family in self.families:
            family.clean_up()
        shutil.rmtree(self.ray, ignore_errors=True)


@pytest.fixture(scope="module")
def homes(tmp_path_factory):
    made = Homes(tmp_path_factory.mktemp("runs"))
    yield made
    made.clean_up()


@pytest.fixture(scope="module")
def undisturbed(homes):
    """A home that nobody killed, and how long its run took."""
    home = homes.folder / "undisturbed"
    started = time.monotonic()
    assert homes.finish(homes.run(home))["is_new"]
    return home, time.monotonic() - started


@pytest.fixture(scope="module")
def wanted(undisturbed):
    """What every home must hold in the end."""
    return settled(undisturbed[0])


def check_between(home, wanted):
    """Whatever can be seen after a kill is whole: it is what the undisturbed run made."""
    visible = settled(home)
    assert {name: wanted.get(name) for name in visible} == visible
    for folder in (home / "runs").glob("*/checkpoint"):
        assert (folder / "checkpoint.json").is_file()
    try:
        check(head(home / "warehouse"))
    except NoSnapshotError:
        assert not (home / "warehouse" / "HEAD.json").exists()
    if home.exists():
        status(Home(home))


def check_use(homes, home):
    """The commands that read find everything in order."""
    shown = homes.finish(homes.start(home, "status", "--json"))
    assert shown["pending"] == {"added": 0, "changed": 0, "retired": 0, "unchanged": len(CODES)}
    assert shown["checkpoint"]["run_key"] == shown["runs"][0]["run_key"]
    question = "What is the branch code of Bergen?"
    (asked,) = homes.finish(homes.start(home, "ask", question, "--json"))
    assert asked["answer"] == "BE17"
    assert asked["from_memory"]
    assert asked["table_agrees"]


def check_nothing_runs(home):
    """No MLflow run is left RUNNING, and every logged model is whole."""
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    experiments = [client.get_experiment_by_name("lamini").experiment_id]
    runs = [(r.data.tags["lamini.stage"], r.info.status) for r in client.search_runs(experiments)]
    assert runs
    assert not [stage for stage, status in runs if status == "RUNNING"], runs
    assert {str(model.status) for model in client.search_logged_models(experiments)} == {"READY"}


def is_worker(process):
    """Whether it is one of Ray Train's workers: Ray names them by their actor's class."""
    return "ray::" in (words := " ".join(process.cmdline())) and "TrainWorker" in words


def test_i7_a_run_killed_over_and_over_ends_as_if_nothing_had_happened(
    homes, undisturbed, wanted, rng
):
    seconds = undisturbed[1]
    kills, number = [], 0
    while len(kills) < NUM_KILLS:
        number += 1
        home = homes.folder / f"killed-{number}"
        done = False
        while not done and len(kills) < NUM_KILLS:
            moment, victim = rng.uniform(0, seconds), rng.choice(VICTIMS)
            family = homes.run(home)
            done = family.wait(moment) is not None
            if done:
                homes.finish(family)
                break
            if victim == WORKER and not family.kill_one(is_worker):
                victim = FAMILY  # it has none now
            if victim != WORKER:
                family.kill(whole=victim == FAMILY)
            receipts = sorted(path.stem for path in home.glob("runs/*/receipts/*.json"))
            kills.append((round(moment, 1), victim, receipts))
            if victim == WORKER:  # the run goes on with another one
                homes.finish(family)
                done = True
            check_between(home, wanted)
        if not done:
            homes.finish(homes.run(home))
        check_nothing_runs(home)
        assert settled(home) == wanted
        assert not list(home.glob("runs/*/.checkpoint.*"))
        check_use(homes, home)
    sys.stdout.write(f"undisturbed {seconds:.0f} s; {number} homes; {kills}\n")


def test_i7_a_run_whose_server_is_killed_over_and_over_ends_the_same(
    homes, undisturbed, wanted, rng
):
    """It goes on under a new server, or stops in order and is run again."""
    kills, number = [], 0
    while len(kills) < NUM_SERVER_KILLS:
        number += 1
        home = homes.folder / f"server-killed-{number}"
        family, started, code = homes.run(home), time.monotonic(), None
        while code != 0:
            enough = len(kills) == NUM_SERVER_KILLS
            code = family.wait(LONGEST_SECONDS if enough else rng.uniform(0, undisturbed[1] / 3))
            server = find(home, "prefect")
            if code is None and server is not None:
                os.killpg(server.pid, signal.SIGKILL)
                kills.append(round(time.monotonic() - started, 1))
            if code:
                assert code == RETRYABLE, family.err.read_text()[-3000:]
                family, started = homes.run(home), time.monotonic()
        check_nothing_runs(home)
        assert settled(home) == wanted
        check_use(homes, home)
    sys.stdout.write(f"{number} homes; servers killed after {kills} s\n")


def holds_lock(family, home):
    lock = home / "run.lock"
    return lock.is_file() and lock.read_text() == str(family.process.pid)


def check_refused(family, holder):
    assert family.wait(LONGEST_SECONDS) == RETRYABLE
    assert f"another run (process {holder.process.pid})" in family.err.read_text()


def test_of_two_runs_at_once_one_works_and_the_other_says_who_holds_the_home(homes, wanted):
    home = homes.folder / "shared"
    first = homes.run(home)
    wait_until(lambda: holds_lock(first, home), first)
    second = homes.run(home)
    check_refused(second, first)
    assert first.process.poll() is None
    homes.finish(first)
    assert settled(home) == wanted


def test_a_run_that_is_refused_leaves_the_other_its_server(homes, wanted):
    """The one that comes first starts the server, the other takes the lock: both began at once."""
    home = homes.folder / "raced"
    refused = homes.run(home)
    wait_until(lambda: find(home, "prefect") is not None, refused)
    refused.head.suspend()
    working = homes.run(home)
    wait_until(lambda: holds_lock(working, home), working)
    refused.head.resume()
    check_refused(refused, working)
    homes.finish(working)
    assert settled(home) == wanted


def test_i7_a_forced_run_that_was_killed_goes_on_when_run_again(homes, undisturbed, wanted):
    home = homes.folder / "forced"
    shutil.copytree(undisturbed[0], home)
    receipts = home / "runs" / json.loads((home / "HEAD_CHECKPOINT.json").read_text())["run_key"]
    forced = homes.run(home, "--force")
    wait_until(lambda: not list(receipts.glob("receipts/*.json")), forced)
    forced.kill(whole=True)
    homes.finish(homes.run(home))
    assert settled(home) == wanted
