"""Read a table or a query of a DuckDB file, and nothing else of this machine, within bounds.

A file or a query of somebody else's may never end, or yield more than the machine holds: so DuckDB
is interrupted, and its memory limited, without a folder to spill into. It looks for interrupts and
counts memory between blocks of rows: one call of a function with a huge result gets past both.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from warehouse import query
from warehouse.errors import SourceBusyError, SourceError
from warehouse.intake import LastBatch
from warehouse.nearest import hint
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable, whole

_AS_TEXT = ("HUGEINT", "UHUGEINT", "BIGNUM", "TIME WITH TIME ZONE")
"""Types with a text that Arrow has no type for, or one that holds less."""


def read_duckdb(mapping: Mapping, last: LastBatch | None = None) -> RawTable:
    """Read the table or query that the mapping names.

    Raises:
        SourceError: the file is missing or none of DuckDB's, or the query fails or reaches outside.
        SourceBusyError: another process has it open for writing.
    """
    _check_there(mapping)
    with query.connect() as con:
        _attach(con, mapping)
        con.execute(f"set memory_limit = '{mapping.options.query_memory_mib}MiB'")
        con.execute("set temp_directory = ''")
        query.lock_down(con)
        tables = _tables(con)
        table = mapping.options.table
        if table is not None and "." not in table and table not in tables:
            raise SourceError(
                f"{mapping.given_path}: no table {table!r}{hint(table, tables, what='tables')}"
            )
        return whole(_selected(con, mapping))


def tables_of(mapping: Mapping) -> list[str]:
    """List the tables of the DuckDB file that the mapping names.

    Raises:
        SourceError: the file is missing or none of DuckDB's.
        SourceBusyError: another process has it open for writing.
    """
    _check_there(mapping)
    with query.connect() as con:
        _attach(con, mapping)
        return _tables(con)


def _check_there(mapping: Mapping) -> None:
    if not mapping.path.is_file():
        folder = mapping.path.parent
        found = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        raise SourceError(
            f"{mapping.given_path}: no such file (path in {mapping.file})"
            f"{hint(mapping.path.name, found, what='files in that folder')}"
        )


def _tables(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [str(row[0]) for row in con.execute("show tables").fetchall()]


def _attach(con: duckdb.DuckDBPyConnection, mapping: Mapping) -> None:
    try:
        con.execute(f"attach {query.quote_text(str(mapping.path))} as given (read_only)")
        con.execute("use given")
    except duckdb.Error as error:
        if "Could not set lock on file" in str(error):
            raise SourceBusyError(
                f"{mapping.given_path}: another process has it open for writing; "
                "close that, or export the table to Parquet"
            ) from error
        raise SourceError(f"{mapping.given_path}: not a DuckDB file ({error})") from error


def _selected(con: duckdb.DuckDBPyConnection, mapping: Mapping) -> pa.Table:
    options = mapping.options
    parts = (options.table or "").split(".")
    text = options.query or "select * from " + ".".join(query.quote_name(part) for part in parts)
    with _bounded(con, mapping):
        statements = con.extract_statements(text)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise SourceError(f"{mapping.given_path}: the query must be one select")
        found = con.sql(text)
        types = dict(zip(found.columns, map(str, found.types), strict=True))
        if len(types) == len(found.columns) and any(kind in _AS_TEXT for kind in types.values()):
            found = found.project(", ".join(_as_text(*column) for column in types.items()))
        reader = found.to_arrow_reader(query.ROWS_AT_ONCE)
        table = pa.Table.from_batches(_fitting(reader, mapping), reader.schema)
    for index, (name, kind) in enumerate(types.items()):
        if kind == "JSON":  # which comes out as any other text
            table = table.set_column(index, name, table.column(index).cast(pa.json_(pa.string())))
    return table


def _as_text(name: str, kind: str) -> str:
    quoted = query.quote_name(name)
    return f"cast({quoted} as varchar) as {quoted}" if kind in _AS_TEXT else quoted


def _fitting(rows: pa.RecordBatchReader, mapping: Mapping) -> Iterator[pa.RecordBatch]:
    size = 0
    for batch in rows:
        size += batch.nbytes
        if size > mapping.options.query_memory_mib << 20:
            raise _too_much(mapping)
        yield batch


@contextmanager
def _bounded(con: duckdb.DuckDBPyConnection, mapping: Mapping) -> Iterator[None]:
    """Interrupt what takes too long, and say in words what went wrong."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        con.interrupt()

    timer = threading.Timer(mapping.options.query_seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise _too_much(mapping) from error
    # Of an interrupted reader pyarrow makes an OSError.
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        if is_late.is_set():
            raise SourceError(
                f"{mapping.given_path}: the query took longer than query_seconds = "
                f"{mapping.options.query_seconds} and was stopped; ask for less, or raise it in "
                f"{mapping.file}"
            ) from error
        if "Out of Memory" in str(error):
            raise _too_much(mapping) from error
        raise SourceError(f"{mapping.given_path}: the query failed: {error}") from error
    finally:
        timer.cancel()


def _too_much(mapping: Mapping) -> SourceError:
    return SourceError(
        f"{mapping.given_path}: the query needs more memory than query_memory_mib = "
        f"{mapping.options.query_memory_mib}; ask for less, or raise it in {mapping.file}"
    )
