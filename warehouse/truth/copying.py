"""Which sources copy from each other: those that agree far more than their accuracies explain.

Two independent sources of accuracies a and b agree in about a * b of the slots they share. The
accuracies are fitted to all pairs' agreement at once, but for pairs thought to be dependent; those
are then the pairs that agree much more than fitted, and so on until nothing changes. No truth is
needed, so a clique that outvotes everyone is found before any vote (Dong et al. 2009 look for
shared errors, which needs the truth; a clique's errors would be the truth).

Either of two camps may pass for the copies. Several starts are tried, and the explanation is taken
that leaves little unexplained with few copies, and copies that are nearly alike.
"""

from dataclasses import dataclass

import numpy as np

from warehouse.truth.parts import Bools, Floats, Ints
from warehouse.truth.settings import TruthConfig

_FITTING_STEPS = 50
_ROUNDS = 10
_DEVIATIONS = 3.0
_SHARE_DEPENDENT = 0.5
_STARTS = (2.0, 0.95, 0.9, 0.8, 0.7, 0.6)
"""Pairs that agree more than this are set aside at first; 2: none."""
_PRICE = 10.0
"""What a dependent source costs, in squared deviations of a pair left unexplained..."""
_PRICE_UNLIKE = 10.0
"""...and how many times as much if it has nothing in common with those it copies."""


@dataclass(frozen=True, kw_only=True)
class _Pairs:
    num_sources: int
    one: Ints
    other: Ints
    agreement: Floats
    """Of each pair: the share of its slots in which both say the same, about a(one) * a(other)."""
    slots: Floats


def copy_groups(
    num_sources: int, met: tuple[Ints, Ints], agreed: tuple[Ints, Ints], config: TruthConfig
) -> Ints:
    """Number the groups of sources that copy from each other; -1: a source by itself.

    `met` and `agreed` hold pairs (first * num_sources + second) and the slots they share.
    """
    links, slots = met
    kept = slots >= config.min_shared_slots
    links, slots = links[kept], slots[kept]
    same = np.zeros(len(links))
    place = np.searchsorted(links, agreed[0])
    inside = np.minimum(place, max(len(links) - 1, 0))
    known = (links[inside] == agreed[0]) if len(links) else np.zeros(len(agreed[0]), bool)
    same[inside[known]] = agreed[1][known]
    if not len(links):
        return np.full(num_sources, -1, np.int64)
    one, other = links // num_sources, links % num_sources
    pairs = _Pairs(
        num_sources=num_sources,
        one=one,
        other=other,
        agreement=same / slots,
        slots=slots.astype(np.float64),
    )
    found = [_explain(pairs, pairs.agreement >= start) for start in _STARTS]
    _, dependent = min(found, key=lambda pair: pair[0])
    return _components(num_sources, one[dependent], other[dependent])


def _explain(pairs: _Pairs, dependent: Bools) -> tuple[float, Bools]:
    """Return what it costs to explain the pairs from this start, and the dependent ones."""
    aside = dependent
    for _ in range(_ROUNDS):
        copied = _copied(pairs, _fit(pairs, np.where(aside, 0.0, pairs.slots)))
        before, dependent = dependent, copied >= _SHARE_DEPENDENT
        # Two copies of a third are no evidence on accuracies, even where they seldom met.
        group = _components(pairs.num_sources, pairs.one[dependent], pairs.other[dependent])
        aside = (group[pairs.one] >= 0) & (group[pairs.one] == group[pairs.other])
        if (dependent == before).all():
            break
    return _cost(pairs, aside, dependent, group), dependent


def _cost(pairs: _Pairs, aside: Bools, dependent: Bools, group: Ints) -> float:
    accuracy = _fit(pairs, np.where(aside, 0.0, pairs.slots))
    expected = accuracy[pairs.one] * accuracy[pairs.other]
    spread = np.sqrt(np.maximum(expected * (1 - expected), 0.01) / pairs.slots)
    beyond = np.maximum(np.abs(pairs.agreement - expected) / spread - _DEVIATIONS, 0)
    copied = (pairs.agreement - expected) / np.maximum(1 - expected, 0.01)
    unlike = 1 - copied[dependent].mean() if dependent.any() else 0.0
    num_dependent = (group >= 0).sum() - (group.max(initial=-1) + 1)
    price = _PRICE * num_dependent * (1 + _PRICE_UNLIKE * unlike)
    return float((beyond[~aside] ** 2).sum() + price)


def _copied(pairs: _Pairs, accuracy: Floats) -> Floats:
    """Give, of each pair, the least share of its claims that must have been copied."""
    agreement = pairs.agreement
    spread = np.sqrt(np.maximum(agreement * (1 - agreement), 0.25 / pairs.slots) / pairs.slots)
    expected = accuracy[pairs.one] * accuracy[pairs.other]
    least = agreement - _DEVIATIONS * spread
    return np.asarray((least - expected) / np.maximum(1 - expected, 0.01), np.float64)


def _fit(pairs: _Pairs, weight: Floats) -> Floats:
    """Fit accuracies whose products are the agreements, by weighted least squares."""
    num_sources = pairs.num_sources
    accuracy = np.full(num_sources, 0.8)
    ends = np.concatenate((pairs.one, pairs.other))
    others = np.concatenate((pairs.other, pairs.one))
    agreement, weight = np.tile(pairs.agreement, 2), np.tile(weight, 2)
    for _ in range(_FITTING_STEPS):
        far = accuracy[others]
        # Each source starts with one slot's worth of the accuracy it has.
        top = np.bincount(ends, weight * far * agreement, num_sources) + 0.64 * 0.8
        bottom = np.bincount(ends, weight * far * far, num_sources) + 0.64
        accuracy = np.clip((accuracy + top / bottom) / 2, 0.02, 0.99)
    return accuracy


def _components(num_sources: int, one: Ints, other: Ints) -> Ints:
    group = np.arange(num_sources)
    while True:
        least = np.minimum(group[one], group[other])
        before = group.copy()
        np.minimum.at(group, one, least)
        np.minimum.at(group, other, least)
        group = group[group]
        if (group == before).all():
            break
    linked = np.zeros(num_sources, bool)
    linked[one] = linked[other] = True
    numbers = np.unique(group[linked])
    return np.where(linked, np.searchsorted(numbers, group), -1)
