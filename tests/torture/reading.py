"""Open the head snapshot over and over and look for anything broken, until stdin is closed.

python -m tests.torture.reading HOME
"""

import contextlib
import json
import select
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from warehouse.errors import NoSnapshotError
from warehouse.explanations import explain
from warehouse.snapshots import diff, head

ROOT = Path(__file__).parents[2]


def check(snapshot):
    """Compare a snapshot with its manifest, and account for every input row (I8)."""
    snapshot.verify()
    manifest = snapshot.manifest
    for name, entry in manifest["files"].items():
        assert getattr(snapshot, Path(name).stem)().num_rows == entry["num_rows"], name
    found = Counter(snapshot.claims()["status"].to_pylist())
    found["duplicate"] = snapshot.duplicates().num_rows
    found["quarantined"] = snapshot.quarantine().num_rows
    assert {status: number for status, number in found.items() if number} == {
        status: number for status, number in manifest["counts"].items() if number
    }
    assert found.total() == manifest["num_input_rows"]
    assert snapshot.facts().num_rows == manifest["num_facts"]


def check_use(snapshot, number, earlier):
    """Read as `why` and `status` do: explain one of its facts, and compare with the one before."""
    facts = snapshot.facts()
    fact = facts.slice(number % facts.num_rows, 1).to_pylist()[0]
    found = explain(snapshot, fact["subject"], fact["relation"])
    assert found.fact == fact
    assert found.claims[0]["status"] == "used"
    changes = diff(earlier, snapshot)
    now = len(changes.added) + len(changes.changed) + changes.unchanged
    assert now == facts.num_rows


def read_until_told(home):
    """Give how often the head was read and how many different ones were seen."""
    reads, seen, earlier = 0, set(), None
    while not select.select([sys.stdin], [], [], 0)[0]:
        try:
            snapshot = head(home)
        except NoSnapshotError:
            assert earlier is None, "a head was there and is gone"
            continue
        check(snapshot)
        check_use(snapshot, reads, earlier)
        if earlier is not None:
            before, now = (s.manifest["num_input_rows"] for s in (earlier, snapshot))
            assert before <= now, "the head went back"
        reads, earlier = reads + 1, snapshot
        time.sleep(0.01)  # the writer needs its turn, too
        seen.add(snapshot.snapshot_hash)
    return {"reads": reads, "heads": len(seen)}


@contextlib.contextmanager
def readers(home, number=1):
    """Read `home` from other processes meanwhile; gives a list that at the end has their counts."""
    command = [sys.executable, "-m", "tests.torture.reading", str(home)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    running = [subprocess.Popen(command, cwd=ROOT, text=True, **pipes) for _ in range(number)]
    counts = []
    try:
        yield counts
    finally:
        ended = [(process, *process.communicate(timeout=120)) for process in running]
    for process, out, err in ended:
        assert process.returncode == 0, err
        counts.append(json.loads(out))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(read_until_told(Path(sys.argv[1]))))
