"""Take a batch of claims into the catalogue: once, whole, and without losing a row.

Every input row ends in one of three places: a claim, a duplicate of a claim (its origin is kept),
or quarantine (kept as given, with the reason). The counts are checked before the commit.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from warehouse import failpoints, query
from warehouse.catalogue import now, transaction
from warehouse.claims import ClaimBatch
from warehouse.errors import AccountingError, RelationConflictError, SourceError

MAX_VALUE_CHARS = (
    2000  # far beyond the 64 tokens an answer may have; more is not a value but a text
)
CLOCK_SLACK = timedelta(days=1)  # a source east of us may already have tomorrow's date


@dataclass(frozen=True, kw_only=True)
class IngestReceipt:
    """What became of a batch."""

    source: str
    file: str
    content_hash: str
    num_rows: int
    num_accepted: int
    num_duplicates: int
    num_quarantined: int
    is_new: bool
    """False when this very content was taken in before, and nothing was done."""


def ingest(
    con: duckdb.DuckDBPyConnection, batch: ClaimBatch, *, recorded_at: datetime | None = None
) -> IngestReceipt:
    """Take in `batch`, or do nothing if the same content was taken in before.

    Raises:
        SourceError: the batch has no rows.
        RelationConflictError: another source declared one of its relations differently.
        AccountingError: a row would be lost; nothing was changed.
    """
    if not batch.claims.num_rows:
        raise SourceError(
            f"{batch.file}: no rows to ingest; check the path, the table or the query"
        )
    moment = recorded_at or now()
    _check_relations(con, batch)
    con.register("batch", batch.claims)
    con.register("raw_rows", batch.raw)
    try:
        with transaction(con):
            query.execute(con, "relations_declare", recorded_at=moment, **_declared(batch))
            earlier = query.execute(con, "ingest_receipt", content_hash=batch.content_hash)
            if not earlier:
                _take_in(con, batch, moment)
                failpoints.reach("ingest.before_commit")
    finally:
        con.unregister("batch")
        con.unregister("raw_rows")
    return _receipt(con, batch, is_new=not earlier)


def _take_in(con: duckdb.DuckDBPyConnection, batch: ClaimBatch, moment: datetime) -> None:
    latest = (moment + CLOCK_SLACK).date()
    query.execute(con, "ingest_read")
    query.execute(con, "ingest_judge", latest=latest, max_value_chars=MAX_VALUE_CHARS)
    failpoints.reach("ingest.after_stage")
    named = {"content_hash": batch.content_hash}
    query.execute(con, "ingest_quarantine", source=batch.source, file=batch.file, **named)
    query.execute(con, "ingest_claims", recorded_at=moment)
    query.execute(con, "ingest_origins", file=batch.file, **named)
    query.execute(con, "ingest_slots")
    query.execute(con, "clear_reconciled")
    query.execute(
        con,
        "ingest_record",
        source=batch.source,
        file=batch.file,
        num_rows=batch.claims.num_rows,
        recorded_at=moment,
        **named,
    )
    lost = query.execute(con, "check_ingest", **named)
    if lost:
        raise AccountingError(f"{batch.file}: rows in, accepted, duplicate, quarantined: {lost[0]}")


def _declared(batch: ClaimBatch) -> dict[str, object]:
    return {
        "source": batch.source,
        "relations": list(batch.relations.keys()),
        "rules": [rule.to_json() for rule in batch.relations.values()],
    }


def _check_relations(con: duckdb.DuckDBPyConnection, batch: ClaimBatch) -> None:
    clash = query.execute(con, "relations_clash", **_declared(batch))
    if clash:
        relation, other, theirs, ours = clash[0]
        raise RelationConflictError(
            f"source {batch.source!r} declares relation {relation!r} as {ours}, but "
            f"source {other!r} declared it as {theirs}; make the two mappings agree"
        )


def _receipt(con: duckdb.DuckDBPyConnection, batch: ClaimBatch, *, is_new: bool) -> IngestReceipt:
    row = query.execute(con, "ingest_receipt", content_hash=batch.content_hash)[0]
    num_rows, num_accepted, num_duplicates, num_quarantined = (int(str(count)) for count in row)
    return IngestReceipt(
        source=batch.source,
        file=batch.file,
        content_hash=batch.content_hash,
        num_rows=num_rows,
        num_accepted=num_accepted,
        num_duplicates=num_duplicates,
        num_quarantined=num_quarantined,
        is_new=is_new,
    )
