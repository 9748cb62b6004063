"""The work that the kill tests kill; as a program, it kills it, each time in a fork.

python kill_steps.py '[["home", "failpoint" or seconds, [1, 2]], ...]'
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import time
from datetime import date
from pathlib import Path

from warehouse.assignment import assign
from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest, list_quarantine, replay, retract
from warehouse.snapshots import publish

PLAN = {"num_groups": 8, "group_size": 2, "num_shards": 2}


def work(home, rounds):
    """Ingest the rounds, each of which changes every answer; mend, withdraw, decide, publish."""
    with open_catalogue(home) as con:
        for number in rounds:
            receipt = ingest(con, batch(number))
            acknowledge(home, receipt.content_hash)
        if 2 in rounds:
            rows = list_quarantine(con)
            if rows:
                replay(con, {row["quarantine_id"]: {"subject": "C"} for row in rows})
            retract(con, claims_of(con, "round 1", "B"), "the first round was wrong about B")
        reconcile(con, ReconcileSettings(as_of=date(2020, 1, 1)))
        snapshot = publish(con, home)
        assign(con, home, snapshot, num_tokens_by_fact=lambda facts: [1 for _ in facts], **PLAN)


def batch(number):
    rows = [
        {"subject": s, "relation": "r", "value": number, "question": s, "authority": number}
        for s in ("A", "B", None)
    ]
    return ClaimBatch.from_rows("s", rows, file=f"round {number}")


def claims_of(con, file, subject):
    found = con.execute(
        "select claim_id from claims join origins using (claim_id) where file = ? and subject = ?",
        [file, subject],
    )
    return [claim_id for (claim_id,) in found.fetchall()]


def acknowledge(home, content_hash):
    """Note beside the home what the ingest has told its caller."""
    with home.with_name(f"{home.name}.told").open("a") as file:
        file.write(f"{content_hash}\n")
        file.flush()


def told(home):
    path = home.with_name(f"{home.name}.told")
    return set(path.read_text().split()) if path.is_file() else set()


def killed_at(where, home, rounds):
    """Give the exit code of the work under a failpoint, or killed after so many seconds."""
    child = os.fork()
    if not child:
        if isinstance(where, str):
            os.environ["LAMINI_FAILPOINT"] = where
        work(home, rounds)
        os._exit(0)
    if not isinstance(where, str):
        time.sleep(where)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    with contextlib.suppress(ImportError):  # looked for at first use: once here, not in each fork
        importlib.import_module("pandas")
    jobs = json.loads(sys.argv[1])
    codes = [killed_at(where, Path(home), rounds) for home, where, rounds in jobs]
    sys.stdout.write(json.dumps(codes))
