"""Which sources copy from each other: those that agree far more than their accuracies explain.

Two independent sources of accuracies a and b agree in about a * b of the slots they share. The
accuracies are fitted to all pairs' agreement at once; the pair that stands out most is set aside
as dependent and the rest fitted again, until none stands out. No truth is needed, so a clique that
outvotes everyone is found before any vote (Dong et al. 2009 look for shared errors, which needs
the truth; a clique's errors would be the truth).
"""

import numpy as np

from warehouse.truth.parts import Floats, Ints
from warehouse.truth.settings import TruthConfig

_FITTING_STEPS = 50
_ROUNDS = 20
_DEVIATIONS = 3.0
_SHARE_DEPENDENT = 0.5


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
    dependent = _dependent(num_sources, one, other, same / slots, slots.astype(np.float64))
    return _components(num_sources, one[dependent], other[dependent])


def _dependent(
    num_sources: int, one: Ints, other: Ints, agreement: Floats, slots: Floats
) -> np.ndarray:
    dependent = np.zeros(len(one), bool)
    spread = np.sqrt(np.maximum(agreement * (1 - agreement), 0.25 / slots) / slots)
    least = agreement - _DEVIATIONS * spread
    for _ in range(_ROUNDS):
        accuracy = _fit(num_sources, one, other, agreement, np.where(dependent, 0.0, slots))
        expected = accuracy[one] * accuracy[other]
        copied = (least - expected) / np.maximum(1 - expected, 0.01)
        copied = np.where(dependent, -1.0, copied)
        worst = copied.max()
        if worst < _SHARE_DEPENDENT / 2:
            break
        # All that stand out nearly as much as the worst: one clique goes at once.
        dependent |= copied >= max(worst * 0.8, _SHARE_DEPENDENT / 2)
    expected = accuracy[one] * accuracy[other]
    return dependent & ((least - expected) / np.maximum(1 - expected, 0.01) >= _SHARE_DEPENDENT)


def _fit(num_sources: int, one: Ints, other: Ints, agreement: Floats, weight: Floats) -> Floats:
    """Fit accuracies whose products are the agreements, by weighted least squares."""
    accuracy = np.full(num_sources, 0.8)
    ends, others = np.concatenate((one, other)), np.concatenate((other, one))
    agreement, weight = np.tile(agreement, 2), np.tile(weight, 2)
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
