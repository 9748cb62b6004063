"""Read CSV: every column as text, rows of another width set apart, half a file refused."""

import csv
import io
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from warehouse.errors import SourceError, Where
from warehouse.sources.csv_text import (
    CsvText,
    csv_text,
    unreadable,
    without_escapes,
    without_swallowed,
)
from warehouse.sources.files import SourceFile
from warehouse.sources.mapping import Mapping
from warehouse.sources.options import CsvOptions
from warehouse.sources.raw import Broken, RawTable, check_width

_BLOCK_BYTES = 1 << 24
_LOOKED_AT_LINES = 50
_SetApart = Callable[[pyarrow.csv.InvalidRow], str]


def read_csv(file: SourceFile, mapping: Mapping) -> RawTable:
    """Read one CSV file.

    Raises:
        SourceError: it is not CSV in its encoding, or was cut short.
    """
    options = mapping.options.csv
    text = csv_text(file, options)
    names = list(options.columns) or _header(text, options)
    check_width(mapping, len(names))
    _check_header(file, mapping, text, names)
    text = without_swallowed(text, options, len(names))
    broken: list[Broken] = []
    first = 1 if options.header else 0

    def set_apart(row: pyarrow.csv.InvalidRow) -> str:
        why = f"{row.actual_columns} columns where the header has {row.expected_columns}"
        told, why = text.marked.get(row.text, (row.text, why))
        broken.append(Broken(row=row.number - first, text=told, why=why))
        return "skip"

    table = _table(file, text, options, names, set_apart)
    _check_closed(file, without_escapes(text.data, options), table, options, broken)
    numbers = np.arange(1, table.num_rows + len(broken) + 1)
    rows = np.setdiff1d(numbers, [row.row for row in broken], assume_unique=True)
    is_whole = not (broken or options.skip or options.comment or options.skip_below)
    return RawTable(
        table=table,
        rows=pa.array(rows, pa.int64()),
        broken=broken,
        lines=_lines(text.data, table, options) if is_whole else None,
    )


def _table(
    file: SourceFile, text: CsvText, options: CsvOptions, names: list[str], handler: _SetApart
) -> pa.Table:
    try:
        return _parsed(text, options, handler, names, _BLOCK_BYTES)
    except pa.ArrowInvalid as error:
        if "straddling object" not in str(error):
            raise unreadable(file, error) from error
    try:  # one cell is longer than a block
        return _parsed(text, options, handler, names, len(text.data) + 1)
    except pa.ArrowException as error:
        raise unreadable(file, error) from error


def _parsed(
    text: CsvText, options: CsvOptions, handler: _SetApart, names: list[str], block_bytes: int
) -> pa.Table:
    seen: set[int] = set()

    def once(row: pyarrow.csv.InvalidRow) -> str:
        if row.number is not None and row.number not in seen:
            seen.add(row.number)
            return handler(row)
        return "skip"

    return pyarrow.csv.read_csv(
        pa.BufferReader(text.data),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=block_bytes,
            column_names=list(options.columns) or None,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=text.delimiter,
            quote_char=options.quote or False,
            escape_char=options.escape or False,
            newlines_in_values=True,
            invalid_row_handler=once,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


def _header(text: CsvText, options: CsvOptions) -> list[str]:
    """Read the names in the first record, which must all be read as text."""
    try:
        return next((record for record in _records(text, options) if record), [])
    except csv.Error:  # what is wrong with it, Arrow says better
        return []


def _records(text: CsvText, options: CsvOptions) -> Iterator[list[str]]:
    lines = io.TextIOWrapper(
        io.BytesIO(text.data), encoding="utf-8-sig", errors="replace", newline=""
    )
    if options.quote is None:
        return csv.reader(
            lines,
            delimiter=text.delimiter,
            quoting=csv.QUOTE_NONE,
            escapechar=options.escape,
        )
    return csv.reader(
        lines, delimiter=text.delimiter, quotechar=options.quote, escapechar=options.escape
    )


def _check_header(file: SourceFile, mapping: Mapping, text: CsvText, names: list[str]) -> None:
    """Refuse a first line that is no header where a later one is, which something stands before."""
    mapped = mapping.mapped_columns
    if not mapping.options.csv.header or not mapped or mapped & set(names):
        return
    lines = text.data.split(b"\n", _LOOKED_AT_LINES)[:_LOOKED_AT_LINES]
    for number, line in enumerate(lines):
        below = CsvText(data=line, delimiter=text.delimiter)
        if mapped <= set(_header(below, mapping.options.csv)):
            skip = mapping.options.csv.skip + number
            raise SourceError(
                f"{file.name}: the columns that {mapping.file} maps are in line {skip + 1}; what "
                f"stands before it is no header: set [csv] skip = {skip}"
            )


def _check_closed(
    file: SourceFile, data: bytes, table: pa.Table, options: CsvOptions, broken: list[Broken]
) -> None:
    """Refuse a quote that was never closed: the reader takes all the rest as one value."""
    quote = (options.quote or "").encode()
    if not quote or data.count(quote) % 2 == 0:
        return
    end = data.rstrip(b"\r\n")
    last = table.column(table.num_columns - 1)[-1].as_py() or "" if table.num_rows else ""
    if table.num_rows and data.endswith(quote + last.encode()):
        row, column = table.num_rows + len(broken), repr(table.column_names[-1])
    elif (
        broken and _is_open(text := broken[-1].text.encode(), quote) and end.endswith(text.rstrip())
    ):
        row, column = broken[-1].row, "one of them"
    else:
        return
    raise SourceError(
        f"{file.name}: row {row}, column {column}: "
        "a quote is opened and never closed, so the file was probably cut short",
        where=Where(file=file.name, row=row, column=column.strip("'\"")),
    )


def _is_open(text: bytes, quote: bytes) -> bool:
    return text.count(quote) % 2 == 1


def _lines(data: bytes, table: pa.Table, options: CsvOptions) -> pa.Array | None:
    """Return the line on which each row starts; null if blank lines or odd ends make it unsure."""
    if not table.num_rows:
        return None
    breaks = np.zeros(table.num_rows, np.int64)
    for column in table.columns:
        counts = pc.fill_null(pc.count_substring(column, "\n"), 0)
        breaks += counts.to_numpy()
    start = 2 if options.header else 1
    ends = start + np.arange(table.num_rows) + np.cumsum(breaks)
    if data.rstrip(b"\r\n").count(b"\n") + 1 != ends[-1]:
        return None
    return pa.array(ends - breaks, pa.int64())
