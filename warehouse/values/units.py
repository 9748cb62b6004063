"""Units and currencies of numbers: what is declared is converted by pint, nothing is guessed.

Amounts of another currency, and units of another dimension than the declared one, keep their own.
"""

import re
from decimal import Context, Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pint

_ROUNDED = Context(prec=15)
"""Digits of a converted number: what two ways of converting agree on."""

CURRENCY_SIGNS = {
    "US$": "USD", "A$": "AUD", "AU$": "AUD", "C$": "CAD", "CA$": "CAD", "HK$": "HKD",
    "NZ$": "NZD", "S$": "SGD", "R$": "BRL", "\u20ac": "EUR", "\u00a3": "GBP", "\u20b9": "INR",
    "\u20a9": "KRW", "\u20bd": "RUB", "\u20ba": "TRY", "\u20aa": "ILS", "\u20ab": "VND",
    "\u20b4": "UAH", "\u20a6": "NGN", "\u0e3f": "THB", "$": "$", "\u00a5": "\u00a5",
}  # fmt: skip
_SHARED_SIGNS = {
    "$": {"USD", "AUD", "CAD", "HKD", "NZD", "SGD", "MXN", "TWD"},
    "\u00a5": {"JPY", "CNY"},
}
_NAMES = {
    "percent": "%", "per cent": "%", "pct": "%", "pc": "%", "dollar": "$", "dollars": "$",
    "euro": "EUR", "euros": "EUR", "degc": "\u00b0C", "celsius": "\u00b0C", "degf": "\u00b0F",
    "fahrenheit": "\u00b0F",
}  # fmt: skip
_POWERS = {"sq": "2", "square": "2", "cu": "3", "cubic": "3"}
_WORD = r"[^\W\d_]+"
_UNIT = re.compile(
    r"(?:(?P<power>sq|square|cu|cubic)\.? )?"
    r"(?P<unit>[%\u2030]|\u00b0 ?[CF]?"
    rf"|{_WORD}(?:\^?[23])?(?:(?: ?/ ?| per ){_WORD}(?:\^?[23])?)?)\.?"
)
_SHORT = 3


@lru_cache(maxsize=4096)
def unit_named(text: str) -> str | None:
    """Return the unit that `text` names in one spelling; None if it is no unit's form."""
    if text in CURRENCY_SIGNS:
        return CURRENCY_SIGNS[text]
    if text.casefold() in _NAMES:
        return _NAMES[text.casefold()]
    found = _UNIT.fullmatch(text)
    if not found:
        return None
    unit = re.sub(r" per | ?/ ?", "/", found["unit"]).replace("^", "").replace(" ", "")
    parts = [part if len(part) <= _SHORT else part.casefold() for part in unit.split("/")]
    return "/".join(parts) + _POWERS.get(found["power"] or "", "")


def is_currency(unit: str | None) -> bool:
    """Say whether a unit is an ISO 4217 code in form, or a sign."""
    return unit is not None and (
        unit in CURRENCY_SIGNS or (len(unit) == _SHORT and unit.isascii() and unit.isupper())
    )


def is_physical(unit: str | None) -> bool:
    """Say whether pint knows the unit."""
    return unit is not None and _parsed(unit) is not None


def same_unit(named: str, declared: str) -> bool:
    """Say whether both are one unit without conversion: a spelling, a plural, a shared sign."""
    ours = unit_named(declared) or declared
    if named == ours or declared in _SHARED_SIGNS.get(named, ()):
        return True
    one, other = named.casefold(), ours.casefold()
    return (
        len(one) > 1
        and len(other) > 1
        and one.removesuffix("s") == other.removesuffix("s")
        and (min(len(one), len(other)) > _SHORT)
    )


def converted(number: Decimal, named: str, declared: str) -> Decimal | None:
    """Return the number in the declared unit, to fifteen digits; None where that has no meaning."""
    line = _line(named, declared)
    if line is None:
        return None
    start, slope = line
    return _ROUNDED.plus(start + number * slope)


@lru_cache(maxsize=4096)
def _line(named: str, declared: str) -> tuple[Decimal, Decimal] | None:
    """Return start and slope: temperatures have another zero than absolute units."""
    given, wanted = _parsed(named), _parsed(declared) or _parsed(unit_named(declared) or "")
    if given is None or wanted is None or given.dimensionality != wanted.dimensionality:
        return None
    make = _registry().Quantity
    zero, one = (make(Decimal(x), given).to(wanted).magnitude for x in (0, 1))
    return zero, one - zero


@lru_cache(maxsize=4096)
def _parsed(unit: str) -> "pint.Unit | None":
    readable = re.sub(r"(?<=\w)([23])(?=/|$)", r"**\1", unit.replace("%", "percent"))
    for name in (readable, readable.lower()):
        try:
            return _registry().parse_units(name)
        except Exception:  # noqa: BLE001  pint raises a dozen unrelated kinds for what it cannot read
            continue
    return None


@cache
def _registry() -> "pint.UnitRegistry[Decimal]":
    import pint  # a second to import and to fill: only those who name units pay

    return pint.UnitRegistry(non_int_type=Decimal)
