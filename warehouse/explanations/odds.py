"""Estimate how one more claim, or one less, moves the probabilities of a slot's values.

A claim of a source that is right with probability A multiplies the odds of its value by A / (1 - A)
times the number of false values, as in ACCU (Dong, Berti-Equille, Srivastava, VLDB 2009). Unlike
there, copying and similarity are left out and nothing is learned anew: an estimate, told as one.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

USUAL_ACCURACY = 0.8  # Dong et al.'s start, where none was learned
_LEAST = 0.0005  # half of the last place in which probabilities are published


@dataclass(frozen=True, kw_only=True)
class Odds:
    """What is believed of a slot's values and of the relation's sources."""

    probabilities: Mapping[str, float] = field(default_factory=dict)
    """By value, as published; values without one share what is left."""
    accuracies: Mapping[str, float] = field(default_factory=dict)
    """By source, where learned."""
    backers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The sources of each value."""

    def after(
        self, values: Collection[str], added: Mapping[str, int], withdrawn: Sequence[str] = ()
    ) -> dict[str, float]:
        """Return the probabilities of `values` after so many new claims and without some sources.

        `added` names the values concerned: those that get claims, or lose those of `withdrawn`.
        """
        weights = {value: self._before(value, values) for value in values}
        for value, number in added.items():
            if value in weights:
                weights[value] *= self._factor(None, len(values)) ** number
                for source in withdrawn:
                    if source in self.backers.get(value, ()):
                        weights[value] /= self._factor(source, len(values))
        total = sum(weights.values()) or 1.0
        # As published: equal ones are equal, whatever order they were summed in.
        return {value: round(weight / total, 9) for value, weight in weights.items()}

    def _before(self, value: str, values: Collection[str]) -> float:
        if value in self.probabilities:
            return max(self.probabilities[value], _LEAST)
        silent = [v for v in values if v not in self.probabilities]
        left = 1 - sum(self.probabilities.get(v, 0) for v in values)
        return max(left / len(silent), _LEAST)

    def _factor(self, source: str | None, num_values: int) -> float:
        usual = (
            sum(self.accuracies.values()) / len(self.accuracies)
            if self.accuracies
            else USUAL_ACCURACY
        )
        accuracy = min(max(self.accuracies.get(source or "", usual), 0.01), 0.99)
        return accuracy / (1 - accuracy) * max(1, num_values - 1)
