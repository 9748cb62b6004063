"""I7 and I8: killed anywhere, over and over, the warehouse ends as if nothing had happened.

TORTURE_KILLS (200): how many kills. TORTURE_SEED: draw the same moments again.
"""

import hashlib
import os
import subprocess
import sys
import time

import pytest

from tests.torture.reading import ROOT, check
from tests.torture.updating import update, write_sources
from warehouse.catalogue import open_catalogue
from warehouse.errors import NoSnapshotError
from warehouse.snapshots import head, open_snapshot

pytestmark = [pytest.mark.torture, pytest.mark.timeout(3600)]

NUM_KILLS = int(os.environ.get("TORTURE_KILLS") or 200)
LONGEST_SECONDS = 600


def survives(home, sources, seconds):
    """Update in a child, killed so long after it begins to work: whether it was done by then."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.torture.updating", str(home), str(sources)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "ready\n", child.stderr.read()
    try:
        _, err = child.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        return False
    assert child.returncode == 0, err
    return True


def files(home):
    """Give the SHA-256 of every file by its path, but for the catalogue's own."""
    return {
        str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in home.rglob("*")
        if path.is_file() and not path.name.startswith("catalogue.")
    }


def tables(home):
    """Give every row of the catalogue; of a time only whether it is there."""
    found = {}
    with open_catalogue(home) as con:
        for (name,) in con.execute("show tables").fetchall():
            columns = [row[:2] for row in con.execute(f"describe {name}").fetchall()]
            shown = [f'"{c}" is null' if kind == "TIMESTAMP" else f'"{c}"' for c, kind in columns]
            rows = con.execute(f"select {', '.join(shown)} from {name}").fetchall()
            found[name] = sorted(map(repr, rows))
    return found


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    return tmp_path_factory.mktemp("torture") / "sources"


@pytest.fixture(scope="module")
def num_rows(sources):
    return write_sources(sources)


@pytest.fixture(scope="module")
def undisturbed(sources, num_rows, tmp_path_factory):
    """A home that nobody killed, and how long it took."""
    home = tmp_path_factory.mktemp("undisturbed")
    started = time.monotonic()
    update(home, sources)
    return home, time.monotonic() - started


def check_between(home, undisturbed):
    """Whatever is published must be, to the last byte, what the undisturbed home published."""
    try:
        check(head(home))
    except NoSnapshotError:
        assert not (home / "HEAD.json").exists()
    for folder in (home / "snapshots").glob("*"):
        snapshot = open_snapshot(folder)
        check(snapshot)
        assert snapshot.manifest == open_snapshot(undisturbed / "snapshots" / folder.name).manifest


def check_rows(home, num_rows):
    """Every row of every file is in exactly one place, named by file and row."""
    final = head(home)
    kept = (final.claims(), final.duplicates(), final.quarantine())
    places = [
        place
        for table in kept
        for place in zip(table["file"].to_pylist(), table["row"].to_pylist(), strict=True)
    ]
    assert len(places) == len(set(places)) == num_rows == final.manifest["num_input_rows"]


def test_i7_killed_over_and_over_the_warehouse_ends_as_if_nothing_had_happened(
    sources, num_rows, undisturbed, tmp_path, rng, reading
):
    reference, seconds = undisturbed
    wanted_files, wanted_tables = files(reference), tables(reference)
    moments, homes = [], 0
    while len(moments) < NUM_KILLS:
        homes += 1
        home = tmp_path / f"home-{homes}"
        with reading(home) as counts:
            done = False
            while not done and len(moments) < NUM_KILLS:
                moment = rng.uniform(0, seconds)
                done = survives(home, sources, moment)
                if not done:
                    moments.append(round(moment, 3))
                    check_between(home, reference)
            assert done or survives(home, sources, LONGEST_SECONDS)
        assert counts[0]["reads"]
        check_between(home, reference)
        check_rows(home, num_rows)
        assert files(home) == wanted_files
        assert tables(home) == wanted_tables
    sys.stdout.write(f"{len(moments)} kills, {homes} homes, {seconds:.1f} s undisturbed\n")
