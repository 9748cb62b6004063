"""What the key of a number says: a number, about a number, or a range, in a unit."""

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache

from warehouse.values.digits import MAX_EXPONENT, written

_PRECISE = Context(prec=60)
_WRITTEN = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
_KEY = re.compile(
    rf"(?P<about>~)?(?P<low>{_WRITTEN})(?:\.\.(?P<high>{_WRITTEN}))?(?: (?P<unit>.+))?"
)


@dataclass(frozen=True)
class Amount:
    """What a key says: all numbers from `low` to `high`, which are one unless it is a range."""

    low: Decimal
    high: Decimal
    unit: str = ""
    about: bool = False

    @property
    def key(self) -> str:
        """The key that says it."""
        number = written(self.low)
        if self.low != self.high:
            number += f"..{written(self.high)}"
        return f"{'~' if self.about else ''}{number}{' ' if self.unit else ''}{self.unit}"


def is_wide(key: str) -> bool:
    """Say whether a key may stand for more numbers than one."""
    return key.startswith("~") or ".." in key


def allows(wide: Amount, narrow: Amount) -> bool:
    """Say whether what is narrow is one of the numbers that are meant by what is wide."""
    if narrow.about:
        return False
    if wide.about:  # what would be rounded to it: 5,000 is meant to the thousand
        half = Decimal(5).scaleb(int(wide.low.normalize(_PRECISE).as_tuple().exponent) - 1)
        return wide.low - half <= narrow.low and narrow.high <= wide.high + half
    return wide.low != wide.high and wide.low <= narrow.low and narrow.high <= wide.high


@lru_cache(maxsize=1 << 16)
def read_amount(key: str) -> Amount | None:
    """Read a key as `Amount.key` wrote it; None for a text, also one that looks like such a key."""
    found = _KEY.fullmatch(key)
    if not found:
        return None
    try:
        low, high = Decimal(found["low"]), Decimal(found["high"] or found["low"])
    except ArithmeticError:
        return None
    if any(abs(number.adjusted()) > MAX_EXPONENT for number in (low, high)):
        return None  # written by nobody here: no number is read so far out, and sums would overflow
    return Amount(low, high, found["unit"] or "", bool(found["about"]))
