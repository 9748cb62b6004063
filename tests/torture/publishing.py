"""Publish round after round, each of which changes every answer, for readers to look at.

python -m tests.torture.publishing HOME ROUNDS
"""

import sys
from datetime import date
from pathlib import Path

from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.snapshots import publish

NUM_FACTS = 50


def publish_rounds(home, rounds):
    for number in range(rounds):
        rows = [
            {"subject": f"S{i}", "relation": "r", "value": number, "question": f"Q{i}?"}
            | {"authority": number}
            for i in range(NUM_FACTS)
        ]
        with open_catalogue(home) as con:
            ingest(con, ClaimBatch.from_rows("s", rows, file=f"round {number}"))
            reconcile(con, ReconcileSettings(as_of=date(2025, 6, 1)))
            publish(con, home)


if __name__ == "__main__":
    publish_rounds(Path(sys.argv[1]), int(sys.argv[2]))
