"""Bring the text of a CSV file into what is read: UTF-8 from the header on, one record a row.

Real files begin with titles and `sep=;`, hold comments, and quotes that nobody closed. What cannot
be told is said in [csv]; what hangs together only by a stray quote is set apart, not swallowed.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from warehouse.errors import SourceError
from warehouse.sources.files import SourceFile
from warehouse.sources.options import CsvOptions

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""The longer ones first: UTF-32 begins as UTF-16 does."""
_CONTROLS = re.compile("[\x80-\x9f]")
_SEPARATOR = re.compile(rb"(?:\xef\xbb\xbf)?\"?sep=(.)\"?\r?(?:\n|\Z)", re.IGNORECASE)
_MARKED = "\x1alamini row "  # begins no line of a text


@dataclass(frozen=True, kw_only=True)
class CsvText:
    """The text of a file from its header on."""

    data: bytes
    delimiter: str
    marked: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Lines that stand for records which are no rows: their text, and why."""


def csv_text(file: SourceFile, options: CsvOptions) -> CsvText:
    """Return what is to be read of the file.

    Raises:
        SourceError: it is not in its encoding.
    """
    data, delimiter = _decoded(file, options), options.delimiter
    if told := _SEPARATOR.match(data):  # Excel's own line; what the mapping says counts more
        data = data[told.end() :]
        if "delimiter" not in options.model_fields_set and told[1].isascii():
            delimiter = told[1].decode()
    data = _after_lines(data, options.skip)
    if options.comment:
        start = re.escape(options.comment.encode())
        lines = re.compile(rb"(?m:^)" + start + rb"[^\n]*(?:\n|\Z)|" + _cell(options, delimiter))
        data = lines.sub(lambda found: b"" if found["cell"] is None else found.group(), data)
    if options.skip_below:
        header, _, below = data.partition(b"\n")
        data = header + b"\n" + _after_lines(below, options.skip_below)
    return CsvText(data=data, delimiter=delimiter)


def without_swallowed(text: CsvText, options: CsvOptions, width: int) -> CsvText:
    """Put a mark in the place of each record that only a stray quote holds together."""
    if options.quote is None or options.quote.encode() not in text.data:
        return text
    marked: dict[str, tuple[str, str]] = {}
    parts: list[bytes] = []
    at = 0
    for start, end, why in _swallowed(text, options, width):
        mark = f"{_MARKED}{len(marked)}" + text.delimiter * (width == 1)
        marked[mark] = text.data[start:end].decode(errors="replace").rstrip("\r"), why
        parts += [text.data[at:start], mark.encode()]
        at = end
    if not marked:
        return text
    data = b"".join([*parts, text.data[at:]])
    return CsvText(data=data, delimiter=text.delimiter, marked=marked)


def without_escapes(data: bytes, options: CsvOptions) -> bytes:
    """Return a text without what is escaped in it."""
    if options.escape is None:
        return data
    return re.sub(re.escape(options.escape.encode()) + rb".", b"", data, flags=re.DOTALL)


def _swallowed(text: CsvText, options: CsvOptions, width: int) -> Iterator[tuple[int, int, str]]:
    """Find records that a quote holds together: where they start and end, and why they are none."""
    data, start, at, why, spans = text.data, 0, 0, "", False
    for cell in re.finditer(_cell(options, text.delimiter), data):
        newline = data.rfind(b"\n", at, cell.start())
        if newline >= 0:
            if end := _record(text, start, data.find(b"\n", at), width, why, spans):
                yield end
            start, why, spans = newline + 1, "", False
        at = cell.end()
        spans = spans or b"\n" in cell.group()
        why = why or _stray(data, cell, options, text.delimiter)
    newline = data.find(b"\n", at)
    if end := _record(text, start, newline if newline >= 0 else len(data), width, why, spans):
        yield end


def _stray(data: bytes, cell: re.Match[bytes], options: CsvOptions, delimiter: str) -> str:
    after = data[cell.end() : cell.end() + 1]
    if not after or after in (delimiter.encode(), b"\r", b"\n"):
        return ""
    if options.escape is None and b'\\"' in cell.group():
        return 'a quote after a backslash ends the cell; set [csv] escape = "\\\\" if it should not'
    if b"\n" in cell.group():
        return "a quote opens here, and the next one is within a cell of another line; close it"
    return ""


def _record(
    text: CsvText, start: int, end: int, width: int, why: str, spans: bool
) -> tuple[int, int, str] | None:
    if why:
        return start, end, why
    lines = text.data[start:end].split(b"\n") if spans else []
    looks = [line.count(text.delimiter.encode()) == width - 1 for line in lines]
    if all(looks) and (len(lines) - 1) * (width - 1) >= 2:
        why = (
            f"a quote holds {len(lines)} lines together, each of which looks like a row of its "
            "own; close it, or double it within a cell"
        )
        return start, end, why
    return None


def _cell(options: CsvOptions, delimiter: str) -> bytes:
    """Match a quoted cell: a quote where a cell begins, up to the next that is not doubled."""
    if options.quote is None:
        return rb"(?P<cell>(?!))"
    quote, begin = re.escape(options.quote.encode()), re.escape(delimiter.encode())
    escape = re.escape(options.escape.encode()) if options.escape else b""
    inner = rb"[^" + quote + escape + rb"]*"
    more = quote + quote + (rb"|" + escape + rb"(?s:.)" if escape else b"")
    body = inner + rb"(?:(?:" + more + rb")" + inner + rb")*"
    return (
        rb"(?P<cell>(?:(?<=[" + begin + rb"\r\n])|\A)" + quote + body + rb"(?:" + quote + rb"|\Z))"
    )


def _after_lines(data: bytes, number: int) -> bytes:
    parts = data.split(b"\n", number)
    return parts[number] if len(parts) > number else b""


def _decoded(file: SourceFile, options: CsvOptions) -> bytes:
    data = file.read()
    if options.encoding == "utf-8":
        mark = next((name for start, name in _MARKS.items() if data.startswith(start)), None)
        if mark:
            raise SourceError(
                f"{file.name}: not readable as CSV in UTF-8: it starts with the mark of "
                f'{mark.upper()}; set [csv] encoding = "{mark}"'
            )
        return _checked(file, data)
    try:
        text = data.decode(options.encoding)
        if options.encoding == "iso8859-1" and _CONTROLS.search(text):
            text = data.decode("cp1252")  # as browsers do: nobody writes those controls
    except (UnicodeError, ValueError) as error:
        raise SourceError(
            f"{file.name}: not readable as CSV in {options.encoding} ({error}); "
            "set [csv] encoding to what it was written in"
        ) from error
    return text.removeprefix("\ufeff").encode()


def _checked(file: SourceFile, data: bytes) -> bytes:
    # Arrow checks the cells only, and would drop a row of another width that is no UTF-8.
    try:
        pa.array([data], pa.large_binary()).cast(pa.large_string())
    except pa.ArrowInvalid:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise unreadable(file, error) from error
    return data


def unreadable(file: SourceFile, error: Exception) -> SourceError:
    """Say that a file is no CSV."""
    return SourceError(
        f"{file.name}: not readable as CSV in UTF-8 ({error}); export it again as UTF-8 with a "
        "header line, or say in [csv] how it is written"
    )
