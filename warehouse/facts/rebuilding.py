"""Rebuild the facts of any pair of moments: valid on a day, as known at a time.

The claims are append-only, so an old snapshot comes out with its old hash. The catalogue and the
head stay as they are.
"""

from pathlib import Path

import duckdb

from warehouse.catalogue import look_back, now
from warehouse.facts.reconciliation import ReconcileSettings, decide
from warehouse.snapshots import Snapshot, write_snapshot


def rebuild(con: duckdb.DuckDBPyConnection, home: Path, settings: ReconcileSettings) -> Snapshot:
    """Write the snapshot of the facts valid on `as_of` as they were known at `known_at`.

    Raises:
        AccountingError: as `reconcile`.
    """
    con.execute("begin transaction")
    try:
        decide(con, settings, now())
        return write_snapshot(con, home)
    finally:
        con.execute("rollback")
        look_back(con, None)
