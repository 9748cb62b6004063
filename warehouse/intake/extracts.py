"""Full extracts: what a source no longer asserts is withdrawn, and lifted when it comes back.

Retractions are appended, like claims: the latest one of a claim decides. What a person withdrew is
never lifted by an extract.
"""

from datetime import datetime

import duckdb

from warehouse import query
from warehouse.claims import ClaimBatch
from warehouse.intake.batches import last_batch


def settle_extract(
    con: duckdb.DuckDBPyConnection, source: str, file: str, moment: datetime
) -> tuple[int, int]:
    """Withdraw and lift as the present extract of `source` says; give how many of each.

    A source that gives no full extracts changes nothing.
    """
    last = last_batch(con, source)
    if last is None or last.extract != "full":
        return 0, 0
    query.execute(con, "extract_standing", source=source, content_hash=last.content_hash)
    return _record(con, source, file, moment)


def settle_feed(
    con: duckdb.DuckDBPyConnection, batch: ClaimBatch, moment: datetime
) -> tuple[int, int]:
    """Withdraw the judged rows, which a change feed says were deleted, and lift those that came."""
    named = {"source": batch.source, "content_hash": batch.content_hash}
    query.execute(con, "extract_feed", **named)
    return _record(con, batch.source, batch.file, moment)


def _record(
    con: duckdb.DuckDBPyConnection, source: str, file: str, moment: datetime
) -> tuple[int, int]:
    changed = query.execute(con, "extract_record", source=source, file=file, now=moment)
    if changed:
        query.execute(con, "mark_reconciled_stale")
    num_withdrawn = sum(bool(row[0]) for row in changed)
    return num_withdrawn, len(changed) - num_withdrawn
