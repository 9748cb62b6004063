"""What is believed of sources and values, and how it is formed from sums over all parts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from warehouse.truth.keys import Keys
from warehouse.truth.parts import Floats
from warehouse.truth.settings import TruthConfig

UNIT = 2.0**-20
"""Probabilities are summed in whole units: sums are exact below 2**53 units, in any order."""
_LEAST, _MOST = 0.02, 0.98
_MOST_ALIKE = 0.5
_FEWEST_FALSE, _MOST_FALSE = 1.0, 100.0


@dataclass(frozen=True)
class Estimates:
    """The beliefs that one pass over the claims uses."""

    accuracy: Floats
    under: Floats
    over: Floats
    """Of each source: how often it is right, tells the truth less fully, or nearly."""
    value_shift: Floats
    """Of each value: how its odds of being right differ from those of the sources that say it."""
    link_accuracy: Floats
    """Of each source and value kept: how often that source is right when it says that value."""
    value_prior: Floats
    """Of each value: by which factor it is right more often than its sources are, as logarithm."""
    refined: Floats
    """Of each value: how often the truth is a more special one when it is claimed."""
    mean_accuracy: float
    mean_under: float
    mean_over: float
    surprise: float
    """The negative logarithm of the chance that two wrong claims name one value."""
    likeness: float
    """How alike the claims of one slot are in being right or wrong: some slots are difficult."""


@dataclass(frozen=True)
class Statistics:
    """Sums over the claims of a part, in whole units held as doubles: adding them is exact."""

    source_right: Floats
    source_under: Floats
    source_over: Floats
    value_right: Floats
    value_expected: Floats
    link_right: Floats
    value_refined: Floats
    value_met: Floats
    same_wrong: Floats
    """Pairs of wrong claims that agree, and all pairs of wrong claims of one slot."""
    common: Floats
    """Over pairs of claims of one slot: the product of their surprises, and of its deviations."""


def combine(statistics: Sequence[Statistics], keys: Keys, config: TruthConfig) -> Estimates:
    """Form the beliefs of the next round from the sums of all parts."""
    total = {
        name: np.sum([getattr(one, name) for one in statistics], axis=0) * UNIT
        for name in Statistics.__dataclass_fields__
    }
    claims = keys.names.source_claims.astype(np.float64)
    rates = [
        _shrunk(total[name], claims, config.source_prior)
        for name in ("source_right", "source_under", "source_over")
    ]
    accuracy = np.clip(rates[0][0], _LEAST, _MOST)
    shift, prior = _value_shift(total, keys, config)
    same, pairs = total["same_wrong"]
    common, deviation = total["common"]
    # Ten pairs' worth of the usual assumption of ten false values.
    chance = np.clip((same + 1.0) / (pairs + 10.0), 1 / _MOST_FALSE, 1 / _FEWEST_FALSE)
    surprise = -np.log(chance)
    return Estimates(
        accuracy,
        np.clip(rates[1][0], 0.001, 0.9),
        np.clip(rates[2][0], 0.001, 0.9),
        shift,
        _link_accuracy(total["link_right"], accuracy, shift, keys, config),
        prior,
        total["value_refined"] / (total["value_met"] + config.containment_prior),
        float(np.clip(rates[0][1], _LEAST, _MOST)),
        float(np.clip(rates[1][1], 0.001, 0.9)),
        float(np.clip(rates[2][1], 0.001, 0.9)),
        float(surprise),
        float(np.clip(common / (deviation + 10.0), 0.0, _MOST_ALIKE)),
    )


def _shrunk(right: Floats, claims: Floats, prior: float) -> tuple[Floats, float]:
    # Totals are sums of whole units, so this mean too is the same for any cut into parts.
    mean = float(right.sum() / max(claims.sum(), 1.0))
    return (right + prior * mean) / (claims + prior), mean


def _value_shift(
    total: dict[str, Floats], keys: Keys, config: TruthConfig
) -> tuple[Floats, Floats]:
    """Give each value's odds relative to its sources'; one slot is taken off: it may be judged."""
    slots = np.maximum(keys.names.value_slots, 1)
    claims = np.maximum(keys.names.value_claims, 1)
    expected = np.clip(total["value_expected"] / claims, 0.01, 0.99)
    others = claims * (slots - 1) / slots
    right = total["value_right"] / claims * others
    found = np.clip(
        (right + config.value_prior * expected) / (others + config.value_prior), 0.01, 0.99
    )
    shift = np.log(found / (1 - found)) - np.log(expected / (1 - expected))
    return shift, np.log(found / expected)


def _link_accuracy(
    right: Floats, accuracy: Floats, shift: Floats, keys: Keys, config: TruthConfig
) -> Floats:
    num_values = max(len(keys.names.values), 1)
    source, value = keys.source_values // num_values, keys.source_values % num_values
    odds = accuracy[source] / (1 - accuracy[source]) * np.exp(shift[value])
    expected = odds / (1 + odds)
    claims = keys.source_value_claims
    prior = config.source_value_prior
    return (right / claims * (claims - 1) + prior * expected) / (claims - 1 + prior)
