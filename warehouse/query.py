"""Run the package's .sql files by name, with named parameters."""

import re
from functools import cache
from importlib.resources import files

import duckdb
import pyarrow as pa

from warehouse.errors import UnknownQueryError

_SQL = files("warehouse") / "sql"
ROWS_AT_ONCE = 122_880  # a row group of DuckDB


@cache
def text(name: str) -> str:
    """Read the SQL of `warehouse/sql/<name>.sql`.

    Raises:
        UnknownQueryError: there is no such file; the message lists those there are.
    """
    path = _SQL / f"{name}.sql"
    if not path.is_file():
        raise UnknownQueryError(f"no query {name!r}; there are: {', '.join(names())}")
    return path.read_text(encoding="utf-8")


def names(prefix: str = "") -> list[str]:
    """List the queries whose name starts with `prefix`, in order."""
    found = (path.name.removesuffix(".sql") for path in _SQL.iterdir())
    return sorted(name for name in found if name.startswith(prefix))


def run(con: duckdb.DuckDBPyConnection, name: str, **params: object) -> pa.Table:
    """Run the query `name`. DuckDB itself refuses a missing or a spare parameter."""
    return con.sql(text(name), params=params or None).to_arrow_table()


def stream(con: duckdb.DuckDBPyConnection, name: str, **params: object) -> pa.RecordBatchReader:
    """Run the query `name` and read its rows bit by bit; until the end the connection is taken."""
    return con.sql(text(name), params=params or None).to_arrow_reader(ROWS_AT_ONCE)


def execute(
    con: duckdb.DuckDBPyConnection, name: str, **params: object
) -> list[tuple[object, ...]]:
    """Run the statement `name` to its end and give its rows, if it has any, as tuples."""
    return con.execute(text(name), params or None).fetchall()


def drop_work_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the temporary tables: what comes next may need the memory that they hold."""
    for (name,) in execute(con, "work_tables"):
        con.execute(f"drop table temp.{quote_name(str(name))}")


def connect() -> duckdb.DuckDBPyConnection:
    """Open a database in memory, with the macros, that never reaches for the network."""
    con = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    con.execute(text("macros"))
    return con


def lock_down(con: duckdb.DuckDBPyConnection) -> None:
    """Shut the connection off for a query that is not ours: it reads only what is attached."""
    con.execute("set python_enable_replacements = false")
    con.execute("set allowed_directories = []")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def quote_name(name: str) -> str:
    """Write `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: str) -> str:
    """Write `value` as an SQL text literal."""
    return "'" + value.replace("'", "''") + "'"


def severity(name: str) -> str:
    """Say whether a check stops (`fail`) or only reports (`warn`), by its head comment."""
    found = re.search(r"^-- (fail|warn):", text(name), flags=re.MULTILINE)
    return found.group(1) if found else "fail"
