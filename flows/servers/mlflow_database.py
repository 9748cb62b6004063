"""Make MLflow's database of a home, whole or not at all.

MLflow's migrations commit one by one, and it takes a database for a finished one as soon as all
tables are there: what a kill leaves half made, no later program can open. So the database is made
aside, by MLflow's own store, and renamed when it is done; who needs it calls this before MLflow.

It names artifacts by the absolute path of their folder, so in a home that was moved or copied they
are named anew: else what is written there goes to the old place.
"""

import fcntl
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from flows.environment import mlflow_artifacts, mlflow_database
from flows.servers.database_file import expect_readable

log = logging.getLogger(__name__)
_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("logged_model_tags", "tag_value"),
    ("model_versions", "storage_location"),
    ("datasets", "dataset_source"),
)
"""Where MLflow 3.17 keeps URIs of files in its database, table and column."""
_FIRST = "select artifact_location from experiments order by experiment_id limit 1"
"""The experiment that MLflow makes by itself, named by where its database was made."""


def settle_artifacts(home: Path) -> None:
    """Have MLflow's database name the artifacts of this home, if it was another's or elsewhere.

    What cannot be opened is left to whoever needs it, and to `lamini doctor`.
    """
    path, now = mlflow_database(home), mlflow_artifacts(home)
    if not path.is_file():
        return
    try:
        with closing(sqlite3.connect(path, timeout=1)) as con:
            found = con.execute(_FIRST).fetchone()
            before = str(found[0]).rpartition("/")[0] if found else now
            if before == now:
                return
            # Of the home: its checkpoints and snapshots are named, too.
            old, new = (uri.removesuffix("/mlflow/artifacts") for uri in (before, now))
            with con:
                for table, column in _LOCATIONS:
                    con.execute(
                        f"update {table} set {column} = replace({column}, ?, ?) "
                        f"where instr({column}, ?) > 0",
                        (f"{old}/", f"{new}/", f"{old}/"),
                    )
    except sqlite3.Error as error:
        log.warning("%s still names its artifacts at another place: %s", path, error)
        return
    log.info("%s was at %s: what MLflow kept of it is named anew", home, old)


def make_database(home: Path) -> None:
    """Make the database of `home` unless it is there; a second starter waits for the first.

    Raises:
        DatabaseDamagedError: it is there, and cannot be read.
    """
    path = mlflow_database(home)
    if path.exists():
        expect_readable(path)
        settle_artifacts(home)
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
