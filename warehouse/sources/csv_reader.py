"""Read CSV: every column as text, rows of another width set apart, half a file refused."""

import csv
import io
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from warehouse.errors import SourceError, Where
from warehouse.sources.files import SourceFile
from warehouse.sources.mapping import Mapping
from warehouse.sources.options import CsvOptions
from warehouse.sources.raw import Broken, RawTable

_BLOCK_BYTES = 1 << 24
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb\xbf": "utf-8"}


def read_csv(file: SourceFile, mapping: Mapping) -> RawTable:
    """Read one CSV file.

    Raises:
        SourceError: it is not CSV in its encoding, or was cut short.
    """
    options = mapping.options.csv
    data = _as_utf8(file, options)
    broken: list[Broken] = []
    first = 1 if options.header else 0

    def set_apart(row: pyarrow.csv.InvalidRow) -> str:
        why = f"{row.actual_columns} columns where the header has {row.expected_columns}"
        broken.append(Broken(row=row.number - first, text=row.text, why=why))
        return "skip"

    table = _table(file, data, options, set_apart)
    _check_closed(file, data, table, options, broken)
    skipped = {row.row for row in broken}
    total = table.num_rows + len(broken)
    rows = [row for row in range(1, total + 1) if row not in skipped]
    return RawTable(
        table=table,
        rows=pa.array(rows, pa.int64()),
        broken=broken,
        lines=_lines(data, table, options) if not broken else None,
    )


def _as_utf8(file: SourceFile, options: CsvOptions) -> bytes:
    data = file.read()
    mark = next((name for start, name in _MARKS.items() if data.startswith(start)), None)
    if options.encoding == "utf-8":
        if mark == "utf-16":
            raise SourceError(
                f"{file.name}: not readable as CSV in UTF-8: it starts with the mark of UTF-16; "
                'set [csv] encoding = "utf-16"'
            )
        return _checked(file, data)
    try:
        return data.decode(options.encoding).removeprefix("\ufeff").encode()
    except (UnicodeError, ValueError) as error:
        raise SourceError(
            f"{file.name}: not readable as CSV in {options.encoding} ({error}); "
            "set [csv] encoding to what it was written in"
        ) from error


def _checked(file: SourceFile, data: bytes) -> bytes:
    # Arrow checks the cells only, and would drop a row of another width that is no UTF-8.
    try:
        pa.array([data], pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise _unreadable(file, error) from error
    return data


def _table(
    file: SourceFile,
    data: bytes,
    options: CsvOptions,
    handler: Callable[[pyarrow.csv.InvalidRow], str],
) -> pa.Table:
    names = list(options.columns) or _header(data, options)
    try:
        return _parsed(data, options, handler, names, _BLOCK_BYTES)
    except pa.ArrowInvalid as error:
        if "straddling object" not in str(error):
            raise _unreadable(file, error) from error
    try:  # one cell is longer than a block
        return _parsed(data, options, handler, names, len(data) + 1)
    except pa.ArrowException as error:
        raise _unreadable(file, error) from error


def _parsed(
    data: bytes,
    options: CsvOptions,
    handler: Callable[[pyarrow.csv.InvalidRow], str],
    names: list[str],
    block_bytes: int,
) -> pa.Table:
    seen: set[int] = set()

    def once(row: pyarrow.csv.InvalidRow) -> str:
        if row.number is not None and row.number not in seen:
            seen.add(row.number)
            return handler(row)
        return "skip"

    return pyarrow.csv.read_csv(
        pa.BufferReader(data),
        read_options=pyarrow.csv.ReadOptions(
            use_threads=False,
            block_size=block_bytes,
            column_names=list(options.columns) or None,
        ),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=options.delimiter,
            quote_char=options.quote or False,
            newlines_in_values=True,
            invalid_row_handler=once,
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
        ),
    )


def _header(data: bytes, options: CsvOptions) -> list[str]:
    """Read the names in the first record, which must all be read as text."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", errors="replace", newline="")
    try:
        for record in _records(text, options):
            if record:
                return record
    except csv.Error:  # what is wrong with it, Arrow says better
        pass
    return []


def _records(text: io.TextIOWrapper, options: CsvOptions) -> Iterator[list[str]]:
    if options.quote is None:
        return csv.reader(text, delimiter=options.delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(text, delimiter=options.delimiter, quotechar=options.quote)


def _unreadable(file: SourceFile, error: Exception) -> SourceError:
    return SourceError(
        f"{file.name}: not readable as CSV in UTF-8 ({error}); export it again as UTF-8 with a "
        "header line, or say in [csv] how it is written"
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
