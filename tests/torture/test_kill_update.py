"""I7 for updates and full runs: each named place by itself, and random moments of updates.

TORTURE_UPDATE_KILLS (25): how many random kills. TORTURE_SEED: draw the same moments again.
"""

import os
import shutil
import sys
import time

import pytest

from flows.home.current_run import run_state
from flows.home.home import Home
from tests.flows.whole_runs.branches import AFTER, BEFORE, ON_RAY
from tests.flows.whole_runs.killed_runs import (
    BOTH,
    BY_SIGNAL,
    OF_FULL,
    OF_UPDATE,
    OF_WORKERS,
    after,
    before,
    runs,
    tracked,
)
from tests.settled import settled

__all__ = ["after", "before", "runs"]
pytestmark = [pytest.mark.torture, pytest.mark.timeout(7200)]
NUM_KILLS = int(os.environ.get("TORTURE_UPDATE_KILLS") or 25)


@pytest.mark.parametrize("place", [*OF_FULL, *OF_UPDATE, *BOTH])
def test_i7_an_update_killed_at_this_place_alone_ends_the_same(runs, before, after, place):
    home = shutil.copytree(before, runs.folder / f"update-{place}")
    runs.killed(home, AFTER, place)
    runs.finished(home, AFTER)
    assert settled(home) == settled(after)
    assert tracked(home) == tracked(after)


@pytest.mark.parametrize("place", [*OF_WORKERS, *BOTH, "train_memory.before_receipt"])
def test_i7_a_full_run_killed_at_this_place_alone_ends_the_same(runs, before, place):
    home = runs.folder / f"full-{place}"
    if place in OF_WORKERS:
        deaths = runs.folder / f"deaths-{place}"
        deaths.mkdir()
        once = {"LAMINI_FAILPOINT": place, "LAMINI_FAILPOINT_ONCE": str(deaths)}
        runs.finished(home, BEFORE, **once, **ON_RAY)
        assert [path.name for path in deaths.iterdir()] == [place]
    else:
        runs.killed(home, BEFORE, place, **ON_RAY)
    runs.finished(home, BEFORE, **ON_RAY)
    assert settled(home) == settled(before)


def test_i7_an_update_killed_at_random_moments_ends_the_same(runs, before, after, rng):
    whole = shutil.copytree(before, runs.folder / "timed")
    started = time.monotonic()
    runs.finished(whole, AFTER)
    seconds = time.monotonic() - started
    kills, number = [], 0
    while len(kills) < NUM_KILLS:
        number += 1
        home = shutil.copytree(before, runs.folder / f"moments-{number}")
        done = False
        while not done and len(kills) < NUM_KILLS:
            moment = rng.uniform(0, seconds)
            runs.start(home, AFTER, KILL_AFTER=str(moment))
            done = runs.code() != BY_SIGNAL
            if not done:
                found = run_state(Home(home))
                # Before it has the lock, what is said is still of the run before it.
                assert found.state in ("killed", "done")
                kills.append((round(moment, 2), found.state, found.record.step))
        runs.finished(home, AFTER)
        assert settled(home) == settled(after)
        found = tracked(home)
        assert {status for _, _, status in found["runs"]} == {"FINISHED"}
        assert found["champion"] == tracked(after)["champion"]
    sys.stdout.write(f"undisturbed {seconds:.1f} s; {number} homes; {kills}\n")
