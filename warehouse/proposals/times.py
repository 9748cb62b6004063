"""Which columns say when a row held, and how far it is believed."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from warehouse.proposals.column import Column
from warehouse.proposals.named import AUTHORITY, FROM, SEEN, TO, WHEN, named

_SURELY_TIMES = ("valid", "effective")


def dates_of(
    columns: Sequence[Column], *, is_log: bool
) -> tuple[dict[str, str | dict[str, Any]], list[str]]:
    """Find the time columns. In a log, where rows tell of one thing at times, any date is one."""
    found: dict[str, str | dict[str, Any]] = {}
    doubts: list[str] = []
    start, end = named(columns, FROM), named(columns, TO)
    if start and (is_log or start.words.startswith(_SURELY_TIMES)) and start.are_days:
        found["valid_from"] = start.name
        if end and end.are_days:
            found["valid_to"] = end.name
    seen = named(columns, SEEN) or (named(columns, WHEN) if is_log else None)
    if seen is None:
        return found, doubts
    latest = (datetime.now(tz=UTC).date() + timedelta(days=1)).isoformat()
    if not seen.are_days:
        doubts.append(
            f"{seen.name!r} looks like the time of a row, but {seen.sample[0]!r} is no date such "
            "as 2015, 2015-03 or 2015-03-09"
        )
    elif max(seen.sample) > latest:
        doubts.append(f"{seen.name!r} looks like the time of a row, but lies in the future")
    else:
        found["observed_at"] = seen.name
    return found, doubts


def authority_of(columns: Sequence[Column], fields: dict[str, Any]) -> list[str]:
    """Add the column that says how far a row is believed to `fields`; give doubts."""
    column = named(columns, AUTHORITY)
    if column is None:
        return []
    try:
        [float(text) for text in column.sample]
    except ValueError:
        return [
            f"{column.name!r} would say how far a row is believed, but {column.sample[0]!r} is no "
            "number"
        ]
    fields["authority"] = column.name
    return []
