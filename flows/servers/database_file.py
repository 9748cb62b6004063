"""Tell a damaged database of MLflow's or Prefect's from a whole one, and say what heals it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from flows.errors import DatabaseDamagedError

SET_ASIDE = {
    "mlflow.db": "or move it away: it holds only what pages show, and the next run makes a new "
    "one; a run that was killed begins anew with lamini run --force",
    "prefect.db": "or stop lamini ui and lamini serve, and move it away with what bears its "
    "name: it holds only what pages show, and the next server makes a new one",
}


def expect_readable(path: Path) -> None:
    """Look whether the database, if there is one, can be opened and its tables listed.

    Raises:
        DatabaseDamagedError: it cannot, though nobody holds it; the message says what heals it.
    """
    if path.is_file() and (wrong := wrong_in(path, "select count(*) from sqlite_master")):
        raise DatabaseDamagedError(
            f"{path} is damaged ({wrong}): restore it from a backup, {SET_ASIDE[path.name]}"
        )


def wrong_in(path: Path, question: str = "pragma quick_check(1)") -> str:
    """Return what is wrong in a database, nothing where it is whole or somebody writes to it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as con:
            (first,) = con.execute(question).fetchone()
    except sqlite3.OperationalError as error:
        return "" if "locked" in str(error) else str(error)
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if first == "ok" or isinstance(first, int) else " ".join(str(first).split())
