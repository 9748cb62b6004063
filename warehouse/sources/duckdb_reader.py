"""Read a table or a query of a DuckDB file, and nothing else of this machine, within bounds."""

import pyarrow as pa

from warehouse.errors import SourceBusyError, SourceError
from warehouse.intake import LastBatch
from warehouse.nearest import hint
from warehouse.query_alone import AloneError, Question, ask_alone
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable, whole


def read_duckdb(mapping: Mapping, last: LastBatch | None = None) -> RawTable:
    """Read the table or query that the mapping names.

    Raises:
        SourceError: the file is missing or none of DuckDB's, or the query fails or reaches outside.
        SourceBusyError: another process has it open for writing.
    """
    return whole(_rows(mapping, query=mapping.options.query, table=mapping.options.table))


def tables_of(mapping: Mapping) -> list[str]:
    """List the tables of the DuckDB file that the mapping names.

    Raises:
        SourceError: the file is missing or none of DuckDB's.
        SourceBusyError: another process has it open for writing.
    """
    return [str(name) for name in _rows(mapping)["name"].to_pylist()]


def _rows(mapping: Mapping, *, query: str | None = None, table: str | None = None) -> pa.Table:
    _check_there(mapping)
    question = Question(
        path=str(mapping.path),
        query=query,
        table=table,
        seconds=mapping.options.query_seconds,
        memory_mib=mapping.options.query_memory_mib,
    )
    try:
        return ask_alone(question)
    except AloneError as error:
        raise _told(mapping, error) from error


def _check_there(mapping: Mapping) -> None:
    if not mapping.path.is_file():
        folder = mapping.path.parent
        found = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        raise SourceError(
            f"{mapping.given_path}: no such file (path in {mapping.file})"
            f"{hint(mapping.path.name, found, what='files in that folder')}"
        )


def _told(mapping: Mapping, error: AloneError) -> SourceError:
    options, raised = mapping.options, f"ask for less, or raise it in {mapping.file}"
    nearest = hint(options.table or "", error.tables, what="tables")
    if error.kind == "busy":
        return SourceBusyError(
            f"{mapping.given_path}: another process has it open for writing; "
            "close that, or export the table to Parquet"
        )
    why = {
        "no_database": f"not a DuckDB file ({error})",
        "no_table": f"no table {options.table!r}{nearest}",
        "not_a_select": "the query must be one select",
        "late": f"the query took longer than query_seconds = {options.query_seconds} and was "
        f"stopped; {raised}",
        "memory": "the query needs more memory than query_memory_mib = "
        f"{options.query_memory_mib}; {raised}",
    }.get(error.kind, f"the query failed: {error}")
    return SourceError(f"{mapping.given_path}: {why}")
