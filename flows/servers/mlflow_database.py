"""Make MLflow's database of a home, whole or not at all.

MLflow's migrations commit one by one, and it takes a database for a finished one as soon as all
tables are there: what a kill leaves half made, no later program can open. So the database is made
aside, by MLflow's own store, and renamed when it is done; who needs it calls this before MLflow.
"""

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from flows.environment import mlflow_artifacts, mlflow_database


def make_database(home: Path) -> None:
    """Make the database of `home` unless it is there; a second starter waits for the first."""
    path = mlflow_database(home)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists():
            return
        part = path.with_suffix(".db.part")
        for left in path.parent.glob(f"{part.name}*"):  # a killed starter's, journal included
            left.unlink()
        _fill(part, mlflow_artifacts(home))
        _flush(part)
        part.replace(path)
        _flush(path.parent)


def _fill(part: Path, artifacts: str) -> None:
    # A slow import, which whoever finds a database does not need.
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(f"sqlite:///{part}", artifacts)
    store.engine.dispose()
    # Should MLflow turn to a write-ahead log: a renamed file must not leave it behind.
    with closing(sqlite3.connect(part)) as con:
        con.execute("pragma wal_checkpoint(truncate)")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
