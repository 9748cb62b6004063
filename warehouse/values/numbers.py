"""Numbers: exact decimals, with units, scales, ranges, approximations, and a tolerance in a slot.

Keys are '1193791', '~5000' (about), '5000..6000' (a range), '5 kg' (a unit other than declared).
"""

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import cached_property
from itertools import accumulate, pairwise

from warehouse.values.amounts import Amount, allows, is_wide, read_amount
from warehouse.values.digits import ascii_digits, read_digits, scaled, written
from warehouse.values.texts import LONGEST, one_line, text_key
from warehouse.values.units import (
    CURRENCY_SIGNS,
    converted,
    is_currency,
    is_physical,
    same_unit,
    unit_named,
)

PARTLY = 0.5
"""How far an approximation, or a range, speaks for an exact number that it allows."""
LEAST = 0.05
"""Support below it is none."""

_NEAR = Context(prec=60)
_SCALES = {
    "hundred": 2, "thousand": 3, "thousands": 3, "tsd": 3, "million": 6, "millions": 6, "mln": 6,
    "mn": 6, "mio": 6, "billion": 9, "billions": 9, "bn": 9, "bln": 9, "mrd": 9, "milliard": 9,
    "trillion": 12, "trillions": 12, "tn": 12, "trn": 12, "lakh": 5, "lac": 5, "crore": 7,
}  # fmt: skip
_LETTERS = {"k": 3, "K": 3, "M": 6, "B": 9, "T": 12}
_SIGNS = "|".join(re.escape(sign) for sign in sorted(CURRENCY_SIGNS, key=len, reverse=True))
_NUMBER = re.compile(
    r"(?:(?P<about>[~\u2248\u2243]|(?i:about|around|approximately|approx\.?|circa|ca\.?|c\.|roughly)"
    r"(?![^\W\d_]))\s*)?"
    rf"(?P<sign>[+-]\s?)?(?:(?P<currency>{_SIGNS}|[A-Z]{{3}}(?=[\s\d]))\s?)?(?P<inner>[+-])?"
    r"(?P<digits>[.,]?\d(?:[\d.,'_ ]*\d)?)[.,]?"
    r"(?:[eE](?P<e>[+-]?\d{1,4})(?!\d)|\s?[x\u00d7*\u00b7]\s?10(?:\^|\*\*)(?P<ten>[+-]?\d{1,4})"
    r"|(?<=10)\^(?P<power>[+-]?\d{1,4}))?"
    r"(?P<letter>[kKMBTm](?![^\W\d_]))?(?:\s?(?P<rest>[^\d\s].{0,40}))?"
)
_USUAL = re.compile(r"-?(?:[1-9][0-9]{0,2}(?:,[0-9]{3}){1,9}|[0-9]{1,40})(?:\.[0-9]{1,40})?")
_NOTE = re.compile(
    r"(?:\s*\[[^\[\]]{1,12}\]|\s*\((?:(?i:est|estimated?|census|as|of|in|cia|about|ca|mid|end|"
    r"january|february|march|april|may|june|july|august|september|october|november|december|"
    r"jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b\.?|\d{4}|[ ,;])+\))+$"
)
_RANGE = re.compile(rf"(?<=[\w%)])\s?(?:\.\.\.?|-|\b(?i:to|bis)\b)\s?(?=[+-]?(?:{_SIGNS})?[.]?\d)")


@dataclass(frozen=True, kw_only=True)
class Number:
    """Values that are numbers."""

    tolerance: float = 0.0
    """The relative difference within which two are one value."""
    unit: str | None = None
    """The unit in which they are compared, and of those that name none."""

    def key(self, value: str) -> str:
        """Return the number in the declared unit as an exact decimal; of what is none, its text."""
        if _USUAL.fullmatch(value):  # nearly all of them, at a tenth of the cost
            return written(Decimal(value.replace(",", "")))
        plain = text_key(value)
        if len(plain) > LONGEST:
            return plain
        text = ascii_digits(value)
        if text != value:
            plain = text_key(text)
        # What is invisible may stand inside of a fraction: digits are read again without it.
        amount = self._amount(text) or self._amount(ascii_digits(plain))
        return amount.key if amount else plain

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Return every key the most claimed one within the tolerance, and never a chain of them.

        The most claimed key stands for all within the tolerance of it, then the most claimed of
        the rest, and so on; between equals the one with more claims around it, then the smaller.
        Exact numbers come before approximate ones; ranges and other units stay as they are.
        """
        stands_for = {key: key for key in num_claims}
        if not self.tolerance or len(num_claims) < 2:
            return stands_for
        by_unit: dict[str, list[tuple[Decimal, str]]] = {}
        for key in num_claims:
            amount = read_amount(key)
            if amount and amount.low == amount.high:
                by_unit.setdefault(amount.unit, []).append((amount.low, key))
        for numbers in by_unit.values():
            numbers.sort()
            if any(self._is_near(one[0], two[0]) for one, two in pairwise(numbers)):
                stands_for |= self._clustered(numbers, num_claims)
        return stands_for

    def support(self, key: str, other: str) -> float:
        """Return 1 within the tolerance, and less the farther off; a range asks only to be met.

        What is narrower speaks fully for the wider (5,400 for about 5,000; 7 for 5 to 10), the
        wider for the narrower by half. Beyond a tolerance t support is exp(1 - distance / t).
        """
        if key == other:
            return 1.0
        if not self.tolerance and not is_wide(key) and not is_wide(other):
            return 0.0
        ours, theirs = read_amount(key), read_amount(other)
        if ours is None or theirs is None or ours.unit != theirs.unit:
            return 0.0
        if allows(ours, theirs):
            return 1.0
        near = self._nearness(ours, theirs)
        return max(near, PARTLY) if allows(theirs, ours) else near

    def _amount(self, text: str) -> Amount | None:
        bare = _NOTE.sub("", one_line(text))
        return self._one(bare) or self._range(bare)

    def _one(self, text: str) -> Amount | None:
        found = _NUMBER.fullmatch(text)
        digits = read_digits(found["digits"]) if found else None
        if found is None or digits is None or (found["sign"] and found["inner"]):
            return None
        meant = self._scale_and_unit(found["currency"], found["letter"], found["rest"] or "")
        if meant is None:
            return None
        power = meant[0] + int(found["e"] or found["ten"] or found["power"] or 0)
        if found["power"]:
            if found["digits"] != "10":
                return None
            digits = Decimal(1)
        number = scaled(-digits if "-" in f"{found['sign']}{found['inner']}" else digits, power)
        return None if number is None else self._in_unit(number, meant[1], bool(found["about"]))

    def _scale_and_unit(
        self, currency: str | None, letter: str | None, rest: str
    ) -> tuple[int, str] | None:
        """Return the power of ten and the unit named ('' for none); None if the rest is neither."""
        power = 0
        unit = CURRENCY_SIGNS.get(currency, currency) if currency else ""
        if letter:
            money = bool(currency) or is_currency(self.unit) or is_currency(unit_named(rest))
            if letter == "m" and money:
                power = 6
            elif letter in _LETTERS and (money or not is_physical(self.unit)):
                power = _LETTERS[letter]
            else:
                rest = f"{letter}{rest}"
        first, _, after = rest.partition(" ")
        if not power and first.casefold().rstrip(".") in _SCALES:
            power, rest = _SCALES[first.casefold().rstrip(".")], after
        if not rest:
            return power, unit
        named = unit_named(rest)
        if named is None or unit or named.casefold() in _SCALES:
            return None
        return power, named

    def _in_unit(self, number: Decimal, named: str, about: bool) -> Amount | None:
        if named and self.unit and not same_unit(named, self.unit):
            in_ours = converted(number, named, self.unit)
            return (
                Amount(in_ours, in_ours, "", about)
                if in_ours is not None
                else (Amount(number, number, named, about))
            )
        return Amount(number, number, "" if self.unit else named, about)

    def _range(self, text: str) -> Amount | None:
        splits = list(_RANGE.finditer(text))
        if len(splits) != 1:
            return None
        before, after = text[: splits[0].start()], text[splits[0].end() :]
        high = self._one(after)
        tail = _NUMBER.fullmatch(after)
        rest = f"{tail['letter'] or ''} {tail['rest'] or ''}".strip() if tail else ""
        low = self._one(f"{before} {rest}") if rest else self._one(before)
        low = low or self._one(before)
        if low is None or high is None or low.about or high.about:
            return None
        if low.unit != high.unit and not (high.unit == "" and not rest):  # '$5-6'
            return None
        return Amount(low.low, high.low, low.unit) if low.low < high.low else None

    def _clustered(
        self, numbers: list[tuple[Decimal, str]], num_claims: Mapping[str, int]
    ) -> dict[str, str]:
        values = [number for number, _ in numbers]
        totals = [0, *accumulate(num_claims[key] for _, key in numbers)]
        spans = [self._span(values, number) for number in values]
        order = sorted(
            range(len(numbers)),
            key=lambda i: (
                numbers[i][1].startswith("~"),
                -num_claims[numbers[i][1]],
                totals[spans[i][0]] - totals[spans[i][1]],
                *numbers[i],
            ),
        )
        stands_for: dict[str, str] = {}
        for leader in order:
            key = numbers[leader][1]
            if key not in stands_for:
                for _, near in numbers[slice(*spans[leader])]:
                    stands_for.setdefault(near, key)
        return stands_for

    def _span(self, values: list[Decimal], number: Decimal) -> tuple[int, int]:
        """Return the slice of sorted `values` within the tolerance of `number`."""
        inner, outer = (number * factor for factor in self._reach)
        return bisect_left(values, min(inner, outer)), bisect_right(values, max(inner, outer))

    def _is_near(self, one: Decimal, two: Decimal) -> bool:
        return abs(two - one) <= (1 - self._reach[0]) * max(abs(one), abs(two))

    @cached_property
    def _reach(self) -> tuple[Decimal, Decimal]:
        """What to multiply a number with for the nearest to zero, and the farthest, near it."""
        inner = 1 - Decimal(str(self.tolerance))
        return inner, _NEAR.divide(Decimal(1), inner)

    def _nearness(self, ours: Amount, theirs: Amount) -> float:
        if not self.tolerance or ours.low != ours.high or theirs.low != theirs.high:
            return 0.0
        largest = max(abs(ours.low), abs(theirs.low))
        if not largest:
            return 1.0
        distance = float(_NEAR.divide(abs(_NEAR.subtract(ours.low, theirs.low)), largest))
        # A breath more than the tolerance, since it is a float and the distance was rounded.
        near = min(1.0, math.exp(1 - distance / (self.tolerance * (1 + 1e-12))))
        return near if near >= LEAST else 0.0
