"""Two ingests at once: one waits and says for whom; the result is the serial one."""

import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.intake import ingest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
WORK = """
import sys, time
from pathlib import Path
from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.errors import CatalogueLockedError
from warehouse.intake import ingest
home, name, waits = Path(sys.argv[1]), sys.argv[2], []
for number in range(3):
    rows = [{"subject": f"{name} {number} {n}", "relation": "r", "value": "v", "question": "q"}
            for n in range(20)] + [{"subject": "both", "relation": "r", "value": "v"}]
    while True:
        try:
            with open_catalogue(home) as con:
                ingest(con, ClaimBatch.from_rows("s", rows, file=f"{name}{number}"))
            break
        except CatalogueLockedError as error:
            waits.append(str(error))
            time.sleep(0.02)
assert all("is being written by process" in wait for wait in waits), waits
"""


def serial(home):
    with open_catalogue(home) as con:
        for name in "ab":
            for number in range(3):
                rows = [
                    {"subject": f"{name} {number} {n}", "relation": "r", "value": "v"}
                    | {"question": "q"}
                    for n in range(20)
                ] + [{"subject": "both", "relation": "r", "value": "v"}]
                ingest(con, ClaimBatch.from_rows("s", rows, file=f"{name}{number}"))


def content(home):
    with open_catalogue(home) as con:
        return {
            table: sorted(map(repr, con.execute(f"select {columns} from {table}").fetchall()))
            for table, columns in {
                "claims": "* exclude (recorded_at)",
                "origins": "*",
                "ingests": "* exclude (recorded_at)",
                "quarantine": "* exclude (recorded_at)",
                "slots": "*",
                "batches": "* exclude (recorded_at, number)",
            }.items()
        }


def test_two_ingests_at_once_give_the_serial_result(tmp_path):
    home = tmp_path / "both"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, home, name], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    serial(tmp_path / "serial")
    assert content(home) == content(tmp_path / "serial")
