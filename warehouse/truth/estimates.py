"""What is believed of sources and values, and how it is formed from sums over all parts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from warehouse.truth.counts import Counts
from warehouse.truth.parts import Floats, Ints
from warehouse.truth.records import Record, expected
from warehouse.truth.settings import TruthConfig

UNIT = 2.0**-20
"""Probabilities are summed in whole units: sums are exact below 2**53 units, in any order."""
_LEAST, _MOST = 0.02, 0.98
_MOST_ALIKE = 0.5
_FEWEST_FALSE, _MOST_FALSE = 1.0, 100.0


@dataclass(frozen=True, kw_only=True)
class Estimates:
    """The beliefs that one pass over the claims uses."""

    accuracy: Floats
    """a(s), of each source: how often it is right, (right + prior * e(s)) / (n(s) + prior), where
    e(s) is what its record in other relations lets expect, else the mean."""
    under: Floats
    """Of each source: how often it tells the truth less fully; shrunk in the same way."""
    over: Floats
    """Of each source: how often it tells the truth nearly; shrunk in the same way."""
    value_shift: Floats
    """Of each value: logit(how often it is right) - logit(mean of a(s) of its claims)."""
    link_accuracy: Floats
    """a(s, v), of each pair kept: how often that source is right when it says that value."""
    value_prior: Floats
    """Of each value: log(how often it is right / mean of a(s) of its claims)."""
    refined: Floats
    """Of each value: how often the truth is a more special one, refined / (met + prior)."""
    mean_accuracy: float
    """Sum of right over all claims, by their number; so are the next two."""
    mean_under: float
    mean_over: float
    surprise: float
    """-log(q), where q is the chance that two wrong claims name one value, (same + 1) / (all + 10).
    """
    likeness: float
    """rho: how alike the claims of one slot are in being right or wrong; slots can be difficult."""


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Sums over the claims of a part, in whole units held as doubles: adding them is exact."""

    source_right: Floats
    """Of each source: sum of P(v(c) is true) over its claims c..."""
    source_under: Floats
    """...of the chance that c tells the truth less fully..."""
    source_over: Floats
    """...and of the chance that c tells it nearly."""
    value_right: Floats
    """Of each value: sum of P(v(c) is true) over the claims c that name it..."""
    value_expected: Floats
    """...and of a(s(c)), what their sources let expect."""
    link_right: Floats
    """Of each source and value kept: sum of P(v(c) is true) over the claims c of both."""
    value_refined: Floats
    """Of each value: sum of the chance that a claimed value which it contains is the truth..."""
    value_met: Floats
    """...over so many slots with other claims."""
    same_wrong: Floats
    """Sum of P(i is true) over pairs of wrong claims that agree; and over all wrong pairs."""
    common: Floats
    """Over pairs of claims of one slot, with e = P(right) - a(s): sum of e e', and of
    sqrt(a (1 - a) a' (1 - a'))."""


class Totals(dict[str, Floats]):
    """The sums of all parts, by the names of `Statistics`."""

    @classmethod
    def of(cls, statistics: Sequence[Statistics]) -> "Totals":
        """Add the sums of all parts."""
        return cls(
            {
                name: np.sum([getattr(one, name) for one in statistics], axis=0) * UNIT
                for name in Statistics.__dataclass_fields__
            }
        )

    def record(self, counts: Counts, numbers: Ints) -> Record:
        """Return what was found of the sources, by their numbers among the sources of all."""
        claims = counts.names.source_claims.astype(np.float64)
        right = self["source_right"]
        return Record(numbers, right, claims, _mean(right, claims))


def combine(total: Totals, counts: Counts, config: TruthConfig, deviation: Floats) -> Estimates:
    """Form the beliefs of the next round from the sums of all parts.

    `deviation`: of each source, by how much its record elsewhere differs from the mean.
    """
    claims = counts.names.source_claims.astype(np.float64)
    right, under, over = (total[f"source_{name}"] for name in ("right", "under", "over"))
    mean = _mean(right, claims)
    accuracy = np.clip(_shrunk(right, claims, expected(mean, deviation), config), _LEAST, _MOST)
    mean_under, mean_over = (float(np.clip(_share(x, claims), 0.001, 0.9)) for x in (under, over))
    shift, prior = _value_shift(total, counts, config)
    same, pairs = total["same_wrong"]
    common, spread = total["common"]
    # Ten pairs' worth of the usual assumption of ten false values.
    chance = np.clip((same + 1.0) / (pairs + 10.0), 1 / _MOST_FALSE, 1 / _FEWEST_FALSE)
    surprise = -np.log(chance)
    return Estimates(
        accuracy=accuracy,
        under=np.clip(_shrunk(under, claims, _share(under, claims), config), 0.001, 0.9),
        over=np.clip(_shrunk(over, claims, _share(over, claims), config), 0.001, 0.9),
        value_shift=shift,
        link_accuracy=_link_accuracy(total["link_right"], accuracy, shift, counts, config),
        value_prior=prior,
        refined=total["value_refined"] / (total["value_met"] + config.containment_prior),
        mean_accuracy=mean,
        mean_under=mean_under,
        mean_over=mean_over,
        surprise=float(surprise),
        likeness=float(np.clip(common / (spread + 10.0), 0.0, _MOST_ALIKE)),
    )


def turned_around(beliefs: Estimates, counts: Counts) -> Estimates:
    """Return beliefs in which those are right who seemed to err, and wrong ones often agree."""
    accuracy = 1 - beliefs.accuracy
    none = np.zeros_like(beliefs.value_shift)
    num_values = max(len(counts.names.values), 1)
    return replace(
        beliefs,
        accuracy=accuracy,
        value_shift=none,
        value_prior=none,
        link_accuracy=accuracy[counts.source_values // num_values],
        mean_accuracy=1 - beliefs.mean_accuracy,
        surprise=float(np.log(2)),
    )


def _share(right: Floats, claims: Floats) -> float:
    # Totals are sums of whole units, so this mean too is the same for any cut into parts.
    return float(right.sum() / max(claims.sum(), 1.0))


def _mean(right: Floats, claims: Floats) -> float:
    return float(np.clip(_share(right, claims), _LEAST, _MOST))


def _shrunk(
    right: Floats, claims: Floats, expected_share: Floats | float, config: TruthConfig
) -> Floats:
    prior = config.source_prior
    return (right + prior * expected_share) / (claims + prior)


def _value_shift(total: Totals, counts: Counts, config: TruthConfig) -> tuple[Floats, Floats]:
    """Return each value's odds relative to its sources'; a slot is taken off: it may be judged."""
    slots = np.maximum(counts.names.value_slots, 1)
    claims = np.maximum(counts.names.value_claims, 1)
    expected = np.clip(total["value_expected"] / claims, 0.01, 0.99)
    others = claims * (slots - 1) / slots
    right = total["value_right"] / claims * others
    found = np.clip(
        (right + config.value_prior * expected) / (others + config.value_prior), 0.01, 0.99
    )
    shift = np.log(found / (1 - found)) - np.log(expected / (1 - expected))
    return shift, np.log(found / expected)


def _link_accuracy(
    right: Floats, accuracy: Floats, shift: Floats, counts: Counts, config: TruthConfig
) -> Floats:
    num_values = max(len(counts.names.values), 1)
    source, value = counts.source_values // num_values, counts.source_values % num_values
    odds = accuracy[source] / (1 - accuracy[source]) * np.exp(shift[value])
    expected = odds / (1 + odds)
    claims = counts.source_value_claims
    prior = config.source_value_prior
    return (right / claims * (claims - 1) + prior * expected) / (claims - 1 + prior)
