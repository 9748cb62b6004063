"""Dates in partial precision: '2015', '2015-03', '2015-03-09', and decades, quarters and weeks.

What could be read in two ways (3/9/2015) is not guessed: it stays a text, which half supports both
readings. Nothing is filled in: a date without a year is a text. Month names are English ones.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from warehouse.values.texts import LONGEST, one_line, text_key

PARTLY = 0.5
"""How far a date speaks for one of the next higher precision; twice that step, a quarter."""

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september",
    "october", "november", "december",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_MONTH = (
    r"(?P<month>(?:jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)(?![^\W\d_])\.?|"
    + "|".join(MONTHS)
    + ")"
)
_WEEKDAY = (
    r"(?:(?P<weekday>(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)(?![^\W\d_])\.?|"
    + "|".join(DAYS)
    + r"),?)"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_CLOCK = re.compile(
    r",?[t ](?:[01]?\d|2[0-4]):[0-5]\d(?::[0-6]\d(?:[.,]\d{1,9})?)?(?: ?[ap]\.?m\.?)?"
    r"(?: ?(?:z|utc|gmt|[+-]\d{2}(?::?\d{2})?))?$"
)
_FORMS = tuple(
    re.compile(form)
    for form in (
        rf"{_YEAR}(?:-(?P<number>\d{{1,2}})(?:-{_DAY})?)?",
        rf"{_YEAR}([/.]){{1}}(?P<number>\d{{1,2}})\2{_DAY}",
        rf"{_YEAR}(?P<number>\d{{2}})(?P<day>\d{{2}})",
        rf"{_WEEKDAY}? ?{_DAY}[ -]?(?:of )?{_MONTH},?[ -]?{_YEAR}",
        rf"{_WEEKDAY}? ?{_MONTH} ?{_DAY},? {_YEAR}",
        rf"{_YEAR},?[ -]{_MONTH}(?:[ -]{_DAY})?",
        rf"{_MONTH},?[ -]?(?:of )?{_YEAR}",
        r"(?:ad |anno domini )?(?P<year>\d{1,4}) ?(?:ad|a\.d\.|ce|c\.e\.)",
        r"(?:ad|a\.d\.) ?(?P<year>\d{1,4})",
    )
)
_QUARTER = re.compile(
    rf"{_YEAR}[ -]?q(?P<quarter>[1-4])|q(?P<quarter_>[1-4])[ /-]?(?P<year_>\d{{4}})"
)
_DECADE = re.compile(r"(?:the )?(?P<decade>\d{3})0'?s")
_WEEK = re.compile(rf"{_YEAR}-?w(?P<week>\d{{2}})(?:-?(?P<weekday>[1-7]))?")
_ABOUT = re.compile(r"(?:~|about |around |approximately |approx\.? |circa |ca\.? ?|c\. ?)(?=\d)")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TWO_WAYS = re.compile(r"^(\d{1,2})([/.-])(\d{1,2})\2(\d{4})$")
_LEVEL = {"decade": 0, "year": 1, "quarter": 2, "month": 2, "week": 2, "day": 3}


@dataclass(frozen=True)
class Span:
    """What a date says: some day from `first` to `last`, perhaps only about then."""

    first: date
    last: date
    step: str
    about: bool = False

    @property
    def key(self) -> str:
        """The key that says it, as exact as the span."""
        return ("~" if self.about else "") + self._exact

    @property
    def _exact(self) -> str:
        year = f"{self.first.year:04}"
        match self.step:
            case "day":
                return self.first.isoformat()
            case "week":
                return f"{self.first.isocalendar().year:04}-W{self.first.isocalendar().week:02}"
            case "month":
                return f"{year}-{self.first.month:02}"
            case "quarter":
                return f"{year}-Q{self.first.month // 3 + 1}"
            case "decade":
                return f"{year}s"
        return year


class Date:
    """Values that are dates."""

    def key(self, value: str) -> str:
        """Return the date in ISO 8601 in the precision it was given in; of what is none, its text.

        A timestamp is its day as written, in its own zone.
        """
        if _ISO_DAY.fullmatch(value) and _day(*map(int, value.split("-"))):
            return value
        plain = text_key(value)
        if len(plain) > LONGEST:
            return plain
        span = read_date(value) or read_date(plain)
        return span.key if span else _TWO_WAYS.sub(_without_zeros, plain)

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Return every key itself."""
        return {key: key for key in num_claims}

    def support(self, key: str, other: str) -> float:
        """Return 1 where `other` lies within `key`, half for each step the other way, else 0."""
        if key == other:
            return 1.0
        ours = _read_key(key)
        if ours is None:
            return 0.0
        theirs = _read_key(other)
        if theirs is None:
            readings = [_within(day_span(day), ours) for day in both_readings(other)]
            return PARTLY * any(readings) + PARTLY * (any(readings) and all(readings))
        if _within(theirs, ours):
            return 1.0
        if _within(ours, theirs):
            steps = _LEVEL[ours.step] - _LEVEL[theirs.step] + (theirs.about and not ours.about)
            return PARTLY ** max(steps, 1)
        return 0.0


def read_date(text: str) -> Span | None:
    """Read a date in any of the forms that have one meaning; None for all else."""
    plain = one_line(text).lower()
    about = _ABOUT.match(plain)
    exact = plain[about.end() :] if about else plain
    span = _period(exact) or _calendar(exact) or _stamped(exact)
    return Span(span.first, span.last, span.step, about=True) if span and about else span


def both_readings(text: str) -> list[date]:
    """Return the days that a text like 3/9/2015 may mean."""
    found = _TWO_WAYS.fullmatch(one_line(text))
    if not found:
        return []
    one, two, year = int(found[1]), int(found[3]), int(found[4])
    days = {_day(year, one, two), _day(year, two, one)} - {None}
    return sorted(day for day in days if day)


def _without_zeros(found: re.Match[str]) -> str:
    return f"{int(found[1])}{found[2]}{int(found[3])}{found[2]}{found[4]}"


def day_span(day: date) -> Span:
    """Return one day as a span."""
    return Span(day, day, "day")


def _month_number(name: str) -> int:
    """Return 1 to 12 for the name of a month, or its first three letters."""
    return next(i for i, month in enumerate(MONTHS, start=1) if month.startswith(name[:3].lower()))


def _period(text: str) -> Span | None:
    """Read a decade, a quarter, a week, or a day of a week."""
    if found := _DECADE.fullmatch(text):
        year = int(found["decade"]) * 10
        return Span(date(year, 1, 1), date(year + 9, 12, 31), "decade") if year else None
    if found := _QUARTER.fullmatch(text):
        year = int(found["year"] or found["year_"])
        month = int(found["quarter"] or found["quarter_"]) * 3
        if not year:
            return None
        return Span(
            date(year, month - 2, 1), date(year, month, monthrange(year, month)[1]), "quarter"
        )
    found = _WEEK.fullmatch(text)
    if not found:
        return None
    try:
        first = date.fromisocalendar(
            int(found["year"]), int(found["week"]), int(found["weekday"] or 1)
        )
        return (
            day_span(first) if found["weekday"] else Span(first, first + timedelta(days=6), "week")
        )
    except (ValueError, OverflowError):
        return None


def _calendar(text: str) -> Span | None:
    """Read a year, a month or a day."""
    for form in _FORMS:
        if found := form.fullmatch(text):
            return _span(found.groupdict())
    days = both_readings(text)
    return day_span(days[0]) if len(days) == 1 else None


def _stamped(text: str) -> Span | None:
    """Read the day of a timestamp."""
    found = _CLOCK.search(text)
    span = _calendar(text[: found.start()]) if found else None
    return span if span and span.step == "day" else None


def _span(given: dict[str, str | None]) -> Span | None:
    year = int(given["year"] or 0)
    month_name, number = given.get("month"), given.get("number")
    month = _month_number(month_name) if month_name else int(number or 0)
    if not 1 <= year <= 9999 or ((month_name or number) and not 1 <= month <= 12):
        return None
    if not month:
        return Span(date(year, 1, 1), date(year, 12, 31), "year")
    if not given.get("day"):
        return Span(date(year, month, 1), date(year, month, monthrange(year, month)[1]), "month")
    day = _day(year, month, int(given["day"] or 0))
    weekday = given.get("weekday")
    if day is None or (weekday and DAYS[day.weekday()][:3] != weekday[:3]):
        return None  # the day of the week contradicts the date: one of both is wrong
    return day_span(day)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _within(narrow: Span, wide: Span) -> bool:
    return (
        wide.first <= narrow.first and narrow.last <= wide.last and (wide.about or not narrow.about)
    )


@lru_cache(maxsize=1 << 16)
def _read_key(key: str) -> Span | None:
    return read_date(key)
