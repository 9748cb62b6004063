"""Run the package's SQL by name, with named parameters; it lies beside the modules."""

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from warehouse.errors import UnknownQueryError

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)
ROWS_AT_ONCE = 122_880  # a row group of DuckDB


@cache
def statements() -> Mapping[str, str]:
    """Read all SQL of the package, by name.

    A file beside its module holds one statement and gives it its name (`reconcile_decisions.sql`),
    or several, each after a line `-- name: batch_last`.
    """
    found: dict[str, str] = {}
    folder = Path(str(files("warehouse")))
    for path in sorted(folder.rglob("*.sql")):
        lone, *marked = _NAME.split(path.read_text(encoding="utf-8"))
        pairs = list(zip(marked[::2], marked[1::2], strict=True)) or [(path.stem, lone)]
        for name, statement in pairs:
            assert name not in found, f"{path}: {name} is there twice"
            found[name] = statement
    return MappingProxyType(found)


def text(name: str) -> str:
    """Return the SQL of the statement `name`.

    Raises:
        UnknownQueryError: there is none; the message lists those there are.
    """
    if name not in statements():
        raise UnknownQueryError(f"no query {name!r}; there are: {', '.join(names())}")
    return statements()[name]


def names() -> list[str]:
    """List the names of all statements, in order."""
    return sorted(statements())


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
    con.execute("set TimeZone = 'UTC'")  # one day for one instant, wherever the machine stands
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
