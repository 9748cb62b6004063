"""Decide what is so: one fact per slot from all claims, every loser kept with its reason.

The declared policy: what is not valid at the as-of date steps aside; a source's own later word
replaces its earlier one; then authority, recency and agreement decide, in that order. What is
equal in all three is a tie: no fact, a conflict for people. The result depends on the claims alone,
not on the order or the batches in which they came.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import pyarrow as pa

from warehouse import failpoints, query
from warehouse.catalogue import now, transaction
from warehouse.errors import AccountingError

STATUSES = (
    "used",
    "contradicted",
    "outdated",
    "not_yet_valid",
    "duplicate",
    "retracted",
    "held_back",
    "quarantined",
)
CRITERIA = ("authority", "recency", "agreement")

CountTokens = Callable[[list[str]], list[int]]
"""Counts the tokens of each answer, the end of the answer not included."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How values of one slot compete."""

    criteria: tuple[str, ...] = CRITERIA
    """The three criteria, the strongest first."""

    def __post_init__(self) -> None:
        if sorted(self.criteria) != sorted(CRITERIA):
            raise ValueError(f"criteria={self.criteria} must be an order of {CRITERIA}")


@dataclass(frozen=True, kw_only=True)
class ReconcileReceipt:
    """What was decided."""

    as_of: date
    snapshot_hash: str
    training_hash: str
    num_input_rows: int
    num_slots: int
    num_facts: int
    conflicts_resolved: int
    """Slots in which several valid values competed and one became the fact."""
    ties: int
    """Slots in which they were equal: reported, not decided."""
    counts: dict[str, int]
    """Input rows by status; the sum is num_input_rows (I8)."""
    ambiguous_prompts: int
    """Paraphrases that facts with different answers share, and which no fact therefore keeps."""
    num_added: int
    num_changed: int
    num_retired: int


def reconcile(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    policy: Policy | None = None,
    count_tokens: CountTokens | None = None,
    max_answer_tokens: int = 64,
    *,
    recorded_at: datetime | None = None,
) -> ReconcileReceipt:
    """Decide every claim as of `as_of` (valid time) and record what changed, in one transaction.

    Raises:
        AccountingError: some claim would be lost or counted twice; nothing was changed.
    """
    criteria = list((policy or Policy()).criteria)
    moment = recorded_at or now()
    with transaction(con):
        _decide(con, as_of, criteria, count_tokens, max_answer_tokens)
        _record(con, as_of, criteria, moment)
        _check(con)
        failpoints.reach("reconcile.before_commit")
    return _receipt(con)


def _decide(
    con: duckdb.DuckDBPyConnection,
    as_of: date,
    criteria: list[str],
    count_tokens: CountTokens | None,
    max_answer_tokens: int,
) -> None:
    query.execute(con, "reconcile_standings", as_of=as_of)
    query.execute(con, "reconcile_values", criteria=criteria)
    query.execute(con, "reconcile_candidates")
    con.register("answer_tokens", _answer_tokens(con, count_tokens))
    try:
        query.execute(con, "reconcile_held_back", max_answer_tokens=max_answer_tokens)
    finally:
        con.unregister("answer_tokens")
    query.execute(con, "reconcile_ambiguous")
    query.execute(con, "reconcile_decisions", criteria=criteria)
    query.execute(con, "reconcile_new_facts")


def _answer_tokens(con: duckdb.DuckDBPyConnection, count_tokens: CountTokens | None) -> pa.Table:
    answers = query.run(con, "candidate_answers")["answer"].to_pylist() if count_tokens else []
    counts = count_tokens(answers) if count_tokens else []
    return pa.table(
        {"answer": pa.array(answers, pa.string()), "num_tokens": pa.array(counts, pa.int64())}
    )


def _record(
    con: duckdb.DuckDBPyConnection, as_of: date, criteria: list[str], moment: datetime
) -> None:
    query.execute(con, "clear_conflicts")
    query.execute(con, "reconcile_conflicts", criteria=criteria)
    query.execute(con, "close_decisions", now=moment)
    query.execute(con, "open_decisions", now=moment)
    query.execute(con, "reconcile_changes")
    query.execute(con, "close_facts", now=moment)
    query.execute(con, "open_facts", now=moment)
    training_hash = str(query.execute(con, "training_hash")[0][0])
    snapshot_hash = str(query.execute(con, "snapshot_hash")[0][0])
    query.execute(con, "log_changes", snapshot_hash=snapshot_hash, now=moment)
    query.execute(con, "clear_reconciled")
    query.execute(
        con,
        "record_reconciled",
        snapshot_hash=snapshot_hash,
        training_hash=training_hash,
        as_of=as_of,
        now=moment,
    )
    query.execute(con, "record_snapshot", now=moment)


def _check(con: duckdb.DuckDBPyConnection) -> None:
    for name in ("check_accounting", "check_decisions", "check_facts"):
        offenders = query.execute(con, name)
        if offenders:
            raise AccountingError(f"{name}: {len(offenders)} offending, the first: {offenders[0]}")


def _receipt(con: duckdb.DuckDBPyConnection) -> ReconcileReceipt:
    totals = query.run(con, "reconcile_totals").to_pylist()[0]
    changes = query.run(con, "change_counts").to_pylist()[0]
    found = {
        str(status): int(str(count)) for status, count in query.execute(con, "reconcile_counts")
    }
    return ReconcileReceipt(
        as_of=totals["as_of"],
        snapshot_hash=totals["snapshot_hash"],
        training_hash=totals["training_hash"],
        num_input_rows=totals["num_input_rows"],
        num_slots=totals["num_slots"],
        num_facts=totals["num_facts"],
        conflicts_resolved=totals["num_conflicts_resolved"],
        ties=totals["num_ties"],
        ambiguous_prompts=totals["num_ambiguous_prompts"],
        counts={status: found.get(status, 0) for status in STATUSES},
        **changes,
    )
