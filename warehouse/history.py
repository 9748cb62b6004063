"""See the facts as they were known at an earlier moment (recorded time)."""

from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse import query


def facts_known_at(con: duckdb.DuckDBPyConnection, moment: datetime) -> pa.Table:
    """Give the facts that were current at `moment` (UTC, without zone), ordered by fact_id."""
    return query.run(con, "facts_known_at", moment=moment)


def decisions_about(con: duckdb.DuckDBPyConnection, claim_id: str) -> pa.Table:
    """Give every decision ever made about a claim, in order of time."""
    return query.run(con, "decisions_about", claim_id=claim_id)
