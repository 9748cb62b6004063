"""Refused rows of long ago lose their text: they stay as rows that count, with the reason."""

from datetime import timedelta

import duckdb

from warehouse import query
from warehouse.catalogue import now, transaction


def old_texts(con: duckdb.DuckDBPyConnection, days: float) -> tuple[int, int]:
    """Return how many refused rows older than so many days have a text, and its bytes."""
    [(rows, size)] = query.execute(con, "quarantine_old", before=now() - timedelta(days=days))
    return int(str(rows)), int(str(size))


def drop_texts(con: duckdb.DuckDBPyConnection, days: float) -> None:
    """Take their text out; they can no longer be put right, and decisions are out of date."""
    with transaction(con):
        query.execute(con, "quarantine_drop", before=now() - timedelta(days=days))
        query.execute(con, "mark_reconciled_stale")
