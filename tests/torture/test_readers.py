"""Readers never see a broken head, however often another process replaces it.

TORTURE_ROUNDS (60): how many snapshots are published meanwhile.
"""

import os
import subprocess
import sys

import pytest

from flows.home.home import Home
from flows.reporting.status import status
from tests.torture.publishing import NUM_FACTS
from tests.torture.reading import ROOT
from warehouse.errors import NoSnapshotError
from warehouse.snapshots import head

pytestmark = [pytest.mark.torture, pytest.mark.timeout(1800)]

NUM_ROUNDS = int(os.environ.get("TORTURE_ROUNDS") or 60)


def one_round(snapshot):
    """Give the round that a snapshot is of: every fact must be of the same."""
    (answer,) = set(snapshot.facts()["answer"].to_pylist())
    assert snapshot.manifest["num_input_rows"] == NUM_FACTS * (int(answer) + 1)
    return int(answer)


def test_readers_see_whole_rounds_in_their_order_while_another_process_publishes(tmp_path, reading):
    home = tmp_path / "warehouse"
    seen = []
    with reading(home, number=2) as counts:
        command = [sys.executable, "-m", "tests.torture.publishing", str(home), str(NUM_ROUNDS)]
        writer = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        while writer.poll() is None:
            try:
                seen.append(one_round(head(home)))
            except NoSnapshotError:
                assert not seen
                continue
            assert status(Home(tmp_path)).snapshot.manifest["num_facts"] == NUM_FACTS
        assert writer.returncode == 0, writer.stderr.read()
    assert seen == sorted(seen)
    assert one_round(head(home)) == NUM_ROUNDS - 1
    assert all(count["heads"] > NUM_ROUNDS // 10 for count in counts)
    sys.stdout.write(f"{NUM_ROUNDS} rounds; {len(seen)} reads here, elsewhere {counts}\n")
