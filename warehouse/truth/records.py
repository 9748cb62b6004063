"""What a source's record in other relations lets expect of it in one.

A source has an ability of its own and a relation a difficulty of its own (the Rasch model, 1960;
here abilities are learned elsewhere, and what a source is in a relation is drawn around both):

    logit e(s, r) = logit m(r) + d(s, -r)
    a(s, r) = (right(s, r) + prior * e(s, r)) / (n(s, r) + prior)

m(r) is the mean of the relation, d(s, -r) how much better or worse than the mean the source is in
all other relations; 0 where it says nothing there. right(s, r) of its n(s, r) claims are right.

The same tells a relation in which the many are wrong. What most say is then taken for the truth,
and who is better elsewhere is not better here. Such a relation is estimated once more with those
right who seemed to err (1 - a). Who gains by that is one side, who loses the other; if the side
that gains has the better record elsewhere, it is believed.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from warehouse.truth.parts import Floats, Ints
from warehouse.truth.settings import TruthConfig

_FEWEST_UNITS = 5
_FEWEST_ON_A_SIDE = 2
"""Nobody is believed alone against all."""
_A_SIDE = 0.2
"""Who would be right so much more often stands on a side."""
_SURELY = 2.0
"""Standard errors."""


class Record(NamedTuple):
    """What was found of the sources of one relation."""

    source: Ints
    """Of each source of the relation: its number among the sources of all..."""
    right: Floats
    """...how often it was right..."""
    claims: Floats
    """...of so many claims."""
    mean: float


def deviations(records: Sequence[Record], num_sources: int, config: TruthConfig) -> list[Floats]:
    """Return d(s, -r) of the sources of each relation: 0 where a source says nothing elsewhere."""
    of_all = [_summed(records, num_sources, amount) for amount in (_right, _claims, _usual)]
    found = []
    for record in records:
        right, claims, usual = (
            total[record.source] - amount(record)
            for total, amount in zip(of_all, (_right, _claims, _usual), strict=True)
        )
        known = claims > 0.5
        mean = np.where(known, usual / np.maximum(claims, 1), 0.5)
        own = (right + config.source_prior * mean) / (claims + config.source_prior)
        found.append(np.where(known, logit(own) - logit(mean), 0.0))
    return found


def expected(mean: float, deviation: Floats) -> Floats:
    """Return e(s, r); exactly the mean where nothing is known of a source."""
    odds = np.exp(deviation) * mean / (1 - mean)
    return np.where(deviation == 0, mean, odds / (1 + odds))


def is_foretold(record: Record, deviation: Floats, unit: Ints, config: TruthConfig) -> bool:
    """Say whether who is better elsewhere is better here, or too few sources tell."""
    here, there = _of_units(
        [logit(_own(record, config)), deviation], record, deviation, unit, config
    )
    if len(here) < _FEWEST_UNITS or not here.std() or not there.std():
        return True
    return bool(np.corrcoef(here, there)[0, 1] * np.sqrt(len(here)) > _SURELY)


def speaks_for(
    few: Record, many: Record, deviation: Floats, unit: Ints, config: TruthConfig
) -> float:
    """Return by how many standard errors those who are right if the few are have the better record.

    `few` and `many` are two findings of one relation; `unit` numbers who stands by itself: sources
    that copy from each other are one.
    """
    gained, there = _of_units(
        [_own(few, config) - _own(many, config), deviation], few, deviation, unit, config
    )
    few_there, many_there = there[gained > _A_SIDE], there[gained < -_A_SIDE]
    if min(len(few_there), len(many_there)) < _FEWEST_ON_A_SIDE or not there.std():
        return 0.0
    spread = there.std() * np.sqrt(1 / len(few_there) + 1 / len(many_there))
    return float((few_there.mean() - many_there.mean()) / spread)


def _own(record: Record, config: TruthConfig) -> Floats:
    return (record.right + config.source_prior * record.mean) / (
        record.claims + config.source_prior
    )


def _of_units(
    amounts: Sequence[Floats], record: Record, deviation: Floats, unit: Ints, config: TruthConfig
) -> list[Floats]:
    """Average over those of one unit; left out is who says little here, or nothing elsewhere."""
    enough = (deviation != 0) & (record.claims >= config.min_shared_slots)
    _, place = np.unique(unit[record.source][enough], return_inverse=True)
    members = np.bincount(place)
    return [np.bincount(place, amount[enough]) / members for amount in amounts]


def logit(share: Floats) -> Floats:
    """Return log(share / (1 - share)), of shares that are kept off 0 and 1."""
    kept = np.clip(share, 0.005, 0.995)
    return np.log(kept / (1 - kept))


def _right(record: Record) -> Floats:
    return record.right


def _claims(record: Record) -> Floats:
    return record.claims


def _usual(record: Record) -> Floats:
    return record.claims * record.mean


def _summed(
    records: Sequence[Record], num_sources: int, amount: Callable[[Record], Floats]
) -> Floats:
    found = [np.bincount(one.source, amount(one), num_sources) for one in records]
    return np.asarray(np.sum(found, axis=0), np.float64)
