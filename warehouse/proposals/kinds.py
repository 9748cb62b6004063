"""Which kind of values a column holds, by its name and what the kinds can read."""

import re
from collections.abc import Callable

from warehouse.proposals.column import Column
from warehouse.values.amounts import read_amount
from warehouse.values.dates import read_date
from warehouse.values.numbers import Number
from warehouse.values.units import is_currency, is_physical, unit_named

_MOST = 0.95
"""Share of the values that must be of a kind; the rest are texts of it."""
_LOOKED_AT = 500
_CODE = re.compile(
    r"\b(id|ids|code|codes|zip|postal|postcode|phone|telephone|fax|mobile|sku|isbn|issn|iban|bic|"
    r"ticker|symbol|version|serial|uuid|guid|hash|alpha \d|numeric|extension|ext|plate|iata|icao)\b"
)
_DATE = re.compile(
    r"\b(date|day|year|years?|founded|established|incorporated|born|died|birth|death|birthday|"
    r"released|launched|introduced|opened|closed|since|deadline|due|expires|expiry|on|at)\b"
)
_PERSON = re.compile(
    r"\b(author|ceo|cto|cfo|president|chair|chairman|owner|manager|lead|director|founder|contact|"
    r"maintainer|mayor|governor|senator|representative|minister|captain|coach|head|responsible|"
    r"inventor|composer|winner|holder|person|assignee|teacher|doctor)\b"
)
_PEOPLE = re.compile(r"\b(authors|founders|owners|directors|members|contacts|maintainers)\b")
_PLACE = re.compile(
    r"\b(city|town|place|birthplace|headquarters|hq|location|country|region|state|province|"
    r"capital|county|address of origin|venue)\b"
)
_CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2})?( ?[ap]\.?m\.?)?", re.IGNORECASE)
_LEADING_ZERO = re.compile(r"0\d+[A-Za-z]*")
_IN_PARENTHESES = re.compile(r"^(.*\S)\s*[(\[]\s*(?:in )?([^()\[\]]{1,12})[)\]]$")


def kind_of_column(column: Column) -> str:
    """Return the kind of the column's values."""
    return kind_of_values(column.words, column.sample)


def kind_of_values(words: str, values: list[str]) -> str:
    """Return the kind of values that go by a name; text where nothing speaks for another."""
    few = values[:_LOOKED_AT]
    if not few:
        return "text"
    if _CODE.search(words) or _share(few, lambda v: bool(_LEADING_ZERO.fullmatch(v))) > 0:
        return "code"
    if _share(few, lambda v: bool(_CLOCK.fullmatch(v))) >= _MOST:
        return "time"
    number = Number()
    numbers = _share(few, lambda v: read_amount(number.key(v)) is not None)
    dates = _share(few, lambda v: read_date(v) is not None)
    if dates >= _MOST and (numbers < _MOST or _DATE.search(words)):
        return "date"
    if numbers >= _MOST:
        return "number"
    if _PEOPLE.search(words):
        return "people"
    if _PERSON.search(words) and _share(few, _is_name) >= 0.8:
        return "person"
    return "place" if _PLACE.search(words) else "text"


def without_unit(name: str) -> tuple[str, str | None]:
    """Take the unit out of a column's name: 'Area (km2)' is 'Area' in km2."""
    found = _IN_PARENTHESES.match(name)
    if found is None:
        return name, None
    unit = found[2].strip()
    named = unit_named(unit)
    is_unit = unit == "%" or is_physical(named) or is_currency(named)
    return (found[1], unit) if is_unit else (name, None)


def _share(values: list[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, values)) / len(values)


def _is_name(text: str) -> bool:
    words = text.replace(",", " ").split()
    return 2 <= len(words) <= 6 and sum(word[0].isupper() for word in words) >= 2
