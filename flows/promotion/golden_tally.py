"""How many golden questions came out right, refused and wrong."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Outcome = Literal["right", "refused", "wrong"]


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts of outcomes."""

    right: int = 0
    refused: int = 0
    wrong: int = 0

    @property
    def num_asked(self) -> int:
        return self.right + self.refused + self.wrong

    @property
    def shown(self) -> str:
        """Tell it in words."""
        return f"{self.right} right, {self.refused} refused, {self.wrong} wrong"

    def share(self, outcome: Outcome) -> float:
        """Return the share of an outcome; 0 where nothing was asked."""
        return float(getattr(self, outcome)) / max(1, self.num_asked)


def tally(outcomes: Iterable[Outcome]) -> Tally:
    """Count outcomes."""
    found = [*outcomes]
    return Tally(
        right=found.count("right"), refused=found.count("refused"), wrong=found.count("wrong")
    )
