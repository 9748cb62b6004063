"""Which values of a slot speak for each other: told less fully, told with more, or told nearly.

The kind of values knows some of it (`support`), the data show more (`containment`). A claim of the
more general value may well be the special one told less fully, never the other way round; so the
special value gains from it (after Jung, Kim and Shim 2019, who are given the hierarchy).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from warehouse.truth.counts import Bound, Counts, containment, met_share
from warehouse.truth.parts import Bools, Floats, Ints, same_slot_pairs
from warehouse.truth.settings import TruthConfig


class _Spoken(NamedTuple):
    choice: Ints
    other: Ints
    degree: Floats


_LEAST_RELATION = 0.01


@dataclass(frozen=True, kw_only=True)
class Support:
    """Pairs of choices of one slot, of which the claims of `other` may speak for `choice`."""

    choice: Ints
    other: Ints
    under: Floats
    """u(i, j): how far the other is the choice's value told less fully..."""
    over: Floats
    """...and o(i, j), how far it is something near, or more than it; each row sums to at most 1."""
    is_general: Bools
    """Whether the kind of values knows the other as more general: it holds the choice, or may."""
    contained: Floats
    """How surely the choice is a more special case of the other, before it is shared out."""


def find_support(bound: Bound, counts: Counts, config: TruthConfig) -> Support:
    """Join the support that kinds of values know with the containment that the data show."""
    part = bound.part
    forth, back = part.pair_support, part.pair_reverse
    # `choice` is the more general one where the other fully speaks for it and not the reverse.
    general = (forth > back) & ((forth == 1) | (back == 0))
    near = np.minimum(forth, back)
    # A claim of the general value is the special one told less fully.
    inner, outer = part.pair_other[general], part.pair_choice[general]
    sure = forth[general]
    # Where the kind of values only says that it may be so, the meetings in other slots are asked.
    asked = met_share(counts, bound.choice_value[inner], bound.choice_value[outer], sure, config)
    told_less = _Spoken(inner, outer, np.where(sure < 1, asked, sure))
    # Of a value and its part only claims of the whole are 'more than it'.
    less = (forth < back) & ((back == 1) | (forth == 0))
    closer = (near > 0) & ~less
    nearly = _Spoken(part.pair_choice[closer], part.pair_other[closer], near[closer])
    special, wide = same_slot_pairs(part.choice_slot, config.max_values_compared)
    learned = containment(counts, bound.choice_value[special], bound.choice_value[wide], config)
    # What the kind of values knows goes before what their meetings suggest.
    width = max(part.num_choices, 1)
    denied = np.isin(wide * width + special, told_less.choice * width + told_less.other)
    kept = (learned > _LEAST_RELATION) & ~denied
    under = _Spoken(
        np.concatenate((told_less.choice, special[kept])),
        np.concatenate((told_less.other, wide[kept])),
        np.concatenate((told_less.degree, learned[kept])),
    )
    known = back[general] == 0
    hierarchy = inner[known] * width + outer[known]
    return _joined(under, nearly, hierarchy, part.num_choices)


def _joined(under: _Spoken, over: _Spoken, hierarchy: Ints, num_choices: int) -> Support:
    width = max(num_choices, 1)
    codes = np.unique(np.concatenate([one.choice * width + one.other for one in (under, over)]))
    degrees = []
    for choice, other, degree in (under, over):
        best = np.zeros(len(codes))
        np.maximum.at(best, np.searchsorted(codes, choice * width + other), degree)
        degrees.append(best)
    choice, other = codes // width, codes % width
    told_less, nearly = (
        degree / np.maximum(np.bincount(choice, degree, num_choices), 1.0)[choice]
        for degree in degrees
    )
    return Support(
        choice=choice,
        other=other,
        under=told_less,
        over=nearly,
        is_general=np.isin(codes, hierarchy),
        contained=degrees[0],
    )
