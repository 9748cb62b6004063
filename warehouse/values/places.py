"""Places: from the special to the general, 'Milan, Lombardy, Italy'.

A claim of the more general place does not contradict: 'Italy' is what a claim of 'Milan, Italy'
says too. Countries and their divisions are known by name (ISO 3166, pycountry); of other places
that stand alone nothing is known, and a country or a division may hold any of them.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache

import pycountry
from anyascii import anyascii

from warehouse.values.texts import Text

MAY_HOLD = 0.5
"""How far a place of which nothing is known speaks for a country or division named alone."""

_LAST_LATIN_GREEK_CYRILLIC = "\u052f"
# Names in daily use that ISO 3166 does not hold.
_OTHER_NAMES = {
    "usa": "US", "u s a": "US", "us": "US", "u s": "US", "america": "US", "uk": "GB", "u k": "GB",
    "great britain": "GB", "britain": "GB", "russia": "RU", "south korea": "KR",
    "north korea": "KP", "iran": "IR", "syria": "SY", "vietnam": "VN", "laos": "LA",
    "moldova": "MD", "tanzania": "TZ", "bolivia": "BO", "venezuela": "VE", "czech republic": "CZ",
    "macedonia": "MK", "ivory coast": "CI", "cape verde": "CV", "burma": "MM", "swaziland": "SZ",
    "turkey": "TR", "holland": "NL", "palestine": "PS", "brunei": "BN", "taiwan": "TW",
    "congo": "CD", "east timor": "TL", "vatican": "VA", "vatican city": "VA",
}  # fmt: skip


class Place:
    """Values that are places, their parts joined by commas."""

    def key(self, value: str) -> str:
        """Return the parts in small letters without accents, joined by ', '."""
        parts = [part for part in (_plain(part) for part in value.split(",")) if part]
        while len(parts) > 1 and parts[-1] == parts[-2]:
            parts.pop()
        return ", ".join(_known_name(part) for part in parts) or Text().key(value)

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Join a place told with fewer steps to the only one of the slot that it can be.

        'Milan, Italy' is 'Milan, Lombardy, Italy': the first part is the same, no part contradicts.
        """
        stands_for = {}
        for key in sorted(num_claims):
            fuller = [other for other in num_claims if _fuller(other, key)]
            # Where two places fit, 'Springfield' is neither of them.
            longest = max(fuller, key=lambda other: (other.count(","), other), default=key)
            alone = all(other == longest or _fuller(longest, other) for other in fuller)
            stands_for[key] = longest if alone else key
        return stands_for

    def support(self, key: str, other: str) -> float:
        """Return 1 where `other` lies in `key`, a half where it may well do, else 0."""
        if key == other:
            return 1.0
        wide, narrow = key.split(", "), other.split(", ")
        if _is_within(wide, narrow):
            return 1.0
        if len(wide) > 1 or not _holders(wide[0]):
            return 0.0
        return _may_hold(narrow[-1])


def _plain(part: str) -> str:
    text = unicodedata.normalize("NFKC", part)
    latin = "".join(anyascii(c) if c <= _LAST_LATIN_GREEK_CYRILLIC else c for c in text)
    plain = " ".join(re.sub(r"[^\w'\u2019-]+", " ", latin.casefold()).split())
    return plain if re.search(r"[^\W_]", plain) else ""  # marks alone name no place


def _fuller(other: str, key: str) -> bool:
    if other == key or not other or not key:
        return False
    short, long = key.split(", "), other.split(", ")
    if len(short) >= len(long) or short[0] != long[0] or len(short) == 1:
        return False
    rest = iter(long)
    return all(part in rest for part in short)


def _is_within(wide: list[str], narrow: list[str]) -> bool:
    rest = iter(narrow)
    if len(narrow) > len(wide) and all(part in rest for part in wide):
        return True
    # A division of a country, both named alone: 'Ohio' lies in the 'United States'.
    return (
        len(wide) == 1
        and _countries().get(wide[0]) in _divisions().get(narrow[-1], frozenset())
        and narrow != wide
    )


def _may_hold(narrow: str) -> float:
    if narrow in _countries():
        return 0.0
    # A division holds no other division of that name's kind, nor does a foreign country.
    return 0.0 if narrow in _divisions() else MAY_HOLD


def _holders(name: str) -> bool:
    return name in _countries() or name in _divisions()


def _known_name(part: str) -> str:
    country = pycountry.countries.get(alpha_2=_OTHER_NAMES.get(part, ""))
    return _plain(country.name.split(",")[0]) if country else part


@cache
def _countries() -> dict[str, str]:
    """Return the two-letter code of each country name."""
    found = {}
    for country in pycountry.countries:
        for name in (country.name, getattr(country, "common_name", country.name)):
            found[_known_name(_plain(name.split(",")[0]))] = country.alpha_2
    return found


@cache
def _divisions() -> dict[str, frozenset[str]]:
    """Return the countries that have a division of each name."""
    found: dict[str, set[str]] = {}
    for division in pycountry.subdivisions:
        name = re.sub(r"\s*[\[(].*", "", division.name)
        found.setdefault(_plain(name.split(",")[0]), set()).add(division.country_code)
    return {name: frozenset(codes) for name, codes in found.items()}
