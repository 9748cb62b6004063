"""Open a published snapshot for SQL: its files as views, and the views that explain them.

Every snapshot folder holds the same as `views.sql`, for the DuckDB program:

    cd HOME/warehouse/snapshots/HASH && duckdb -init views.sql
    from why where subject = 'Peru';
"""

import re

import duckdb

from warehouse import query
from warehouse.snapshots.snapshot import TABLES, Snapshot


def connect(snapshot: Snapshot, other: Snapshot | None = None) -> duckdb.DuckDBPyConnection:
    """Open a database in memory with the views of the snapshot; the caller closes it.

    `facts`, `claims`, `quarantine`, `conflicts`, `duplicates`, `timeline`, `sources`, `relations`
    are the files; `why` has every claim beside the answer of its slot; `rankings` the sources in
    order. `changes` has what differs from `other`, if that is given.

    Raises:
        SnapshotDamagedError: a file is missing or differs from the manifest.
    """
    snapshot.verify()
    con = query.connect()
    text = query.text("published_views")
    for name in TABLES:
        path = _literal(str(snapshot.path.resolve() / f"{name}.parquet"))
        text = text.replace(f"'{name}.parquet'", path)
    con.execute(text)
    if other is not None:
        other.verify()
        folder = _literal(str(other.path.resolve()))
        con.execute(f"create view changes as select * from changes({folder})")
    return con


def lend(con: duckdb.DuckDBPyConnection, snapshot: Snapshot, prefix: str) -> None:
    """Make a view `prefix` + name of each file that the snapshot has."""
    for name in TABLES:
        path = snapshot.path.resolve() / f"{name}.parquet"
        if path.is_file():
            view = query.quote_name(prefix + name)
            con.execute(f"create view {view} as select * from {_literal(str(path))}")


def _literal(path: str) -> str:
    # In brackets, what DuckDB would take for a pattern stands for itself.
    return query.quote_text(re.sub(r"([*?\[])", r"[\1]", path))
