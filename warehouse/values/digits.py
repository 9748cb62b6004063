"""Read the digits of a number as people write them, exactly, in decimals.

A comma or a point is read as people of either habit would agree on; where they would not, a point
is a decimal point and a comma before exactly three digits groups: '3,500' is 3500, '3.500' is 3.5.
"""

import re
import unicodedata
from decimal import Context, Decimal, InvalidOperation

MAX_DIGITS = 120
MAX_EXPONENT = 300
"""Above both a text is not read as a number: nobody means it, and written out it would be long."""

_EXACT = Context(prec=2 * MAX_DIGITS + MAX_EXPONENT)
_PLAIN_RANGE = range(-30, 31)
_GROUPS = {
    separator: re.compile(rf"\d{{1,3}}(?:{re.escape(separator)}\d{{3}})+")
    for separator in (",", ".", "'", "_", " ")
}
_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")
_FRACTION = re.compile(r"(?:(?P<whole>\d+)\s+)?(?P<over>\d{1,2})\u2044(?P<under>\d{1,3})(?!\d)")
_RAISED = frozenset("0123456789+-")
_ROUNDED = Context(prec=15)
_FOREIGN = str.maketrans({"\u066c": "'", "\u066b": "."})


def ascii_digits(text: str) -> str:
    """Write the digits of every script as 0-9, '10\u2076' as 10^6, and '5\u00bd' as 5.5."""
    if text.isascii():
        return text
    written_out, raised = [], False
    for char in text.translate(_FOREIGN):
        raised_before, raised = raised, unicodedata.decomposition(char).startswith("<super>")
        plain = _ascii(char)
        written_out.append(f"^{plain}" if raised and not raised_before else plain)
    return _FRACTION.sub(_divided, "".join(written_out))


def read_digits(text: str) -> Decimal | None:
    """Read unsigned digits with their separators; None if they are no one number."""
    if len(text) > MAX_DIGITS or not text:
        return None
    if text.isdigit():
        return Decimal(text)
    whole, point, fraction = _parts(text)
    if any(char not in "0123456789" for char in fraction) or not (whole or fraction):
        return None
    grouped = _ungrouped(whole, point)
    return None if grouped is None else Decimal(f"{grouped or 0}.{fraction or 0}")


def scaled(number: Decimal, power: int) -> Decimal | None:
    """Return number x 10^power exactly; None where that is out of range."""
    try:
        found = number.scaleb(power, _EXACT)
    except InvalidOperation:
        return None
    return found if not found or abs(found.adjusted()) <= MAX_EXPONENT else None


def written(number: Decimal) -> str:
    """Write `number` in the one way that keys have: no needless zero, e only when very long."""
    if not number:
        return "0"
    plain = number.normalize(_EXACT)
    if plain.adjusted() in _PLAIN_RANGE:
        return format(plain, "f")
    return str(plain).lower().replace("e+", "e")


def _parts(text: str) -> tuple[str, str, str]:
    """Split at the decimal separator, if there is one."""
    last_comma, last_point = text.rfind(","), text.rfind(".")
    if last_comma >= 0 and last_point >= 0:
        separator = "," if last_comma > last_point else "."
    elif last_comma >= 0:
        separator = "" if _groups_by_comma(text) else ","
    else:
        separator = "" if text.count(".") > 1 else "."
    if not separator:
        return text, "", ""
    return text.rpartition(separator) if separator in text else (text, "", "")


def _groups_by_comma(text: str) -> bool:
    by_three = _GROUPS[","].fullmatch(text) is not None and not text.startswith("0")
    return by_three or _INDIAN.fullmatch(text) is not None


def _ungrouped(whole: str, point: str) -> str | None:
    """Drop the separators of groups; None if they are not at their places."""
    if not whole or whole.isdigit():
        return whole
    if point != "," and _INDIAN.fullmatch(whole):
        return whole.replace(",", "")
    for separator, form in _GROUPS.items():
        if separator != point and form.fullmatch(whole) and not whole.startswith("0"):
            return whole.replace(separator, "")
    return None


def _ascii(char: str) -> str:
    if char.isascii():
        return char
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    kind = unicodedata.decomposition(char).partition(" ")[0]
    plain = unicodedata.normalize("NFKC", char).replace("\u2212", "-")
    if kind == "<super>" and plain in _RAISED:
        return plain
    return f" {plain}" if kind == "<fraction>" else char


def _divided(found: re.Match[str]) -> str:
    over, under = Decimal(found["over"]), Decimal(found["under"])
    if not under:
        return found[0]
    return written(_ROUNDED.plus(Decimal(found["whole"] or 0) + _ROUNDED.divide(over, under)))
