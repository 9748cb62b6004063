"""Whether two texts name one value, where no rule of a relation says how its values are read."""

import re

from warehouse.values.amounts import read_amount
from warehouse.values.numbers import Number
from warehouse.values.texts import text_key

_CODE = re.compile(r"0\d+")
"""Digits that begin with 0 name something, they count nothing: 068 is not 68."""


def same_text(text: str, other: str) -> bool:
    """Say whether they differ in case, white space, width, quotes and dashes at most."""
    return text_key(text) == text_key(other)


def holds_text(text: str, wanted: str) -> bool:
    """Say whether `wanted` stands in `text` as words of its own, spelled as in `same_text`."""
    return re.search(rf"(?<!\w){re.escape(text_key(wanted))}(?!\w)", text_key(text)) is not None


def same_amount(text: str, wanted: str, tolerance: float = 0.0) -> bool:
    """Say whether `text` is the number `wanted`, in the same unit or in one that converts to it.

    A number without a unit is not one with a unit, nor the other way round.
    """
    if _CODE.fullmatch(text.strip()) or _CODE.fullmatch(wanted.strip()):
        return False
    ours, theirs = (read_amount(Number().key(one)) for one in (text, wanted))
    if ours is None or theirs is None or bool(ours.unit) != bool(theirs.unit):
        return False
    kind = Number(tolerance=tolerance, unit=theirs.unit or None)
    return kind.support(kind.key(wanted), kind.key(text)) == 1.0
