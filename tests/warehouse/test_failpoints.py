"""I7: killed at any place or moment and run again, the state is as if nothing had happened."""

import json
import os
import random
import re
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from warehouse import failpoints
from warehouse.catalogue import open_catalogue
from warehouse.errors import NoSnapshotError
from warehouse.snapshots import head, open_snapshot

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
STEPS = Path(__file__).parent / "kill_steps.py"
_STEPS = runpy.run_path(str(STEPS))
WORK, TOLD = _STEPS["work"], _STEPS["told"]
NUM_MOMENTS = int(os.environ.get("KILL_MOMENTS") or 4)
KILLED = 137

TABLES = {
    "ingests": "* exclude (recorded_at)",
    "claims": "* exclude (recorded_at)",
    "origins": "*",
    "quarantine": "* exclude (recorded_at, replayed_at)",
    "batches": "* exclude (recorded_at)",
    "retractions": "* exclude (recorded_at)",
    "facts": "* exclude (recorded_from) replace (recorded_to is null as recorded_to)",
    "decisions": "* exclude (recorded_from) replace (recorded_to is null as recorded_to)",
    "change_log": "* exclude (recorded_at)",
    "assignment": "*",
}


def tables(home):
    with open_catalogue(home) as con:
        return {
            name: sorted(map(repr, con.execute(f"select {what} from {name}").fetchall()))
            for name, what in TABLES.items()
        }


def check_between(home, first, unbroken):
    """What a kill leaves: a whole head, the old or the new, and all that was acknowledged."""
    assert head(home).manifest in (head(first).manifest, unbroken[0])
    for folder in (home / "snapshots").iterdir():
        open_snapshot(folder).verify()
    with open_catalogue(home) as con:
        kept = {row[0] for row in con.execute("select content_hash from ingests").fetchall()}
    assert TOLD(home) <= kept


def check_after(home, unbroken):
    WORK(home, [1, 2])
    manifest, rows = unbroken
    assert head(home).manifest == manifest
    assert tables(home) == rows
    assert not (home / ".staging").exists()
    assert len(list((home / "assignments").glob("*.parquet"))) == 2


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A home after the first round; every test starts from a copy of it."""
    home = tmp_path_factory.mktemp("first") / "home"
    WORK(home, [1])
    return home


@pytest.fixture(scope="module")
def unbroken(first, tmp_path_factory):
    home = tmp_path_factory.mktemp("parent") / "unbroken"
    shutil.copytree(first, home)
    WORK(home, [1, 2])
    return head(home).manifest, tables(home)


def kill(jobs):
    done = subprocess.run(
        [sys.executable, STEPS, json.dumps(jobs)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def killed(first, tmp_path_factory):
    """Homes in which the second round (or, for `fresh`, the very first) was killed, by name."""
    parent = tmp_path_factory.mktemp("killed")
    for name in failpoints.NAMES:
        shutil.copytree(first, parent / name)
    jobs = [(str(parent / name), name, [1, 2]) for name in failpoints.NAMES]
    jobs.append((str(parent / "fresh"), "publish.before_rename", [1]))
    jobs.append((str(parent / "unmade"), "catalogue.before_commit", [1]))
    assert dict(zip([job[1] for job in jobs], kill(jobs), strict=True)) == {
        job[1]: KILLED for job in jobs
    }
    return parent


@pytest.mark.parametrize("name", failpoints.NAMES)
def test_killed_there_and_run_again_gives_the_same_state(first, unbroken, killed, name):
    home = killed / name
    check_between(home, first, unbroken)
    check_after(home, unbroken)


def test_every_place_in_the_code_is_named_and_every_name_is_in_the_code():
    found = [
        name
        for path in (ROOT / "warehouse").rglob("*.py")
        for name in re.findall(r'failpoints\.reach\("([^"]+)"\)', path.read_text())
    ]
    assert sorted(found) == sorted(failpoints.NAMES + failpoints.REWRITE)


def test_killed_in_the_very_first_publish_nothing_half_written_is_visible(killed):
    home = killed / "fresh"
    assert list((home / ".staging").iterdir())
    with pytest.raises(NoSnapshotError):
        head(home)
    WORK(home, [1])
    head(home).verify()
    assert not (home / ".staging").exists()


def test_killed_while_the_catalogue_is_made_the_next_one_makes_it(killed, first):
    home = killed / "unmade"
    WORK(home, [1])
    assert head(home).manifest == head(first).manifest


def test_killed_at_random_moments_and_run_again_gives_the_same_state(first, unbroken, tmp_path):
    """KILL_MOMENTS (4): how many; 200 in torture. TORTURE_SEED: draw the same ones again."""
    seed = int(os.environ.get("TORTURE_SEED") or time.time_ns() % 1_000_000)
    rng = random.Random(seed)
    whole = tmp_path / "whole"
    shutil.copytree(first, whole)
    started = time.monotonic()
    WORK(whole, [1, 2])
    seconds = time.monotonic() - started
    homes = [tmp_path / str(number) for number in range(NUM_MOMENTS)]
    for home in homes:
        shutil.copytree(first, home)
    moments = [rng.uniform(0, seconds) for _ in homes]
    jobs = [(str(home), moment, [1, 2]) for home, moment in zip(homes, moments, strict=True)]
    codes = kill(jobs)
    for home, moment, code in zip(homes, moments, codes, strict=True):
        sys.stdout.write(f"TORTURE_SEED={seed}, {moment:.3f} of {seconds:.3f} s: {code}\n")
        assert code in (0, -9)
        check_between(home, first, unbroken)
        check_after(home, unbroken)
    assert -9 in codes
