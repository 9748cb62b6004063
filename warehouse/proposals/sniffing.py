"""How a CSV file is written: in which encoding, with which delimiter, with or without a header."""

import codecs
import csv
import io
import re
from collections import Counter
from typing import Any

from warehouse.proposals.proposal import Table
from warehouse.sources.files import SourceFile

_DELIMITERS = (",", ";", "\t", "|")
_LOOKED_AT_LINES = 200
_SEPARATOR = re.compile(r"\A\"?sep=.\"?\r?\n", re.IGNORECASE)
_COMMENTS = re.compile(r"^#.*\n?", re.MULTILINE)
_WINDOWS_ONLY = bytes(range(0x80, 0xA0))


def sniff(file: SourceFile, top: dict[str, str]) -> Table:
    """Find out how the file is written."""
    data = file.read()
    encoding, text = _decoded(data)
    usual = "\t" if ".tsv" in file.name else ","
    text = _SEPARATOR.sub("", text)
    options: dict[str, Any] = {}
    doubts = []
    if text.startswith("#") and (rest := _COMMENTS.sub("", text)).strip():
        options["comment"], text = "#", rest
    delimiter, rows = _split(text, usual)
    if skip := _before_header(text, delimiter, rows):
        options["skip"] = skip
        doubts.append(f"{skip} lines seem to stand before the header, which are skipped")
        text = "".join(text.splitlines(keepends=True)[skip:])
        delimiter, rows = _split(text, usual)
    if encoding != "utf-8":
        options["encoding"] = encoding
        if not encoding.startswith("utf-"):
            doubts.append(f"it is no UTF-8; {encoding} is a guess: look at letters with accents")
    if delimiter != usual:
        options["delimiter"] = delimiter
    if rows and _is_data(rows):
        names = [f"column {number}" for number in range(1, len(rows[0]) + 1)]
        options |= {"header": False, "columns": names}
        doubts.append("it seems to have no header: write what the columns are called")
    return Table(top=top, csv=options, doubts=tuple(doubts))


def _decoded(data: bytes) -> tuple[str, str]:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32", data.decode("utf-32", errors="replace")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16", data.decode("utf-16", errors="replace")
    try:
        return "utf-8", data.decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = "cp1252" if any(byte in _WINDOWS_ONLY for byte in data) else "latin-1"
    try:
        return encoding, data.decode(encoding)
    except UnicodeDecodeError:  # five bytes are none in cp1252
        return "latin-1", data.decode("latin-1")


def _split(text: str, usual: str) -> tuple[str, list[list[str]]]:
    """Return the delimiter that cuts most lines alike, into most cells, and the first rows."""

    def alike(delimiter: str) -> tuple[float, int, bool]:
        rows = _rows(text, delimiter)
        width, number = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
        return (number / max(1, len(rows)) if width > 1 else 0.0, width, delimiter == usual)

    best = max(_DELIMITERS, key=alike)
    delimiter = best if alike(best)[0] > 0 else usual
    return delimiter, _rows(text, delimiter)


def _rows(text: str, delimiter: str) -> list[list[str]]:
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) == _LOOKED_AT_LINES:
                break
    except csv.Error:  # the reader of sources says it better
        pass
    return rows


def _is_data(rows: list[list[str]]) -> bool:
    """Tell whether the first row holds numbers where all others do, which no name would be."""
    first, rest = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if len(rest) < 2:
        return False
    for index, cell in enumerate(first):
        is_year = len(cell) == 4 and cell[:2] in ("18", "19", "20")
        if _is_number(cell) and not is_year and all(_is_number(row[index]) for row in rest):
            return True
    return False


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _before_header(text: str, delimiter: str, rows: list[list[str]]) -> int:
    """Count the lines before the first row that is as wide as most."""
    width = Counter(map(len, rows)).most_common(1)[0][0] if len(rows) > 2 else 0
    if not rows or len(rows[0]) >= width:
        return 0
    reader, before = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), 0
    for row in reader:
        if len(row) == width:
            return before
        before = reader.line_num
    return 0
