"""I7 for runs: killed at every named place in turn, they end in the bank of one never killed.

Each kill is a real end of a real process; the next one goes on from what is on the disk.
"""

import contextlib
import os
import re
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from flows import failpoints
from flows.environment import mlflow_database
from flows.home.current_run import run_state
from flows.home.home import Home
from tests.flows.whole_runs.branches import AFTER, BEFORE, ON_RAY
from tests.flows.whole_runs.killed_runs import (
    BOTH,
    OF_FULL,
    OF_UPDATE,
    OF_WORKERS,
    ONCE_EACH,
    RETRYABLE,
    after,
    before,
    runs,
    step_of,
    tracked,
)
from tests.settled import settled

__all__ = ["after", "before", "runs"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
STEPS = {"run", "worker", "update", "promote", *("train_memory", "update_memory")}
STEPS |= {"write_checkpoint", "measure_recall"}


def test_every_named_place_is_killed_at():
    covered = [*OF_FULL, *OF_WORKERS, *OF_UPDATE, *BOTH, *ONCE_EACH]
    assert sorted(covered) == sorted(n for n in failpoints.NAMES if n.split(".")[0] in STEPS)
    written = {
        name
        for path in (Path(__file__).parents[3] / "flows").rglob("*.py")
        for name in re.findall(r'failpoints\.reach\("([^"]+)"\)', path.read_text())
    }
    assert written <= {*failpoints.NAMES, *failpoints.FORGET}


# What comes before and after the training is killed at in a full run too by torture.
@pytest.mark.parametrize("later", [(), pytest.param(BOTH, marks=pytest.mark.torture)])
def test_i7_a_full_run_killed_at_every_place_in_turn_ends_the_same(runs, before, later):
    home = runs.folder / f"killed-{len(later)}"
    for place in OF_FULL if later else OF_FULL[-1:]:  # the others: in an update, by torture
        assert runs.killed(home, BEFORE, place).left[0] == "train_memory"
    runs.killed(home, BEFORE, "worker.pretrain_router")  # in the run's own process
    # Ray Train goes on with it. A worker that dies is started again; then the run itself dies,
    # before its receipt.
    deaths = runs.folder / f"deaths-{len(later)}"
    deaths.mkdir()
    places = ("worker.tune_memory", "train_memory.before_receipt")
    runs.killed(home, BEFORE, *places, LAMINI_FAILPOINT_ONCE=str(deaths), **ON_RAY)
    assert {path.name for path in deaths.iterdir()} == {*places}
    cut_snapshots(home)
    for place in later:
        runs.killed(home, BEFORE, place)
    assert runs.finished(home, BEFORE)["decision"] == ("nothing" if later else "full")
    assert run_state(Home(home)).state == "done"
    assert settled(home) == settled(before)
    found = tracked(home)
    assert {status for _, _, status in found["runs"]} == {"FINISHED"}
    assert [status for _, status in found["models"]] == ["READY"]


def test_i7_an_update_killed_at_every_place_in_turn_ends_the_same(runs, before, after):
    home = shutil.copytree(before, runs.folder / "killed-update")
    for place in (*OF_UPDATE[:3], BOTH[0], OF_UPDATE[3], *BOTH[1:]):
        runs.killed(home, AFTER, place)
    assert runs.finished(home, AFTER)["decision"] == "nothing"
    assert settled(home) == settled(after)
    assert not list(home.glob("runs/*/.checkpoint.*"))
    found = tracked(home)
    assert found == tracked(after)
    assert {status for _, _, status in found["runs"]} == {"FINISHED"}
    assert [status for _, status in found["models"]] == ["READY", "READY"]


def cut_snapshots(home):
    """Leave of Ray's own snapshots what a kill in the middle of writing would.

    Our jobs report no checkpoints, so Ray writes none by itself, and no job takes up another's.
    """
    folders = [*home.glob("runs/*/ray/*")]
    assert folders
    for folder in folders:
        (folder / "checkpoint_manager_snapshot.json").write_text('{"checkpoint_results": [{"che')


def wait_for_step(home, step):
    deadline = time.monotonic() + 900
    while step_of(home) != step:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_with_mlflow_locked_a_run_stops_in_order_and_the_next_one_ends_the_same(
    runs, before, after
):
    home = shutil.copytree(before, runs.folder / "locked")
    runs.start(home, AFTER)
    wait_for_step(home, "update_memory")
    with contextlib.closing(sqlite3.connect(mlflow_database(home), timeout=60)) as con:
        con.execute("begin exclusive")
        assert runs.code() == RETRYABLE, runs.log.read_text()[-4000:]
    found = run_state(Home(home))
    assert (found.state, found.done) == ("failed", ("update_memory",))
    assert "takes no records" in found.record.why
    # It goes on on another day, and with another gate, whose verdict says so.
    done = runs.finished(home, "2025-06-02", LAMINI_MIN_RECALL="0.4")
    assert done["decision"] == "incremental"
    assert {*differing(settled(home), settled(after))} == {"HEAD_CHECKPOINT.json", "gate.json"}
    assert tracked(home) == tracked(after)


def differing(found, wanted):
    """The files that are not as wanted."""
    assert found.keys() == wanted.keys()
    return [Path(name).name for name in found if found[name] != wanted[name]]


def test_a_prefect_server_that_is_killed_under_a_run_is_started_again(runs, before, after):
    from flows.servers.server import find

    home = shutil.copytree(before, runs.folder / "no-server")
    runs.start(home, AFTER, PREFECT_API_URL="")
    wait_for_step(home, "update_memory")
    server = find(home, "prefect")
    os.killpg(server.pid, 9)
    assert runs.ended()["decision"] == "incremental"
    assert settled(home) == settled(after)
    assert find(home, "prefect") is None
