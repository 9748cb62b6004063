"""The work that test_failpoints.py kills; as a program, it kills it, each time in a fork.

python kill_steps.py PARENT '[["home", "failpoint", [1, 2]], ...]'
"""

import contextlib
import importlib
import json
import os
import sys
from datetime import date
from pathlib import Path

from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.ingest import ingest
from warehouse.reconcile import ReconcileSettings, reconcile
from warehouse.snapshot import publish


def work(home, rounds):
    """Ingest the rounds, each of which changes every answer; reconcile and publish."""
    with open_catalogue(home) as con:
        for number in rounds:
            rows = [
                {"subject": s, "relation": "r", "value": number, "question": s, "authority": number}
                for s in ("A", "B", None)
            ]
            ingest(con, ClaimBatch.from_rows("s", rows, file=f"round {number}"))
        reconcile(con, ReconcileSettings(as_of=date(2020, 1, 1)))
        publish(con, home)


def killed_at(name, home, rounds):
    """Give the exit code of the work under a failpoint."""
    child = os.fork()
    if not child:
        os.environ["LAMINI_FAILPOINT"] = name
        work(home, rounds)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # looked for at first use: once here, not in each fork
        importlib.import_module("pandas")
    parent, jobs = Path(sys.argv[1]), json.loads(sys.argv[2])
    codes = [killed_at(name, parent / home, rounds) for home, name, rounds in jobs]
    sys.stdout.write(json.dumps(codes))
