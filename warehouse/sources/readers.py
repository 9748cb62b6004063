"""Read a source file whole into Arrow, with the rows that could not be read set apart."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from warehouse import query
from warehouse.errors import SourceBusyError, SourceError
from warehouse.nearest import hint
from warehouse.sources.mapping import Mapping


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A row that could not be read."""

    row: int
    text: str
    why: str


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """A source as it is."""

    table: pa.Table
    rows: pa.Array
    """Row numbers in the source, from 1; for JSON lines, line numbers."""
    broken: list[Broken] = field(default_factory=list)


def read_raw(mapping: Mapping) -> RawTable:
    """Read the table that `mapping` names.

    Raises:
        SourceError: the file is missing, empty, damaged, not in its format, or has two columns of
            one name.
        SourceBusyError: a DuckDB file is open for writing elsewhere.
    """
    if not mapping.path.is_file():
        folder = mapping.path.parent
        found = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
        raise SourceError(
            f"{mapping.given_path}: no such file (path in {mapping.file})"
            f"{hint(mapping.path.name, found, what='files in that folder')}"
        )
    raw = _READERS[mapping.format](mapping)
    names = raw.table.column_names
    for name in names:
        if names.count(name) > 1:
            raise SourceError(
                f"{mapping.given_path}: column {name!r} occurs {names.count(name)} times; "
                "rename one, so that the mapping is unambiguous"
            )
    if not raw.table.num_rows and not raw.broken:
        raise SourceError(f"{mapping.given_path}: the table is empty; nothing to ingest")
    return raw


def _read_parquet(mapping: Mapping) -> RawTable:
    try:
        with pq.ParquetFile(mapping.path) as file:
            return _whole(file.read())
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{mapping.given_path}: not a readable Parquet file ({error}); "
            "it was probably cut short: write or copy it again"
        ) from error


def _read_csv(mapping: Mapping) -> RawTable:
    broken: list[Broken] = []

    def set_apart(row: pyarrow.csv.InvalidRow) -> str:
        why = f"{row.actual_columns} columns where the header has {row.expected_columns}"
        broken.append(Broken(row=row.number - 1, text=row.text, why=why))
        return "skip"

    header = _csv_table(mapping, lambda row: "skip", {}).column_names
    as_text = dict.fromkeys(header, pa.string())
    table = _csv_table(mapping, set_apart, as_text)
    _check_closed(mapping, table)
    skipped = {row.row for row in broken}
    total = table.num_rows + len(broken)
    rows = [row for row in range(1, total + 1) if row not in skipped] if skipped else None
    return RawTable(
        table=table,
        rows=pa.array(rows or range(1, table.num_rows + 1), pa.int64()),
        broken=broken,
    )


def _csv_table(
    mapping: Mapping,
    handler: Callable[[pyarrow.csv.InvalidRow], str],
    types: dict[str, pa.DataType],
) -> pa.Table:
    try:
        return pyarrow.csv.read_csv(
            mapping.path,
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(
                newlines_in_values=True, invalid_row_handler=handler
            ),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=types, strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowException as error:
        raise SourceError(
            f"{mapping.given_path}: not readable as CSV in UTF-8 ({error}); "
            "export it again as UTF-8 with a header line"
        ) from error


def _check_closed(mapping: Mapping, table: pa.Table) -> None:
    """Refuse a quote that was never closed: the reader takes all the rest as one value."""
    if not table.num_rows:
        return
    last = table.column(table.num_columns - 1)[-1].as_py() or ""
    data = mapping.path.read_bytes()
    if data.count(b'"') % 2 and data.endswith(b'"' + last.encode()):
        raise SourceError(
            f"{mapping.given_path}: row {table.num_rows}, column {table.column_names[-1]!r}: "
            "a quote is opened and never closed, so the file was probably cut short"
        )


def _read_jsonl(mapping: Mapping) -> RawTable:
    try:
        lines = mapping.path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{mapping.given_path}: not UTF-8 text ({error}); export it again as UTF-8"
        ) from error
    with query.connect() as con:
        con.register("lines", pa.table({"line": pa.array(lines, pa.string())}))
        query.execute(con, "jsonl_objects")
        keys = query.execute(con, "jsonl_keys")
        broken = [
            Broken(row=int(str(row)), text=str(text), why="the line is not one JSON object")
            for row, text in query.execute(con, "jsonl_broken")
        ]
        if not keys and broken:
            raise SourceError(
                f"{mapping.given_path}: not JSON lines; write one object on each line "
                "(a JSON array of objects does not do)"
            )
        columns = "".join(f", {_json_column(str(key), bool(lists))}" for key, lists in keys)
        table = con.sql(f"select row{columns} from objects order by row").to_arrow_table()
    return RawTable(
        table=table.drop_columns(["row"]), rows=table["row"].combine_chunks(), broken=broken
    )


def _json_column(key: str, lists: bool) -> str:
    path = query.quote_text("$." + json.dumps(key, ensure_ascii=False))
    text = f"line ->> {path}"
    if lists:
        as_list = f"cast(line -> {path} as varchar[])"
        text = (
            f"case when json_type(line, {path}) = 'ARRAY' then {as_list} "
            f"when ({text}) is not null then [{text}] end"
        )
    return f"{text} as {query.quote_name(key)}"


def _read_duckdb(mapping: Mapping) -> RawTable:
    with query.connect() as con:
        try:
            con.execute(f"attach {query.quote_text(str(mapping.path))} as given (read_only)")
        except duckdb.Error as error:
            if "lock" in str(error).lower():
                raise SourceBusyError(
                    f"{mapping.given_path}: another process has it open for writing; "
                    "close that, or export the table to Parquet"
                ) from error
            raise SourceError(f"{mapping.given_path}: not a DuckDB file ({error})") from error
        con.execute("use given")
        tables = [str(row[0]) for row in con.execute("show tables").fetchall()]
        if mapping.table is not None and "." not in mapping.table and mapping.table not in tables:
            raise SourceError(
                f"{mapping.given_path}: no table {mapping.table!r}"
                f"{hint(mapping.table, tables, what='tables')}"
            )
        return _whole(_selected(con, mapping))


def _selected(con: duckdb.DuckDBPyConnection, mapping: Mapping) -> pa.Table:
    parts = (mapping.table or "").split(".")
    text = mapping.query or "select * from " + ".".join(query.quote_name(part) for part in parts)
    try:
        return con.sql(text).to_arrow_table()
    except (duckdb.Error, AttributeError) as error:
        raise SourceError(f"{mapping.given_path}: the query failed: {error}") from error


def _whole(table: pa.Table) -> RawTable:
    return RawTable(table=table, rows=pa.array(range(1, table.num_rows + 1), pa.int64()))


_READERS: dict[str, Callable[[Mapping], RawTable]] = {
    "parquet": _read_parquet,
    "csv": _read_csv,
    "jsonl": _read_jsonl,
    "duckdb": _read_duckdb,
}
