"""What subjects are called besides their own name, where packaged data knows it: territories.

CLDR's alternative names, the names of ISO 3166 (common, official), adjectives and former names. A
name that two subjects of a table share is given for both: what is asked decides, or nobody does.
"""

from collections.abc import Collection, Iterator
from functools import cache

import pycountry
from babel import Locale

from warehouse.reference.phrasings import read

_MOSTLY = 0.5
_MANY = 60
"""Territories from which a table is one of territories, whatever else it holds."""


def other_names(subjects: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the other names of the territories among the subjects; none where they are few.

    A table of companies may hold a Georgia and a Jordan: a few names of territories say nothing.
    """
    known = {
        subject: code
        for subject in subjects
        if len(subject) > 3 and (code := _codes().get(_folded(subject)))
    }
    if len(known) < min(_MANY, _MOSTLY * len(set(subjects))):
        return {}
    return {
        subject: tuple(name for name in _names(code) if name != subject)
        for subject, code in sorted(known.items())
    }


@cache
def _codes() -> dict[str, str]:
    """The territory of each name that is no adjective."""
    found: dict[str, str] = {}
    for country in pycountry.countries:
        for name in _official(country.alpha_2):
            found.setdefault(_folded(name), country.alpha_2)
    return found


@cache
def _names(code: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*_official(code), *read("territory_names").get(code, ())]))


def _official(code: str) -> Iterator[str]:
    territories = Locale("en").territories
    for key in (code, f"{code}-alt-short", f"{code}-alt-variant"):
        if name := territories.get(key):
            yield str(name)
    if country := pycountry.countries.get(alpha_2=code):
        for field in ("name", "common_name", "official_name"):
            if name := getattr(country, field, None):
                yield str(name)


def _folded(name: str) -> str:
    return name.casefold().replace("\u2019", "'")
