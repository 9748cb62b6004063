"""Read a source whole into Arrow, by its format, with the rows that could not be read set apart."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import accumulate

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.claims import FileRows
from warehouse.errors import SourceError, Where
from warehouse.intake import LastBatch
from warehouse.sources.arrow_reader import read_arrow
from warehouse.sources.csv_reader import read_csv
from warehouse.sources.delta_reader import read_delta
from warehouse.sources.duckdb_reader import read_duckdb
from warehouse.sources.files import SourceFile, find_files
from warehouse.sources.jsonl_reader import read_jsonl
from warehouse.sources.mapping import Mapping
from warehouse.sources.plain import plain
from warehouse.sources.postgresql_reader import read_postgresql
from warehouse.sources.raw import Broken, RawTable, check_width, whole
from warehouse.sources.watermark import only_new


def read_raw(mapping: Mapping, last: LastBatch | None = None) -> RawTable:
    """Read the table that `mapping` names; with a watermark, the rows that are new since `last`.

    Raises:
        SourceError: the source is missing, empty, damaged, not in its format, or has two columns of
            one name.
        SourceBusyError: a DuckDB file is open for writing elsewhere.
        MissingExtraError: the format needs a library that is not installed.
    """
    raw = _without_unnamed(_READERS[mapping.format](mapping, last))
    check_width(mapping, raw.table.num_columns)
    _check_is_the_table(mapping, raw.table.column_names)
    _check_names(mapping, raw.table.column_names)
    raw = plain(mapping, raw)
    is_unchanged = mapping.options.watermark is not None and raw.version is not None
    if not raw.table.num_rows and not raw.broken and not is_unchanged:
        raise SourceError(f"{mapping.given_path}: the table is empty; nothing to ingest")
    return only_new(mapping, raw, last)


def _without_unnamed(raw: RawTable) -> RawTable:
    """Leave out columns without a name, such as pandas' index: no mapping can name them."""
    names = raw.table.column_names
    if not any(names) or all(name.strip() for name in names):
        return raw
    named = [index for index, name in enumerate(names) if name.strip()]
    return replace(raw, table=raw.table.select(named))


def _check_is_the_table(mapping: Mapping, names: list[str]) -> None:
    """Refuse a file in which nothing is as mapped, and show nothing of it: it may be any file."""
    mapped = mapping.mapped_columns
    if names and mapped and not mapped & set(names):
        asked = "the right file, with the right [csv]" if mapping.format == "csv" else "the file"
        raise SourceError(
            f"{mapping.given_path}: it has none of the columns that {mapping.file} maps: "
            f"{', '.join(sorted(mapped))}. Is it {asked}? `lamini init` shows what is in it"
        )


def _check_names(mapping: Mapping, names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise SourceError(
                f"{mapping.given_path}: column {name!r} occurs {count} times; "
                "rename one, so that the mapping is unambiguous",
                where=Where(file=str(mapping.given_path), column=name),
            )
        if not name or "\0" in name:
            raise SourceError(
                f"{mapping.given_path}: column {names.index(name) + 1} has the name {name!r}; "
                "give it one"
            )
    for name, count in Counter(name.lower() for name in names).items():
        if count > 1:
            alike = ", ".join(repr(other) for other in names if other.lower() == name)
            raise SourceError(
                f"{mapping.given_path}: the columns {alike} differ by case only; rename one"
            )


def _each_file(read: Callable[[SourceFile, Mapping], RawTable]) -> Callable[..., RawTable]:
    def read_all(mapping: Mapping, last: LastBatch | None) -> RawTable:
        files = find_files(mapping)
        if len(files) == 1 and not files[0].partition:
            return read(files[0], mapping)
        return _joined(mapping, files, [_with_partition(f, read(f, mapping)) for f in files])

    return read_all


def _with_partition(file: SourceFile, raw: RawTable) -> RawTable:
    table = raw.table
    for name, value in file.partition.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    return replace(raw, table=table)


def _joined(mapping: Mapping, files: list[SourceFile], raws: list[RawTable]) -> RawTable:
    lengths = [_length(raw) for raw in raws]
    starts = list(accumulate([0, *lengths[:-1]]))
    try:
        table = pa.concat_tables([raw.table for raw in raws], promote_options="permissive")
    except pa.ArrowException as error:
        raise SourceError(
            f"{mapping.given_path}: the files have one column in types that do not go together "
            f"({error}); read them apart, or write them alike"
        ) from error
    rows = [pc.add(raw.rows, start) for raw, start in zip(raws, starts, strict=True)]
    lines = [
        pa.nulls(len(raw.rows), pa.int64()) if raw.lines is None else raw.lines for raw in raws
    ]
    return RawTable(
        table=table,
        rows=pa.concat_arrays(rows),
        lines=pa.concat_arrays(lines),
        broken=[
            Broken(row=row.row + start, text=row.text, why=row.why)
            for raw, start in zip(raws, starts, strict=True)
            for row in raw.broken
        ],
        wordless={name: what for raw in raws for name, what in raw.wordless.items()},
        files=tuple(
            FileRows(file=file.name, first_row=start + 1, last_row=start + length)
            for file, start, length in zip(files, starts, lengths, strict=True)
        ),
    )


def _length(raw: RawTable) -> int:
    last = raw.rows[-1].as_py() if len(raw.rows) else 0
    return max(last, *(row.row for row in raw.broken), 0)


def _read_parquet(file: SourceFile, mapping: Mapping) -> RawTable:
    try:
        with file.open() as opened, pq.ParquetFile(opened) as parquet:
            return whole(parquet.read())
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise SourceError(
            f"{file.name}: not a readable Parquet file ({error}); "
            "it was probably cut short: write or copy it again"
        ) from error


_READERS: dict[str, Callable[[Mapping, LastBatch | None], RawTable]] = {
    "parquet": _each_file(_read_parquet),
    "csv": _each_file(read_csv),
    "jsonl": _each_file(read_jsonl),
    "arrow": _each_file(read_arrow),
    "duckdb": read_duckdb,
    "delta": read_delta,
    "postgresql": read_postgresql,
}
