"""Gather what one run did from what it left on disk: for the report, the pages, the last word.

Reads: RUN/about.json, RUN/receipts, RUN/recall, RUN/assignment.parquet, the snapshots it compares,
HOME/warehouse/recall. Nothing is measured again, so a report of an old run can be made at any time.
"""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.home.about_run import About, read_about
from flows.home.home import Home
from flows.home.receipts import Measured, Receipts, Trained, Updated, Written
from flows.home.run_folder import RunFolder
from flows.planning.sampled_questions import SAMPLED
from flows.reporting.charts import RelationRecall
from flows.reporting.run_report import (
    MAX_ROWS,
    Conflicts,
    Cost,
    ReportedChange,
    RunReport,
    Tie,
    WorstFact,
    outcome,
)
from warehouse.errors import NoHistoryError, WarehouseError
from warehouse.recall import open_history
from warehouse.snapshots import Snapshot, compare, open_snapshot

MAX_WORST = 40


def gather(home: Home, run_key: str) -> RunReport:
    """Return all that is known of a run."""
    folder = RunFolder(path=home.run(run_key))
    receipts = folder.receipts()
    about = read_about(folder.path)
    snapshot = _snapshot(home, (receipts.written or Written()).snapshot_hash)
    changes = _changes(home, about, snapshot)
    return RunReport(
        run_key=run_key,
        about=about,
        receipts=receipts,
        outcome=outcome(receipts),
        changes=_with_answers(home, folder, about, changes[:MAX_ROWS]),
        num_changes=len(changes),
        conflicts=_conflicts(snapshot),
        worst=_worst(folder),
        load=_load(folder),
        history=_history(home),
        timings=_timings(receipts, about),
        cost=_cost(home, folder, receipts, about),
    )


def _snapshot(home: Home, known: str | None) -> Snapshot | None:
    if not known:
        return None
    try:
        return open_snapshot(home.snapshot(known))
    except WarehouseError:
        return None


def _changes(home: Home, about: About, snapshot: Snapshot | None) -> list[ReportedChange]:
    before = _snapshot(home, about.champion_before.snapshot_hash)
    if before is None or snapshot is None:
        return []
    try:
        found = compare(before, snapshot).facts
    except duckdb.Error:  # an earlier version published the one before
        return []
    columns = [f.name for f in fields(ReportedChange) if f.name in found.column_names]
    return [ReportedChange(**row) for row in found.select(columns).to_pylist()]


def _with_answers(
    home: Home, folder: RunFolder, about: About, changes: list[ReportedChange]
) -> tuple[ReportedChange, ...]:
    """Add to each change what the model said before it, and says now."""
    fact_ids = [change.fact_id for change in changes]
    old = _said(home.run(about.champion_before.run_key), fact_ids)
    new = _said(folder.path, fact_ids)
    return tuple(
        replace(change, said_before=old.get(change.fact_id), says=new.get(change.fact_id))
        for change in changes
    )


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


def _conflicts(snapshot: Snapshot | None) -> Conflicts:
    if snapshot is None:
        return Conflicts(counts={})
    ties = snapshot.conflicts()
    rows = ties.slice(0, MAX_ROWS).select([f.name for f in fields(Tie)]).to_pylist()
    return Conflicts(
        counts={k: v for k, v in snapshot.manifest.get("counts", {}).items() if v},
        ties=tuple(Tie(**{**row, "values": tuple(row["values"])}) for row in rows),
        num_ties=ties.num_rows,
    )


def _worst(folder: RunFolder) -> tuple[WorstFact, ...]:
    """List the facts that were missed in most of their phrasings."""
    path = folder.path / "recall" / "recall.parquet"
    if not path.is_file():
        return ()
    columns = ["kind", "prompt", "fact_id", "answer", "generated", "is_exact", "oracle_exact"]
    table = pq.read_table(path, columns=columns, filters=_about_facts())
    asked = _counts(table["fact_id"])
    missed = table.filter(pc.invert(table["is_exact"]))
    misses = _counts(missed["fact_id"])
    first = {row["fact_id"]: row for row in reversed(missed.to_pylist())}
    worst = sorted(misses, key=lambda fact_id: (-misses[fact_id] / asked[fact_id], fact_id))
    return tuple(
        WorstFact(
            prompt=first[fact_id]["prompt"],
            answer=first[fact_id]["answer"],
            generated=first[fact_id]["generated"],
            num_missed=misses[fact_id],
            num_asked=asked[fact_id],
            cause="routing" if first[fact_id]["oracle_exact"] else "memory",
        )
        for fact_id in worst[:MAX_WORST]
    )


def _about_facts() -> pc.Expression:
    # What an update left alone is carried over, and asked again only to prove it.
    return pc.field("fact_id").is_valid() & (pc.field("kind") != "untouched")


def _load(folder: RunFolder) -> dict[int, int]:
    path = folder.path / "assignment.parquet"
    if not path.is_file():
        return {}
    return dict(
        sorted(_counts(pq.read_table(path, columns=["num_experts"])["num_experts"]).items())
    )


def _counts(column: pa.ChunkedArray) -> dict[Any, int]:
    return {row["values"]: row["counts"] for row in pc.value_counts(column).to_pylist()}


def _history(home: Home) -> tuple[RelationRecall, ...]:
    try:
        found = open_history(home.warehouse).by_relation()
    except NoHistoryError:
        return ()
    columns = [f.name for f in fields(RelationRecall)]
    return tuple(RelationRecall(**row) for row in found.select(columns).to_pylist())


def _timings(receipts: Receipts, about: About) -> dict[str, float]:
    trained, updated = receipts.trained or Trained(), receipts.updated or Updated()
    measured = receipts.measured or Measured()
    stages = {
        "ingesting to assigning": about.prepared_seconds,
        "router pretraining": trained.pretrain_router_seconds,
        "memory tuning": trained.tune_memory_seconds,
        "writing the checkpoint": trained.write_checkpoint_seconds,
        "learning when values are due": trained.learn_due_keys_seconds,
        "measuring recall": trained.measure_recall_seconds,
        "updating the experts": updated.update_seconds,
        "measuring and proving": measured.verify_seconds,
    }
    return {name: float(value) for name, value in stages.items() if value}


def _cost(home: Home, folder: RunFolder, receipts: Receipts, about: About) -> Cost:
    trained, updated = receipts.trained, receipts.updated
    workers = max(1, int(str(about.settings.get("num_workers", 1)))) if trained else 1
    seconds = sum(value for name, value in _timings(receipts, about).items() if "ing" in name)
    facts = updated.num_added + updated.num_changed if updated else 0
    facts = facts or (receipts.written or Written()).num_groups
    return Cost(
        num_workers=workers,
        worker_seconds=round(workers * seconds, 1),
        device="GPU" if about.settings.get("use_gpu") else "CPU",
        num_facts_trained=facts,
        seconds_per_fact=seconds / facts if facts else None,
        checkpoint_bytes=_bytes(folder.path / "checkpoint"),
        home_bytes=_bytes(home.runs),
        capacity_alarm=trained.capacity_alarm if trained else None,
    )


def _bytes(folder: Path) -> int:
    """Count what the files take on the disk; one that is linked several times counts once."""
    files = {
        (found.st_dev, found.st_ino): found.st_size
        for path in folder.rglob("*")
        if path.is_file()
        for found in (path.stat(),)
    }
    return sum(files.values())
