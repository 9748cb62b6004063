"""Which values of a slot speak for each other: told less fully, told with more, or told nearly.

The kind of values knows some of it (`support`), the data show more (`containment`). A claim of the
more general value may well be the special one told less fully, never the other way round; so the
special value gains from it (after Jung, Kim and Shim 2019, who are given the hierarchy).
"""

from dataclasses import dataclass

import numpy as np

from warehouse.truth.keys import Bound, Keys, containment
from warehouse.truth.parts import Floats, Ints, same_slot_pairs
from warehouse.truth.settings import TruthConfig

Spoken = tuple[Ints, Ints, Floats]
_LEAST_RELATION = 0.01


@dataclass(frozen=True)
class Relations:
    """Pairs of groups of one slot, of which the claims of `other` may speak for `group`."""

    group: Ints
    other: Ints
    under: Floats
    """How far the other is the group's value told less fully..."""
    over: Floats
    """...and how far it is something near, or more than it; both shared out among the group's."""
    contained: Floats
    """How surely the group is a more special case of the other."""


def relate(bound: Bound, keys: Keys, config: TruthConfig) -> Relations:
    """Join the support that kinds of values know with the containment that the data show."""
    part = bound.part
    forth, back = part.pair_support, part.pair_reverse
    # `group` is the more general one where the other fully speaks for it and not the reverse.
    general = (forth > back) & ((forth == 1) | (back == 0))
    near = np.minimum(forth, back)
    # A claim of the general value is the special one told less fully.
    told_less = (part.pair_other[general], part.pair_group[general], forth[general])
    # Of a value and its part only claims of the whole are 'more than it'.
    less = (forth < back) & ((back == 1) | (forth == 0))
    closer = (near > 0) & ~less
    nearly = (part.pair_group[closer], part.pair_other[closer], near[closer])
    special, wide = same_slot_pairs(part.group_slot, config.max_values_compared)
    learned = containment(keys, bound.group_value[special], bound.group_value[wide], config)
    # What the kind of values knows goes before what their meetings suggest.
    width = max(part.num_groups, 1)
    denied = np.isin(wide * width + special, told_less[0] * width + told_less[1])
    kept = (learned > _LEAST_RELATION) & ~denied
    under = (
        np.concatenate((told_less[0], special[kept])),
        np.concatenate((told_less[1], wide[kept])),
        np.concatenate((told_less[2], learned[kept])),
    )
    return _joined(under, nearly, part.num_groups)


def _joined(under: Spoken, over: Spoken, num_groups: int) -> Relations:
    width = max(num_groups, 1)
    codes = np.unique(np.concatenate([under[0] * width + under[1], over[0] * width + over[1]]))
    degrees = []
    for group, other, degree in (under, over):
        best = np.zeros(len(codes))
        np.maximum.at(best, np.searchsorted(codes, group * width + other), degree)
        degrees.append(best)
    group, other = codes // width, codes % width
    told_less, nearly = (
        degree / np.maximum(np.bincount(group, degree, num_groups), 1.0)[group]
        for degree in degrees
    )
    return Relations(group, other, told_less, nearly, degrees[0])
