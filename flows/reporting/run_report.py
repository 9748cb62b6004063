"""Gather what one run did from what it left on disk: for the report, the pages, the last word.

Reads: RUN/about.json, RUN/receipts, RUN/recall, RUN/assignment.parquet, the snapshots it compares,
HOME/warehouse/recall. Nothing is measured again, so a report of an old run can be made at any time.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.home.about_run import About, read_about
from flows.home.home import Home
from flows.home.receipts import Cell, Judged, Measured, Receipts, Trained, Updated, Written
from flows.home.run_folder import RunFolder
from flows.home.steps import ALL_STEPS
from flows.planning.sampled_questions import SAMPLED
from warehouse.errors import NoHistoryError, WarehouseError
from warehouse.recall import open_history
from warehouse.snapshots import Snapshot, compare, open_snapshot

MAX_ROWS = 100
MAX_WORST = 40


def gather(home: Home, run_key: str) -> dict[str, Any]:
    """Return all that is known of a run; a part that is gone is empty."""
    folder = RunFolder(path=home.run(run_key))
    receipts = folder.receipts()
    about = read_about(folder.path)
    mode = "full" if receipts.updated is None else "incremental"
    written, judged = receipts.written or Written(), receipts.judged or Judged()
    snapshot = _snapshot(home, written.snapshot_hash)
    changes = _changes(home, about, snapshot)
    return {
        "run_key": run_key,
        "mode": mode,
        "why": about.why,
        "about": about.told(),
        "as_of": about.as_of,
        "receipts": receipts.told(*ALL_STEPS),
        "outcome": outcome(receipts),
        "version": receipts.promoted and receipts.promoted.version,
        "checks": _checks(judged),
        "recall": _totals(receipts.measured or Measured()),
        "phrasings": _by_words(receipts.measured or Measured()),
        "changes": _with_answers(home, folder, about, changes[:MAX_ROWS]),
        "num_changes": len(changes),
        "conflicts": _conflicts(snapshot),
        "worst": _worst(folder),
        "load": _load(folder),
        "history": _history(home),
        "timings": _timings(receipts, about),
        "cost": _cost(home, folder, receipts, about),
    }


def outcome(receipts: Receipts) -> str:
    """Say in a few words what a run did: the state that Prefect shows, the report's first line."""
    updated, written = receipts.updated, receipts.written
    if updated is not None:
        counts = {
            "added": updated.num_added,
            "changed": updated.num_changed,
            "retired": updated.num_retired,
        }
        parts = [f"{n} fact{'s' * (n != 1)} {op}" for op, n in counts.items() if n]
        groups = updated.num_groups_touched
        said = f"{', '.join(parts) or 'no fact changed'}, {groups} groups of experts retrained"
    elif written is not None:
        said = f"{written.num_groups} facts memorized in {written.num_experts} experts"
    else:
        said = "nothing was trained"
    judged, promoted = receipts.judged, receipts.promoted
    if judged is not None and not judged.passed:
        return f"{said}, not promoted: {judged.why}"
    return f"{said}, promoted v{promoted.version}" if promoted else f"{said}, promoted"


def _snapshot(home: Home, known: str | None) -> Snapshot | None:
    if not known:
        return None
    try:
        return open_snapshot(home.snapshot(known))
    except WarehouseError:
        return None


def _changes(home: Home, about: About, snapshot: Snapshot | None) -> list[dict[str, Any]]:
    before = _snapshot(home, about.champion_before.snapshot_hash)
    if before is None or snapshot is None:
        return []
    try:
        rows: list[dict[str, Any]] = compare(before, snapshot).facts.to_pylist()
    except duckdb.Error:  # an earlier version published the one before
        return []
    return rows


def _with_answers(
    home: Home, folder: RunFolder, about: About, changes: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Add to each change what the model said before it, and says now."""
    before = about.champion_before.run_key
    fact_ids = [change["fact_id"] for change in changes]
    old = _said(home.run(before), fact_ids)
    new = _said(folder.path, fact_ids)
    return [
        {**change, "said_before": old.get(change["fact_id"]), "says": new.get(change["fact_id"])}
        for change in changes
    ]


def _said(run: Path, fact_ids: list[str]) -> dict[str, str]:
    """Return by fact_id what its own phrasings were answered; a miss before a hit."""
    path = run / "recall" / "recall.parquet"
    if not fact_ids or not path.is_file():
        return {}
    columns = ["kind", "fact_id", "generated", "is_exact"]
    chosen = (pc.field("fact_id").isin(fact_ids)) & ~pc.field("kind").isin(["heldout", *SAMPLED])
    rows = pq.read_table(path, columns=columns, filters=chosen).to_pylist()
    rows.sort(key=lambda row: not row["is_exact"])  # the last one stays
    return {row["fact_id"]: row["generated"] for row in rows}


def _checks(judged: Judged) -> list[dict[str, Any]]:
    return [{**check.model_dump(), "shown": check.shown} for check in judged.checks]


def _totals(measured: Measured) -> list[dict[str, Any]]:
    return [cell.told() for cell in measured.summary if cell.template == "*"]


def _by_words(measured: Measured) -> list[Cell]:
    """List recall by declared phrasing, held-out phrasing and surface variant, the worst first."""
    kinds = ("heldout", *SAMPLED)
    found = [cell for cell in measured.summary if cell.kind in kinds and cell.template != "*"]
    return sorted(found, key=lambda cell: cell.exact)[:MAX_ROWS]


def _conflicts(snapshot: Snapshot | None) -> dict[str, Any]:
    if snapshot is None:
        return {"ties": [], "num_ties": 0, "counts": {}}
    ties = snapshot.conflicts().to_pylist()
    names = ("subject", "relation", "values", "sources", "explanation")
    return {
        "ties": [{name: tie[name] for name in names} for tie in ties[:MAX_ROWS]],
        "num_ties": len(ties),
        "counts": {k: v for k, v in snapshot.manifest.get("counts", {}).items() if v},
    }


def _worst(folder: RunFolder) -> list[dict[str, Any]]:
    """List the facts that were missed in most of their phrasings."""
    path = folder.path / "recall" / "recall.parquet"
    if not path.is_file():
        return []
    columns = ["kind", "prompt", "fact_id", "answer", "generated", "is_exact", "oracle_exact"]
    table = pq.read_table(path, columns=columns, filters=_about_facts())
    asked: dict[str, int] = {}
    misses: dict[str, list[dict[str, Any]]] = {}
    for fact_id in table["fact_id"].to_pylist():
        asked[fact_id] = asked.get(fact_id, 0) + 1
    for row in table.filter(pc.invert(table["is_exact"])).to_pylist():
        misses.setdefault(row["fact_id"], []).append(row)
    worst = sorted(misses.items(), key=lambda item: (-len(item[1]) / asked[item[0]], item[0]))
    return [
        {
            **rows[0],
            "num_missed": len(rows),
            "num_asked": asked[fact_id],
            "cause": "routing" if rows[0]["oracle_exact"] else "memory",
        }
        for fact_id, rows in worst[:MAX_WORST]
    ]


def _about_facts() -> pc.Expression:
    # What an update left alone is carried over, and asked again only to prove it.
    return pc.field("fact_id").is_valid() & (pc.field("kind") != "untouched")


def _load(folder: RunFolder) -> dict[int, int]:
    """Count the groups by how many experts they use."""
    path = folder.path / "assignment.parquet"
    if not path.is_file():
        return {}
    counts = pc.value_counts(pq.read_table(path, columns=["num_experts"])["num_experts"])
    return {row["values"]: row["counts"] for row in sorted(counts.to_pylist(), key=_value)}


def _value(row: Mapping[str, Any]) -> int:
    return int(row["values"])


def _history(home: Home) -> list[dict[str, Any]]:
    try:
        return open_history(home.warehouse).by_relation().to_pylist()
    except NoHistoryError:
        return []


def _timings(receipts: Receipts, about: About) -> dict[str, float]:
    trained, updated = receipts.trained or Trained(), receipts.updated or Updated()
    measured = receipts.measured or Measured()
    stages = {
        "ingesting to assigning": about.prepared_seconds,
        "router pretraining": trained.pretrain_router_seconds,
        "memory tuning": trained.tune_memory_seconds,
        "writing the checkpoint": trained.write_checkpoint_seconds,
        "measuring recall": trained.measure_recall_seconds,
        "updating the experts": updated.update_seconds,
        "measuring and proving": measured.verify_seconds,
    }
    return {name: float(value) for name, value in stages.items() if value}


def _cost(
    home: Home,
    folder: RunFolder,
    receipts: Receipts,
    about: About,
) -> dict[str, Any]:
    """Return what the run took: processor time by workers and seconds, and room on the disk."""
    trained, updated = receipts.trained, receipts.updated
    workers = max(1, int(str(about.settings.get("num_workers", 1)))) if trained else 1
    seconds = sum(value for name, value in _timings(receipts, about).items() if "ing" in name)
    facts = updated.num_added + updated.num_changed if updated else 0
    facts = facts or (receipts.written or Written()).num_groups
    bank = folder.path / "checkpoint"
    return {
        "num_workers": workers,
        "worker_seconds": round(workers * seconds, 1),
        "device": "GPU" if about.settings.get("use_gpu") else "CPU",
        "num_facts_trained": facts,
        "seconds_per_fact": seconds / facts if facts else None,
        "checkpoint_bytes": _bytes(bank),
        "home_bytes": _bytes(home.runs),
        "bits_per_parameter": trained.bits_per_parameter if trained else None,
        "capacity_alarm": trained.capacity_alarm if trained else None,
    }


def _bytes(folder: Path) -> int:
    """Count what the files take on the disk; one that is linked several times counts once."""
    files = {
        (found.st_dev, found.st_ino): found.st_size
        for path in folder.rglob("*")
        if path.is_file()
        for found in (path.stat(),)
    }
    return sum(files.values())
