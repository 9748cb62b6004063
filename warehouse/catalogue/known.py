"""What was known at a moment: the views through which a reconcile sees the catalogue."""

from datetime import datetime

import duckdb

from warehouse import query


def look_back(con: duckdb.DuckDBPyConnection, moment: datetime | None) -> None:
    """Let the views `known_...` show what was recorded until `moment` (null: everything)."""
    con.execute("set variable known_at = $moment", {"moment": moment})
    for statement in con.extract_statements(query.text("known_views")):
        con.execute(statement)
    con.execute(query.text("known_now" if moment is None else "known_then"))
