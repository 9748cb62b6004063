"""I7: killed at any named place and run again, the state is as if nothing had happened."""

import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse import failpoints
from warehouse.catalogue import open_catalogue
from warehouse.errors import NoSnapshotError
from warehouse.snapshot import head

ROOT = Path(__file__).parents[2]
STEPS = Path(__file__).parent / "kill_steps.py"
WORK = runpy.run_path(str(STEPS))["work"]

TABLES = {
    "ingests": "* exclude (recorded_at)",
    "claims": "* exclude (recorded_at)",
    "origins": "*",
    "quarantine": "* exclude (recorded_at)",
    "batches": "* exclude (recorded_at)",
    "facts": "* exclude (recorded_from) replace (recorded_to is null as recorded_to)",
    "decisions": "* exclude (recorded_from) replace (recorded_to is null as recorded_to)",
    "change_log": "* exclude (recorded_at)",
}


def tables(home):
    with open_catalogue(home) as con:
        return {
            name: sorted(map(repr, con.execute(f"select {what} from {name}").fetchall()))
            for name, what in TABLES.items()
        }


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A home after the first round; every test starts from a copy of it."""
    home = tmp_path_factory.mktemp("first")
    WORK(home, [1])
    return home


@pytest.fixture(scope="module")
def unbroken(first, tmp_path_factory):
    home = tmp_path_factory.mktemp("parent") / "unbroken"
    shutil.copytree(first, home)
    WORK(home, [1, 2])
    return head(home).manifest, tables(home)


@pytest.fixture(scope="module")
def killed(first, tmp_path_factory):
    """Homes in which the second round (or, for `fresh`, the very first) was killed, by name."""
    parent = tmp_path_factory.mktemp("killed")
    for name in failpoints.NAMES:
        shutil.copytree(first, parent / name)
    jobs = [(name, name, [1, 2]) for name in failpoints.NAMES]
    jobs.append(("fresh", "publish.before_rename", [1]))
    done = subprocess.run(
        [sys.executable, STEPS, parent, json.dumps(jobs)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert json.loads(done.stdout) == [137] * len(jobs)
    return parent


@pytest.mark.parametrize("name", failpoints.NAMES)
def test_killed_there_and_run_again_gives_the_same_state(first, unbroken, killed, name):
    home = killed / name
    assert head(home).manifest == head(first).manifest
    head(home).verify()
    WORK(home, [1, 2])
    manifest, rows = unbroken
    assert head(home).manifest == manifest
    assert tables(home) == rows
    assert not (home / ".staging").exists()


def test_killed_in_the_very_first_publish_nothing_half_written_is_visible(killed):
    home = killed / "fresh"
    assert list((home / ".staging").iterdir())
    with pytest.raises(NoSnapshotError):
        head(home)
    WORK(home, [1])
    head(home).verify()
    assert not (home / ".staging").exists()
