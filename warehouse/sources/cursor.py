"""The order of a watermark column: exact, and that of the column's own type, or none at all.

Letters are no order of numbers, of dates with the day first, or of versions: whatever cannot be put
in an order that surely is meant is refused, since a row that is passed over is never read.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import pyarrow as pa
import pyarrow.compute as pc

_NUMBERS = pa.decimal256(76, 38)
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
_NUMBER = re.compile(r"[+-]?\d{1,38}(\.\d{1,38})?", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9})\d*)?"
    r"\s?(Z|[+-]\d{2}(?::?\d{2})?(?::?\d{2})?)?)?",
    re.ASCII,
)
_DAY_FIRST = re.compile(r"\D*\d{1,2}\D{1,2}\d{1,2}\D{1,2}\d{2,4}\D*(\d{1,2}\D.*)?", re.ASCII)
_RANDOM = re.compile(r"[0-9a-f-]{16,}|[0-9A-Z-]{16,}", re.ASCII)
_LETTER = re.compile(r"[a-zA-Z]")
_SHAPE = re.compile(r"\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A column in its order."""

    kind: str
    """In words."""
    keys: pa.ChunkedArray
    """What is compared."""
    read: Callable[[str], pa.Scalar | None]
    """The key of an earlier watermark; null where it is none of this kind."""
    write: Callable[[object], str]


def cursor_of(values: pa.ChunkedArray) -> Cursor | None:
    """Return the order of a column without nulls; null where nobody can tell which is meant."""
    types, kind = pa.types, values.type
    if types.is_dictionary(kind):
        return cursor_of(pc.cast(values, kind.value_type))
    if types.is_integer(kind) or types.is_decimal(kind):
        return _numbers(pc.cast(values, _NUMBERS))
    if types.is_floating(kind):
        keys = pc.cast(values, pa.float64())
        return Cursor(kind="floats", keys=keys, read=_read_float, write=_write_float)
    if types.is_date(kind):
        return _moments(pc.cast(values, pa.timestamp("s")), is_instant=False)
    if types.is_timestamp(kind):
        return _moments(values, is_instant=kind.tz is not None)
    if types.is_string(kind) or types.is_large_string(kind):
        return _texts(values)
    return None


def _numbers(keys: pa.ChunkedArray) -> Cursor:
    return Cursor(kind="numbers", keys=keys, read=_read_number, write=_write_number)


def _read_number(text: str) -> pa.Scalar | None:
    if not _NUMBER.fullmatch(text):
        return None
    return pa.scalar(Decimal(text), _NUMBERS)


def _write_number(value: object) -> str:
    text = format(Decimal(str(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _read_float(text: str) -> pa.Scalar | None:
    try:
        found = float(text)
        is_exact = math.isfinite(found) and (
            Decimal(found) == Decimal(text) or _write_float(found) == text
        )
    except (ValueError, InvalidOperation, OverflowError):
        return None
    return pa.scalar(found) if is_exact else None


def _write_float(value: object) -> str:
    text = repr(value)
    return text.removesuffix(".0")


def _moments(values: pa.ChunkedArray, *, is_instant: bool) -> Cursor:
    unit = values.type.unit
    numbers = pc.cast(pc.cast(values, pa.int64()), pa.decimal128(19, 0))
    keys = pc.multiply(numbers, pa.scalar(Decimal(_NANOSECONDS[unit]), pa.decimal128(10, 0)))
    return _nanoseconds(pc.cast(keys, _NUMBERS), is_instant=is_instant)


def _nanoseconds(keys: pa.ChunkedArray, *, is_instant: bool) -> Cursor:
    def read(text: str) -> pa.Scalar | None:
        found = _moment(text)
        if found is None or found[1] != is_instant:
            return None
        return pa.scalar(Decimal(found[0]), _NUMBERS)

    def write(value: object) -> str:
        seconds, rest = divmod(int(Decimal(str(value))), 10**9)
        text = str(_EPOCH + timedelta(seconds=seconds))
        fraction = f".{rest:09d}".rstrip("0") if rest else ""
        return f"{text}{fraction}{'+00:00' if is_instant else ''}"

    kind = "instants" if is_instant else "times without a zone"
    return Cursor(kind=kind, keys=keys, read=read, write=write)


def _moment(text: str) -> tuple[int, bool] | None:
    """Return the nanoseconds since 1970 that a text in ISO 8601 says, and whether in a zone."""
    found = _MOMENT.fullmatch(text.strip())
    if found is None:
        return None
    day, clock, fraction, zone = found.groups()
    try:
        told = datetime.fromisoformat(f"{day}T{clock or '00:00'}{zone or ''}")
    except ValueError:
        return None
    since = (told.astimezone(UTC).replace(tzinfo=None) if zone else told) - _EPOCH
    seconds = since.days * 86_400 + since.seconds
    return seconds * 10**9 + int((fraction or "").ljust(9, "0")), zone is not None


def _texts(values: pa.ChunkedArray) -> Cursor | None:
    texts = values.to_pylist()
    if all(map(_NUMBER.fullmatch, texts)):
        return _numbers(pa.chunked_array([pa.array(list(map(Decimal, texts)), _NUMBERS)]))
    moments = [_moment(text) for text in texts]
    if all(moments) and len({found[1] for found in moments if found}) == 1:
        keys = [Decimal(found[0]) for found in moments if found]
        is_instant = any(found[1] for found in moments if found)
        return _nanoseconds(pa.chunked_array([pa.array(keys, _NUMBERS)]), is_instant=is_instant)
    form = _form(texts[0]) if texts else None
    if form is None or any(_form(text) != form for text in texts):
        return None

    def read(text: str) -> pa.Scalar | None:
        return pa.scalar(text, pa.large_string()) if _form(text) == form else None

    keys = pc.cast(values, pa.large_string())
    return Cursor(kind=f"texts such as {texts[0]!r}", keys=keys, read=read, write=str)


def _form(text: str) -> str | None:
    """Return what texts must share for the order of letters to be theirs; null where it is not."""
    if _RANDOM.fullmatch(text) and _LETTER.search(text):  # such as ULID and UUIDv7
        return f"{len(text)} {'a' if text == text.lower() else 'A'} {_positions(text)}"
    if _DAY_FIRST.fullmatch(text) or not _SHAPE.search(text):
        return None
    return _SHAPE.sub("0", text)


def _positions(text: str) -> list[int]:
    return [index for index, letter in enumerate(text) if letter == "-"]
