"""Take a batch of claims into the catalogue: once, whole, and without losing a row.

Every input row ends in one of three places: a claim, a duplicate of a claim (its origin is kept),
or quarantine (kept as given, with the reason). The counts are checked before the commit. Watermark
and retractions of full extracts are committed together with the claims.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import failpoints, query, tombstones
from warehouse.catalogue import now, transaction
from warehouse.claims import Checked, ClaimBatch, Finding, check_contract
from warehouse.errors import (
    AccountingError,
    ContractError,
    RelationConflictError,
    SourceError,
    Where,
)
from warehouse.intake.batches import LastBatch, last_batch, record_batch
from warehouse.intake.doubts import doubts
from warehouse.intake.extracts import settle_extract, settle_feed

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
    """False when this very content was taken in before, or nothing was new."""
    num_withdrawn: int = 0
    """Claims that a full extract no longer asserts."""
    num_restored: int = 0
    """Claims that it asserts again."""
    watermark: str | None = None
    warnings: tuple[str, ...] = ()
    """Promises of the contract that were not kept, and only warn; what else looks wrong."""


def ingest(
    con: duckdb.DuckDBPyConnection, batch: ClaimBatch, *, recorded_at: datetime | None = None
) -> IngestReceipt:
    """Take in `batch`, or do nothing if the same content was taken in before.

    Raises:
        SourceError: the batch has no rows.
        ContractError: it breaks a promise of its source; nothing was changed.
        RelationConflictError: another source declared one of its relations differently.
        AccountingError: a row would be lost; nothing was changed.
    """
    batch = _without_known(con, batch)
    if not batch.claims.num_rows and not (batch.removed and batch.removed.num_rows):
        return _no_rows(batch)
    _check_relations(con, batch)
    moment = recorded_at or now()
    warnings = [*batch.told, *(found.message for found in check_batch(con, batch, moment))]
    with registered(con, batch), transaction(con):
        query.execute(con, "relations_declare", recorded_at=moment, **_declared(batch))
        earlier = query.execute(con, "ingest_receipt", content_hash=batch.content_hash)
        if not earlier:
            _take_in(con, batch, moment)
            warnings += doubts(con, batch)
        if not earlier or batch.extract == "full" or batch.watermark_column is not None:
            record_batch(con, batch, warnings, moment)
        withdrawn, restored = _settle(con, batch, moment)
        failpoints.reach("ingest.before_commit")
    failpoints.reach("ingest.after_commit")
    query.drop_work_tables(con)
    counts = {"num_withdrawn": withdrawn, "num_restored": restored}
    return _receipt(con, batch, is_new=not earlier, warnings=tuple(warnings), **counts)


def check_batch(
    con: duckdb.DuckDBPyConnection, batch: ClaimBatch, moment: datetime
) -> list[Finding]:
    """Return the promises of the contract that were not kept, and only warn.

    Raises:
        ContractError: a promise was not kept that does stop.
    """
    last = last_batch(con, batch.source)
    findings = contract_findings(con, batch, moment, last)
    broken = [finding.message for finding in findings if finding.is_hard]
    if not broken:
        return findings
    state = (
        f"the state of {last.recorded_at:%Y-%m-%d %H:%M} ({last.num_source_rows} rows) stays"
        if last
        else "nothing of it was taken in before"
    )
    raise ContractError(
        f"{batch.file} breaks the contract of source {batch.source!r}; nothing of it was taken in, "
        f"{state}: {'; '.join(broken)}",
        where=Where(file=str(batch.file), source=batch.source),
    )


def contract_findings(
    con: duckdb.DuckDBPyConnection, batch: ClaimBatch, moment: datetime, last: LastBatch | None
) -> list[Finding]:
    """Compare a batch with its source's contract, and with the last batch."""
    readable = batch.raw.filter(pc.is_null(batch.raw["text"]))
    given = readable["given"]
    columns = pa.Table.from_batches(
        [pa.RecordBatch.from_struct_array(chunk) for chunk in given.chunks],
        schema=pa.schema(list(given.type)),
    )
    return check_contract(
        batch.contract,
        Checked(
            table=columns,
            rows=readable["row"],
            num_rows=batch.num_source_rows,
            moment=moment,
            last_num_rows=last.num_source_rows if last else None,
            con=con,
        ),
    )


@contextmanager
def registered(con: duckdb.DuckDBPyConnection, batch: ClaimBatch) -> Iterator[None]:
    """Let queries read the batch: its claims, rows as given, files and recipes."""
    tables = {
        "batch": batch.claims,
        "raw_rows": batch.raw,
        "files": batch.files_table(),
        "recipes": batch.recipes_table(),
    }
    for name, table in tables.items():
        con.register(name, table)
    try:
        yield
    finally:
        for name in tables:
            con.unregister(name)


def judge(con: duckdb.DuckDBPyConnection, moment: datetime) -> None:
    """Read the registered batch and judge each row: a claim, or the reason why not."""
    latest = (moment + CLOCK_SLACK).date()
    query.execute(con, "ingest_read")
    query.execute(con, "ingest_judge", latest=latest, max_value_chars=MAX_VALUE_CHARS)


def accept(con: duckdb.DuckDBPyConnection, content_hash: str, moment: datetime) -> None:
    """Append the judged claims, where they were asserted, and their slots."""
    tombstones.keep_out(con)
    query.execute(con, "ingest_claims", recorded_at=moment)
    query.execute(con, "ingest_origins", content_hash=content_hash)
    query.execute(con, "ingest_slots")
    query.execute(con, "mark_reconciled_stale")


def _take_in(con: duckdb.DuckDBPyConnection, batch: ClaimBatch, moment: datetime) -> None:
    named = {"content_hash": batch.content_hash}
    judge(con, moment)
    failpoints.reach("ingest.after_stage")
    query.execute(con, "ingest_quarantine", source=batch.source, recorded_at=moment, **named)
    accept(con, batch.content_hash, moment)
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


def _settle(con: duckdb.DuckDBPyConnection, batch: ClaimBatch, moment: datetime) -> tuple[int, int]:
    if batch.removed is None:
        return settle_extract(con, batch.source, batch.file, moment)
    con.register("batch", batch.removed)
    judge(con, moment)
    return settle_feed(con, batch, moment)


def _without_known(con: duckdb.DuckDBPyConnection, batch: ClaimBatch) -> ClaimBatch:
    """Leave out rows that nobody can read and that are in quarantine: no watermark passes them."""
    if batch.watermark_column is None or not pc.any(pc.is_valid(batch.claims["broken"])).as_py():
        return batch
    with registered(con, batch):
        known = query.execute(con, "ingest_known_broken", source=batch.source)
    numbers = pa.array([row for (row,) in known], pa.int64())
    return replace(
        batch,
        claims=batch.claims.filter(pc.invert(pc.is_in(batch.claims["row"], numbers))),
        raw=batch.raw.filter(pc.invert(pc.is_in(batch.raw["row"], numbers))),
    )


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


def _no_rows(batch: ClaimBatch) -> IngestReceipt:
    if batch.watermark_column is None:
        raise SourceError(
            f"{batch.file}: no rows to ingest; check the path, the table or the query"
        )
    return IngestReceipt(
        source=batch.source,
        file=batch.file,
        content_hash=batch.content_hash,
        num_rows=0,
        num_accepted=0,
        num_duplicates=0,
        num_quarantined=0,
        is_new=False,
        watermark=batch.watermark,
    )


def _receipt(
    con: duckdb.DuckDBPyConnection,
    batch: ClaimBatch,
    *,
    is_new: bool,
    warnings: tuple[str, ...],
    **counts: int,
) -> IngestReceipt:
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
        watermark=batch.watermark,
        warnings=warnings,
        **counts,
    )
