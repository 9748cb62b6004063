"""Times of day, with the date and the zone if they are given: '19:10', '2011-12-01 19:10'.

A value of this kind is read as a clock reading wherever it can be one: '1910' is 19:10, '7p' is
19:00, and '7:10' without am or pm is 07:10. A date may stand before or after the time, with or
without its year; what it says in two ways ('12/1/11') is kept as both. Weekdays are dropped.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from warehouse.values.dates import read_date
from warehouse.values.texts import LONGEST, one_line, text_key

SCALE_MINUTES = 10.0  # AccuSim's use of similarity, on times of flights: ten minutes halve it twice
LEAST = 0.05
"""Support below it is none: times more than half an hour apart."""

_DAY_MINUTES = 24 * 60
_CENTURY = 69  # as POSIX reads years of two digits: 69 to 99 are of the twentieth century
_LEAP = 2000
_ZONE = (
    r"(?:\(?(?:utc|gmt)?(?P<zone>z|utc|gmt|[+-]\d{2}:?\d{2})\)?"
    r"|\(?(?P<named>[a-z]{1,3}[sd]t)\)?)"
)
_TIME = re.compile(
    r"(?P<hour>\d{1,2})(?:[:h.](?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]0{1,9})?)?)?"
    r" ?(?:(?P<half>[ap])\.?(?:m\.?)?(?![b-z])|(?P<o_clock>h(?:rs?|ours?)?|uhr|o'clock))?"
    rf"(?: ?{_ZONE})?"
)
_PACKED = re.compile(
    r"(?P<hour>\d{1,2})(?P<minute>\d{2})(?P<second>)"
    r" ?(?:(?P<half>[ap])\.?(?:m\.?)?|(?P<o_clock>h|hrs))?"
    rf"(?: ?{_ZONE})?"
)
_NAMED = {"noon": 720, "midday": 720, "12 noon": 720, "midnight": 0, "12 midnight": 0}
_WEEKDAY = re.compile(
    r"(?<![^\W\d_])(?:(?:mon|tues?|wed|thu(?:rs?)?|fri|sat|sun)\.?"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday)(?![^\W\d_]),? ?"
)
_MONTH = r"(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]{0,6}\.?"
_DATE = (
    rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}|\d{{8}}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{2}}(?:\d{{2}})?|--\d{{2}}-\d{{2}}"
    rf"|{_MONTH} ?\d{{1,2}}(?:st|nd|rd|th)?(?:,? ?\d{{4}})?"
    rf"|\d{{1,2}}(?:st|nd|rd|th)?[ -]?{_MONTH}(?:[ -,]{{0,2}}\d{{4}})?)"
)
_BEFORE = re.compile(rf"(?P<date>{_DATE})(?:t(?=\d)|,| at | - | -|- | (?:of )?)\s*(?P<time>\S.*)")
_AFTER = re.compile(rf"(?P<time>.*?\S)(?:,| on | - | )?\s*(?P<date>{_DATE})")
_SLASHED = re.compile(r"(\d{1,2})([-/.])(\d{1,2})\2(\d{2}|\d{4})")
_NO_YEAR = re.compile(r"--(\d{2})-(\d{2})")
_KEY = re.compile(
    r"(?:(?P<date>\S+) )?(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2}| [A-Z]{2,5})?"
)


@dataclass(frozen=True)
class Reading:
    """A clock reading: minutes since midnight, its possible days, its zone."""

    minutes: float
    days: frozenset[tuple[int, int, int]]
    """(year, month, day), the year 0 where it is not given; empty without a date."""
    zone: str

    def agrees(self, other: "Reading") -> bool:
        """Say whether date and zone, where both give them, can be the same."""
        if self.zone and other.zone and self.zone != other.zone:
            return False
        return (
            not self.days
            or not other.days
            or any(
                ours[1:] == theirs[1:] and (not ours[0] or not theirs[0] or ours[0] == theirs[0])
                for ours in self.days
                for theirs in other.days
            )
        )

    @property
    def fullness(self) -> int:
        """How much it says beside the time: a year, one day, a day at all, a zone."""
        one_day = len(self.days) == 1
        has_year = one_day and all(day[0] for day in self.days)
        return 8 * has_year + 4 * one_day + 2 * bool(self.days) + bool(self.zone)


class Time:
    """Values that are times of day."""

    def key(self, value: str) -> str:
        """Return '[date ]HH:MM[:SS][zone]', or the text of what is no time."""
        plain = text_key(value)
        if len(plain) > LONGEST:
            return plain
        return _key(one_line(value).lower()) or _key(plain) or plain

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Let a time without date or zone stand for the same time with them.

        The fullest keys that contradict each other lead; another joins the one it agrees with.
        Where it agrees with several it stays: between 1 December 19:10 and 2 December 19:10 nobody
        knows which of them '19:10' is.
        """
        stands_for = {key: key for key in num_claims}
        at: dict[float, list[tuple[str, Reading]]] = {}
        for key in num_claims:
            if reading := _read(key):
                at.setdefault(reading.minutes, []).append((key, reading))
        for alike in at.values():
            alike.sort(key=lambda item: (-item[1].fullness, -num_claims[item[0]], item[0]))
            leaders: list[tuple[str, Reading]] = []
            for key, reading in alike:
                agreed = [leader for leader, theirs in leaders if reading.agrees(theirs)]
                if not agreed:
                    leaders.append((key, reading))
                elif len(agreed) == 1:
                    stands_for[key] = agreed[0]
        return stands_for

    def support(self, key: str, other: str) -> float:
        """Return 1 for the same time, exp(-minutes / 10) for another, 0 if the dates differ."""
        if key == other:
            return 1.0
        ours, theirs = _read(key), _read(other)
        if ours is None or theirs is None:
            return 0.0
        apart = abs(ours.minutes - theirs.minutes)
        if not ours.agrees(theirs):
            if not _next_to(ours, theirs):
                return 0.0
            apart = _DAY_MINUTES - apart
        elif not ours.days or not theirs.days:
            apart = min(apart, _DAY_MINUTES - apart)
        near = math.exp(-apart / SCALE_MINUTES)
        return near if near >= LEAST else 0.0


def _next_to(ours: Reading, theirs: Reading) -> bool:
    """Say whether the earlier day's late hour meets the next day's early one."""
    if len(ours.days) != 1 or len(theirs.days) != 1 or ours.zone != theirs.zone:
        return False
    early, late = sorted((ours, theirs), key=lambda reading: reading.minutes)
    (late_day,), (early_day,) = late.days, early.days
    return bool(late_day[0] and early_day[0]) and (
        date(*early_day).toordinal() - date(*late_day).toordinal() == 1
    )


def _key(text: str) -> str | None:
    text = re.sub(r"\s+", " ", _WEEKDAY.sub("", text)).strip(" ,-")
    clock = _clock(text)
    if clock:
        return clock
    for form in (_BEFORE, _AFTER):
        found = form.fullmatch(text)
        clock = _clock(found["time"].strip(" ,-")) if found else None
        day = _day(found["date"]) if found and clock else None
        if clock and day:
            return f"{day} {clock}"
    return None


def _clock(text: str) -> str | None:
    if text in _NAMED:
        return f"{_NAMED[text] // 60:02}:00"
    found = _TIME.fullmatch(text) or _PACKED.fullmatch(text)
    if not found or not (found["minute"] or found["half"] or found["o_clock"]):
        return None
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    half = found["half"]
    if half and hour == 12:
        hour = 0 if half == "a" else 12
    elif half == "p" and 1 <= hour < 12:
        hour += 12
    elif (half == "p" and hour == 0) or (half == "a" and hour > 12):
        return None
    if hour == 24 and not minute and not second:
        hour = 0
    if hour > 23 or minute > 59 or second > 59:
        return None
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "") + _zone(found)


def _zone(found: re.Match[str]) -> str:
    zone = found["zone"]
    if zone in ("z", "utc", "gmt", "+00:00", "-00:00", "+0000", "-0000"):
        return "Z"
    if zone:
        return f"{zone[:3]}:{zone[-2:]}"
    return f" {found['named'].upper()}" if found["named"] else ""


def _day(text: str) -> str | None:
    """Write a date as it goes into keys: ISO 8601, '--12-01' without a year, or '12/1/2011'."""
    days = _days(text)
    if len(days) > 1:
        one, two, year = re.split(r"[-/.]", text)
        return f"{int(one)}/{int(two)}/{_year(year):04}"
    for year, month, day in days:
        return f"{year:04}-{month:02}-{day:02}" if year else f"--{month:02}-{day:02}"
    return None


@lru_cache(maxsize=1 << 16)
def _days(text: str) -> frozenset[tuple[int, int, int]]:
    """Return the days a date may mean."""
    if found := _SLASHED.fullmatch(text):
        one, two, year = int(found[1]), int(found[3]), _year(found[4])
        return frozenset(
            (year, month, day)
            for month, day in ((one, two), (two, one))
            if _exists(year, month, day)
        )
    if found := _NO_YEAR.fullmatch(text):
        month, day = int(found[1]), int(found[2])
        return frozenset([(0, month, day)] if _exists(_LEAP, month, day) else [])
    span = read_date(text)
    if span and span.step == "day":
        return frozenset([(span.first.year, span.first.month, span.first.day)])
    span = read_date(f"{text} {_LEAP}") or read_date(f"{text}-{_LEAP}")
    if span and span.step == "day":
        return frozenset([(0, span.first.month, span.first.day)])
    return frozenset()


def _year(text: str) -> int:
    year = int(text)
    return year if len(text) > 2 else year + (1900 if year >= _CENTURY else 2000)


def _exists(year: int, month: int, day: int) -> bool:
    try:
        return bool(date(year, month, day))
    except ValueError:
        return False


@lru_cache(maxsize=1 << 16)
def _read(key: str) -> Reading | None:
    """Read a key as `Time.key` wrote it; None for a text."""
    found = _KEY.fullmatch(key)
    if not found:
        return None
    days = _days(found["date"]) if found["date"] else frozenset()
    minutes = int(found["hour"]) * 60 + int(found["minute"]) + int(found["second"] or 0) / 60
    return Reading(minutes, days, (found["zone"] or "").strip())
