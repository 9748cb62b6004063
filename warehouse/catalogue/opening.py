"""Open the DuckDB catalogue: one writer at a time, schema made or brought up to date.

Only the writer opens this file. Everything that reads goes to the published Parquet (snapshot.py).
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import failpoints, query
from warehouse.errors import (
    CatalogueDamagedError,
    CatalogueGoneError,
    CatalogueLockedError,
    CatalogueVersionError,
    Where,
)

SCHEMA_VERSION = 1
TOMBSTONES = "tombstones.parquet"
"""Which slots are to be forgotten, for readers: hashes and reasons alone."""
WAYS_BACK = (
    "restore it from a backup, or move it away and make another with lamini recover: from the "
    "claims of the newest snapshot, tombstones kept"
)
_DAMAGE = ("not a valid duckdb", "corrupt", "not read enough bytes", "deserialize")
STORAGE_VERSION = "v1.5.0"  # readable by DuckDB 1.5 and 2.0; 2.0's own format is not


@contextmanager
def open_catalogue(home: Path, *, anew: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open `home`/catalogue.duckdb for writing, making it if need be; closes it at the end.

    Tombstones that were published and that it lacks stand in it again: what was to be forgotten is
    learned by no other catalogue either. `anew` makes one where there was one.

    Raises:
        CatalogueLockedError: another process has it open; the message gives its process id.
        CatalogueGoneError: it is not there, though something was published.
        CatalogueVersionError: a newer version of this program wrote it.
        CatalogueDamagedError: what is read of it is not what DuckDB wrote.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "catalogue.lock").open("a+") as lock:
        _take(lock, home)
        if not anew:
            _expect(home)
        con = query.connect()
        try:
            _attach(con, home / "catalogue.duckdb")
            _restore_tombstones(con, home / TOMBSTONES)
            yield con
        except duckdb.Error as error:
            if not _is_damage(error):
                raise
            path = home / "catalogue.duckdb"
            raise CatalogueDamagedError(
                f"{path} is damaged ({str(error).splitlines()[0][:200]}); {WAYS_BACK}",
                where=Where(file=str(path)),
            ) from error
        finally:
            con.close()


def now() -> datetime:
    """Return the time to record: UTC, without zone, as the catalogue stores it."""
    return datetime.now(tz=UTC).replace(tzinfo=None)


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Commit what happens inside, all of it or, on any error, none of it."""
    con.execute("begin transaction")
    try:
        yield
    except BaseException:
        con.execute("rollback")
        raise
    con.execute("commit")


def make_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make the tables that are missing."""
    con.execute(query.text("schema"))


def _expect(home: Path) -> None:
    path = home / "catalogue.duckdb"
    left = [name for name in ("HEAD.json", TOMBSTONES) if (home / name).exists()]
    if left and not path.exists():
        raise CatalogueGoneError(
            f"{path} is gone, with all claims, though {' and '.join(left)} tell of them; "
            f"{WAYS_BACK}. To begin anew, remove the whole home",
            where=Where(file=str(path)),
        )


def _restore_tombstones(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    if not path.is_file():
        return
    try:
        con.register("published_tombstones", pq.read_table(path))
    except (OSError, pa.ArrowException) as error:
        raise CatalogueDamagedError(
            f"{path} is damaged ({error}): it says what is never to be learned again; restore it "
            "from a backup, or, where catalogue.duckdb is whole, remove it: the next lamini forget "
            "writes it anew",
            where=Where(file=str(path)),
        ) from error
    with transaction(con):
        query.execute(con, "tombstones_restore", now=now())
    con.unregister("published_tombstones")


def _take(lock: IO[str], home: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        raise CatalogueLockedError(
            f"the catalogue in {home} is being written by process {holder}; wait until it ends "
            "(one process writes at a time; readers use the published snapshot and never wait)",
            where=Where(file=str(home), holder=holder),
        ) from None
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _is_damage(error: duckdb.Error) -> bool:
    # DuckDB has no class of its own for it; what a value may hold, a conversion error quotes.
    text = str(error).lower()
    return not isinstance(error, duckdb.DataError) and any(word in text for word in _DAMAGE)


def _attach(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    con.execute(
        f"attach {query.quote_text(str(path))} as catalogue (storage_version '{STORAGE_VERSION}')"
    )
    con.execute("use catalogue")
    with transaction(con):
        make_tables(con)
        found = query.execute(con, "schema_version")
        version = int(str(found[0][0])) if found else 0
        if version > SCHEMA_VERSION:
            raise CatalogueVersionError(
                f"{path} has schema version {version}, this program knows up to {SCHEMA_VERSION}; "
                "use the newer program, or another home"
            )
        if version < SCHEMA_VERSION:
            query.execute(con, "schema_applied", version=SCHEMA_VERSION, now=now())
        failpoints.reach("catalogue.before_commit")
