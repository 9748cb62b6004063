"""Backfill: a run for each of a range of days; killed, it goes on with the first that is not done.

    lamini run --as-of 2015-12-31..2016-12-31 --every month

Reads: the sources. Writes: HOME/backfills/<key>.json, the days that are done, besides what each run
writes. Without it, running again would take the model back to the first day.
"""

import calendar
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from flows.configuration.settings import Settings
from flows.errors import SettingsError
from flows.reporting.run_result import RunResult
from warehouse.durable import write_json

EVERY = ("day", "week", "month", "quarter", "year")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
RANGE = ".."


@dataclass(frozen=True, kw_only=True)
class Range:
    """Days from the first to the last, both done."""

    first: date
    last: date
    every: str = "month"

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise SettingsError(f"as_of={self}: the first day comes after the last")
        if self.every not in EVERY:
            raise SettingsError(f"every={self.every!r} must be one of {', '.join(EVERY)}")

    def __str__(self) -> str:
        """Return it as the command line takes it."""
        return f"{self.first}{RANGE}{self.last}"

    def days(self) -> list[date]:
        """List the days in order; the last one is among them whatever the steps."""
        return [*(day for day in self._steps() if day < self.last), self.last]

    def _steps(self) -> Iterator[date]:
        day, number = self.first, 0
        while day <= self.last:
            yield day
            number += 1
            if self.every in _MONTHS:
                day = _months_after(self.first, number * _MONTHS[self.every])
            else:
                day += timedelta(days=7 if self.every == "week" else 1)


@dataclass(frozen=True, kw_only=True)
class Day:
    """What the run of one day did."""

    as_of: str
    run_key: str
    decision: str
    mode: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Backfilled:
    """What became of a range of days."""

    range: str
    every: str
    num_days: int
    num_skipped: int
    """Those that an earlier call had done."""
    days: tuple[Day, ...]
    """All that are done, also before."""


def _months_after(day: date, number: int) -> date:
    """Return the same day so many months on; the last of a month stays the last of a month."""
    year, month = divmod(day.year * 12 + day.month - 1 + number, 12)
    length = calendar.monthrange(year, month + 1)[1]
    is_last = day.day == calendar.monthrange(day.year, day.month)[1]
    return date(year, month + 1, length if is_last else min(day.day, length))


def read_range(text: str, every: str | None) -> Range:
    """Read FROM..TO.

    Raises:
        SettingsError: it is none, or its days are out of order.
    """
    first, _, last = text.partition(RANGE)
    try:
        days = [date.fromisoformat(day) for day in (first, last)]
    except ValueError:
        raise SettingsError(
            f"as_of={text!r} must be FROM..TO, two days such as 2015-12-31..2016-12-31"
        ) from None
    return Range(first=days[0], last=days[1], every=every or "month")


def backfill(
    settings: Settings,
    given: Range,
    run: Callable[[Settings], RunResult],
    *,
    again: bool = False,
) -> Backfilled:
    """Do `run` for each day that is not done yet; `again` begins with the first day anew.

    Raises:
        GateError: the model of a day failed; the days before it are done, it comes first next time.
    """
    file = settings.home.backfills / f"{_key(settings, given)}.json"
    done = [] if again else _done(file)
    days = given.days()
    skipped = len(done)
    for day in days[skipped:]:
        result = run(settings.model_copy(update={"as_of": day}))
        done.append(
            Day(
                as_of=day.isoformat(),
                run_key=result.run_key,
                decision=result.decision,
                mode=result.mode,
                reasons=result.reasons,
            )
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        rows = [asdict(one) for one in done]
        write_json({"range": str(given), "every": given.every, "done": rows}, file)
    return Backfilled(
        range=str(given),
        every=given.every,
        num_days=len(days),
        num_skipped=skipped,
        days=tuple(done),
    )


def _done(file: Path) -> list[Day]:
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["done"]
        return [Day(**{**row, "reasons": tuple(row["reasons"])}) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _key(settings: Settings, given: Range) -> str:
    """Name what makes this another backfill: its days, its sources, its backbone."""
    parts = [str(given), given.every, settings.backbone, *map(str, settings.sources)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
