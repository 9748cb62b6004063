"""What is known of a source from the last time that it was taken in."""

from dataclasses import dataclass
from datetime import datetime

import duckdb

from warehouse import query
from warehouse.claims import ClaimBatch


@dataclass(frozen=True, kw_only=True)
class LastBatch:
    """The present state of a source."""

    content_hash: str
    extract: str
    num_source_rows: int
    watermark_column: str | None
    watermark: str | None
    version: int | None
    warnings: tuple[str, ...]
    recorded_at: datetime


def last_batch(con: duckdb.DuckDBPyConnection, source: str) -> LastBatch | None:
    """Return the latest batch of a source; null if it was never taken in."""
    found = query.run(con, "batch_last", source=source).to_pylist()
    if not found:
        return None
    row = {name: found[0][name] for name in LastBatch.__dataclass_fields__}
    return LastBatch(**{**row, "warnings": tuple(row["warnings"] or ())})


def record_batch(
    con: duckdb.DuckDBPyConnection, batch: ClaimBatch, warnings: list[str], moment: datetime
) -> None:
    """Make `batch` the present state of its source, if it is not."""
    last = last_batch(con, batch.source)
    if last is not None and _state(last) == _state(batch):
        return
    query.execute(
        con,
        "batch_record",
        source=batch.source,
        content_hash=batch.content_hash,
        extract=batch.extract,
        num_source_rows=batch.num_source_rows,
        watermark_column=batch.watermark_column,
        watermark=batch.watermark,
        version=batch.version,
        warnings=warnings,
        now=moment,
    )


def _state(known: LastBatch | ClaimBatch) -> tuple[object, ...]:
    return (
        known.content_hash,
        known.extract,
        known.watermark_column,
        known.watermark,
        known.version,
    )
