"""What a home holds that must not depend on how often its runs were killed."""

import hashlib
import json

import lance
import pyarrow.parquet as pq

OF_ONE_RUN = ("folder", "path", "model_id")
"""What a receipt says about the very run, not about its result; so is whatever ends in seconds."""


def settled(home):
    """Give what must not depend on how often the run was killed, by a name for each part."""
    found = {f"warehouse/{name}": value for name, value in published(home / "warehouse").items()}
    pointer = home / "HEAD_CHECKPOINT.json"
    if pointer.is_file():
        found[pointer.name] = json.loads(pointer.read_text())
    for folder in (home / "runs").glob("*"):
        found |= {f"{folder.name}/{name}": value for name, value in run_state(folder).items()}
    return found


def published(warehouse):
    paths = [*warehouse.glob("snapshots/*/*"), *warehouse.glob("assignments/*.parquet")]
    return {str(path.relative_to(warehouse)): digest(path) for path in paths}


def run_state(folder):
    """Give every result that is visible in the folder of a run."""
    whole = [
        *folder.glob("assignment.parquet"),
        *folder.glob("router/router.*"),
        *folder.glob("tuning/shard-*"),
        *folder.glob("checkpoint/*.*"),
    ]
    found = {str(path.relative_to(folder)): digest(path) for path in whole}
    # Lance gives its files random names, so the bank is compared row by row.
    for path in folder.glob("checkpoint/bank/*.lance"):
        rows = lance.dataset(str(path)).to_table()
        found[path.name] = sorted(map(repr, rows.to_pylist()))
    for path in folder.glob("recall/recall.parquet"):
        found[path.name] = pq.read_table(path).to_pylist()
    for path in folder.glob("receipts/*.json"):
        found[path.name] = without_times(json.loads(path.read_text()))
    return found


def without_times(receipt):
    return {
        name: without_times(value) if isinstance(value, dict) else value
        for name, value in receipt.items()
        if name not in OF_ONE_RUN and not name.endswith("seconds")
    }


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()
