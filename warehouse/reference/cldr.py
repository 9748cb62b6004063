"""Claims of Unicode CLDR, as the package babel carries them: names, and who paid with what when."""

import importlib.metadata
from collections.abc import Iterator
from datetime import date
from functools import cache

import pycountry
from babel import Locale
from babel.core import get_cldr_version, get_global

from warehouse.claims import ClaimBatch, RelationRule
from warehouse.reference.phrasings import phrase, relations

SOURCE = "cldr"
AUTHORITY = 1.0

RELEASES = {
    "42": date(2022, 10, 19),
    "43": date(2023, 4, 12),
    "44": date(2023, 10, 31),
    "45": date(2024, 4, 17),
    "46": date(2024, 10, 24),
    "47": date(2025, 3, 13),
    "48": date(2025, 10, 29),
}
"""When each CLDR version came out (cldr.unicode.org/index/downloads); babel carries no dates."""

EXTRA_TERRITORIES = ("XK",)  # Kosovo: in CLDR and in daily use, a user-assigned code in ISO 3166

_Row = dict[str, object]


def read_cldr() -> ClaimBatch:
    """Return all claims of CLDR about territories and currencies."""
    version = str(get_cldr_version())
    stamp = {"authority": AUTHORITY, "observed_at": RELEASES.get(version.split(".")[0])}
    rows = [
        {**row, **phrase(str(row["relation"]), str(row["subject"])), **stamp} for row in _rows()
    ]
    return ClaimBatch.from_rows(
        SOURCE,
        rows,
        file=f"babel {importlib.metadata.version('babel')} (CLDR {version})",
        relations={
            r.name: RelationRule(slot="multi_valued")
            for r in relations().values()
            if r.multi_valued
        },
    )


def territory_name(alpha_2: str) -> str | None:
    """Return the English short name of a territory; null if CLDR has none."""
    name = _english().territories.get(alpha_2)
    return str(name) if name else None


@cache
def _english() -> Locale:
    return Locale("en")


def _territories() -> list[str]:
    """The current ISO codes and those of EXTRA_TERRITORIES: no continents, unions, test codes."""
    codes = {country.alpha_2 for country in pycountry.countries} | set(EXTRA_TERRITORIES)
    return sorted(code for code in codes if territory_name(code))


def _rows() -> Iterator[_Row]:
    for code in _territories():
        yield {"relation": "country.name", "subject": code, "value": territory_name(code)}
        yield from _tenders(code)
    last_days = _last_tender_days()
    for code, name in sorted(_english().currencies.items()):
        row: _Row = {"relation": "currency.name", "subject": code, "value": name}
        yield {**row, "valid_to": last_days.get(code)}


def _tenders(territory: str) -> Iterator[_Row]:
    for code, start, end, is_tender in _spans(territory):
        if is_tender:
            yield {
                "relation": "country.currency",
                "subject": territory_name(territory),
                "value": code,
                "valid_from": start,
                "valid_to": end,
            }


def _last_tender_days() -> dict[str, date]:
    """The last day of each currency that was legal tender once and is nowhere any more."""
    ends: dict[str, list[date | None]] = {}
    for territory in get_global("territory_currencies"):
        for code, _, end, is_tender in _spans(territory):
            if is_tender:
                ends.setdefault(code, []).append(end)
    return {
        code: max(day for day in days if day is not None)
        for code, days in ends.items()
        if None not in days
    }


def _spans(territory: str) -> Iterator[tuple[str, date | None, date | None, bool]]:
    for code, start, end, is_tender in get_global("territory_currencies").get(territory, ()):
        yield code, date(*start) if start else None, date(*end) if end else None, bool(is_tender)
