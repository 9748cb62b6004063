"""Say which group of experts each fact is written to (capacity 1), and which shard owns it.

The assignment is stable: a fact keeps its group from snapshot to snapshot as long as it lives, so
an update touches only the experts of changed facts. Shards follow the group number, not the number
of workers, so any number of workers trains the same experts.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from warehouse import durable, failpoints, query
from warehouse.catalogue import transaction
from warehouse.errors import AccountingError, CapacityError
from warehouse.reference.names import other_names
from warehouse.snapshots import Snapshot

TokenCounts = Mapping[str, int] | Callable[[list[str]], list[int]]
"""Tokens by fact_id, or a function that counts the tokens of answers."""


def num_experts_for(num_tokens: int, group_size: int) -> int:
    """Return how many experts of its group an answer of `num_tokens` uses: one a token."""
    return min(group_size, num_tokens)


@dataclass(frozen=True, kw_only=True)
class AssignmentReceipt:
    """Where the assignment lies, and how large it is."""

    path: Path
    num_facts: int
    num_groups_used: int
    sha256: str


def assign(
    con: duckdb.DuckDBPyConnection,
    home: Path,
    snapshot: Snapshot,
    *,
    num_groups: int,
    group_size: int,
    num_shards: int,
    num_tokens_by_fact: TokenCounts,
) -> AssignmentReceipt:
    """Place every fact of `snapshot` in a group, and write the assignment whole or not at all.

    Raises:
        CapacityError: there are more facts than groups; nothing was changed.
        ValueError: a number is not positive.
    """
    for name, number in (
        ("num_groups", num_groups),
        ("group_size", group_size),
        ("num_shards", num_shards),
    ):
        if number < 1:
            raise ValueError(f"{name}={number} must be at least 1")
    facts = snapshot.facts()
    if facts.num_rows > num_groups:
        raise CapacityError(
            f"{facts.num_rows} facts do not fit into {num_groups} groups of {group_size} experts; "
            f"use at least {facts.num_rows * group_size} experts, or smaller groups"
        )
    geometry = f"{num_groups}x{group_size}-{num_shards}"
    to_place = _to_place(facts, group_size, num_tokens_by_fact)
    placed = _settle(con, geometry, facts, to_place, num_groups, num_shards)
    path = home / "assignments" / f"{snapshot.training_hash[:16]}-{geometry}.parquet"
    failpoints.reach("assign.before_file")
    durable.write_parquet(placed, path)
    return AssignmentReceipt(
        path=path,
        num_facts=placed.num_rows,
        num_groups_used=len(placed["group_index"].unique()),
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
    )


def _to_place(facts: pa.Table, group_size: int, counts: TokenCounts) -> pa.Table:
    fact_ids = facts["fact_id"].to_pylist()
    if callable(counts):
        num_tokens = counts(facts["answer"].to_pylist())
    else:
        num_tokens = [counts[fact_id] for fact_id in fact_ids]
    num_experts = [num_experts_for(number, group_size) for number in num_tokens]
    return pa.table({"fact_id": facts["fact_id"], "num_experts": pa.array(num_experts, pa.int64())})


def _settle(
    con: duckdb.DuckDBPyConnection,
    geometry: str,
    facts: pa.Table,
    to_place: pa.Table,
    num_groups: int,
    num_shards: int,
) -> pa.Table:
    con.register("facts_to_place", to_place)
    con.register("snapshot_facts", facts)
    try:
        with transaction(con):
            query.execute(
                con,
                "assignment_settle",
                geometry=geometry,
                num_groups=num_groups,
                num_shards=num_shards,
            )
            query.execute(con, "assignment_clear", geometry=geometry)
            query.execute(con, "assignment_record", geometry=geometry)
            placed = _named(query.run(con, "export_assignment", geometry=geometry))
            offenders = query.execute(con, "check_assignment", geometry=geometry)
            if offenders or placed.num_rows != facts.num_rows:
                raise AccountingError(
                    f"{placed.num_rows} of {facts.num_rows} facts placed, "
                    f"{len(offenders)} groups with two facts"
                )
            failpoints.reach("assign.before_commit")
    finally:
        con.unregister("facts_to_place")
        con.unregister("snapshot_facts")
    return placed


def _named(placed: pa.Table) -> pa.Table:
    """Add what each fact's subject is called besides."""
    subjects = placed["subject"].to_pylist()
    names = other_names(set(subjects))
    column = [names.get(subject, ()) for subject in subjects]
    return placed.append_column("names", pa.array(column, pa.list_(pa.string())))
