"""Claims of ISO 3166-1, 3166-3 and 4217, as the package pycountry carries them.

A country is spoken of by its CLDR English short name, found through its alpha-2 code, so that both
reference sources talk about the same slots; the official ISO name is a value, not a key.
"""

import calendar
import importlib.metadata
from collections.abc import Iterator
from datetime import date
from typing import Any

import pycountry

from warehouse.claims import ClaimBatch
from warehouse.reference import cldr
from warehouse.reference.phrasings import phrase

SOURCE = "iso"
AUTHORITY = 2.0  # the standard itself; CLDR follows it, with its own taste in names

_Row = dict[str, object]


def read_iso() -> ClaimBatch:
    """Return all claims of the ISO standards."""
    version = importlib.metadata.version("pycountry")
    stamp = {"authority": AUTHORITY, "observed_at": release_date(version)}
    rows = [
        {**row, **phrase(str(row["relation"]), str(row["subject"])), **stamp} for row in _rows()
    ]
    return ClaimBatch.from_rows(SOURCE, rows, file=f"pycountry {version}")


def release_date(version: str) -> date | None:
    """Read pycountry's calendar version (26.2.16 is 16 February 2026); null if it is none."""
    parts = version.split(".")[:3]
    if len(parts) < 3 or not all(part.isdecimal() for part in parts):
        return None
    year, month, day = (int(part) for part in parts)
    try:
        return date(2000 + year, month, day)
    except ValueError:
        return None


def _rows() -> Iterator[_Row]:
    for country in pycountry.countries:
        yield from _country(country)
    for country in pycountry.historic_countries:
        yield _historic(country)
    for currency in pycountry.currencies:
        yield _claim("currency.name", currency.alpha_3, currency.name)
        yield _claim("currency.numeric", currency.alpha_3, currency.numeric)


def _country(country: Any) -> Iterator[_Row]:
    name = cldr.territory_name(country.alpha_2) or country.name
    yield _claim("country.alpha_2", name, country.alpha_2)
    yield _claim("country.alpha_3", name, country.alpha_3)
    yield _claim("country.numeric", name, country.numeric)
    official = getattr(country, "official_name", None)
    if official:
        yield _claim("country.official_name", name, official)
    common = getattr(country, "common_name", None)
    aliases = {"aliases": [common]} if common else {}
    yield {**_claim("country.name", country.alpha_2, country.name), **aliases}


def _historic(country: Any) -> _Row:
    claim = _claim("country.name", country.alpha_2, country.name)
    return {**claim, "valid_to": last_day(country.withdrawal_date)}


def last_day(text: str) -> date:
    """Return the last day of a date that may lack its month or day: '1977' is 1977-12-31."""
    parts = [int(part) for part in text.split("-")]
    year = parts[0]
    month = parts[1] if len(parts) > 1 else 12
    day = parts[2] if len(parts) > 2 else calendar.monthrange(year, month)[1]
    return date(year, month, day)


def _claim(relation: str, subject: str, value: str) -> _Row:
    return {"relation": relation, "subject": subject, "value": value}
