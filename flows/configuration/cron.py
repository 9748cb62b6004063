"""Say what is wrong with a cron line: a field out of its bounds, or a day that no year has."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class _Field:
    name: str
    first: int
    last: int
    words: Sequence[str] = ()
    """Names of its numbers, from the first of them on."""


_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_FIELDS = (
    _Field(name="minute", first=0, last=59),
    _Field(name="hour", first=0, last=23),
    _Field(name="day", first=1, last=31),
    _Field(name="month", first=1, last=12, words=_MONTHS),
    _Field(
        name="weekday", first=0, last=7, words=["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
    ),
)
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(?P<first>\*|\w+)(-(?P<last>\w+))?(/(?P<step>\d+))?", re.ASCII)


def wrong_with(line: str) -> str | None:
    """Return what keeps a cron line from ever coming, in words; null where it does come."""
    texts = line.split()
    if len(texts) != len(_FIELDS):
        return "must be a cron line of five fields, or empty"
    chosen = []
    for text, field in zip(texts, _FIELDS, strict=True):
        numbers = _numbers(text, field)
        if numbers is None:
            return (
                f"must be a cron line: its {field.name} is {text!r}, not of {field.first} to "
                f"{field.last}, such as *, */5, 1,3 or 1-5"
            )
        chosen.append(numbers)
    _, _, days, months, _ = chosen
    is_any_weekday = texts[4].startswith("*")
    if is_any_weekday and all(min(days) > _DAYS_OF_MONTH[month - 1] for month in months):
        return f"never comes: no month {texts[3]} has a day {texts[2]}"
    return None


def _numbers(text: str, field: _Field) -> set[int] | None:
    found: set[int] = set()
    for part in text.split(","):
        told = _PART.fullmatch(part)
        if not told or told["step"] == "0" * len(told["step"] or ""):
            return None
        first = field.first if told["first"] == "*" else _number(told["first"], field)
        last = first
        if told["last"] is not None:
            last = None if told["first"] == "*" else _number(told["last"], field)
        elif told["first"] == "*" or told["step"]:
            last = field.last
        if first is None or last is None or first > last:
            return None
        found |= set(range(first, last + 1, int(told["step"] or 1)))
    return found


def _number(text: str, field: _Field) -> int | None:
    word = text.lower()
    if word in field.words:
        return field.words.index(word) + field.first
    if not text.isdigit() or len(text) > 2:
        return None
    return int(text) if field.first <= int(text) <= field.last else None
