"""The probability of each value of a slot, given what is believed of sources and values.

A claim votes for its value with the odds that this source is right when it says this value, times
the improbability that two wrong claims meet in one value: ACCU (Dong, Berti-Equille and Srivastava
2009) with the number of false values learned. Departures: accuracy by source and value, so that
the errors a source makes again and again count as such; claims of part of a value, or of more than
it, speak for it as far as sources are seen to leave out or add; a copy group has little more than
one vote. Votes are whole multiples of 2**-20, so their sums are exact and equal cases stay equal.
"""

from dataclasses import dataclass

import numpy as np

from warehouse.truth.estimates import Estimates
from warehouse.truth.keys import Bound, Keys, containment, find_source_values
from warehouse.truth.parts import Bools, Floats, Ints
from warehouse.truth.settings import TruthConfig

VOTE_UNIT = 2.0**-20
_DECIMALS = 12
_LEAST_RELATION = 0.01


@dataclass(frozen=True)
class Relations:
    """Pairs of groups of one slot, of which the claims of `other` may speak for `group`."""

    group: Ints
    other: Ints
    under: Floats
    """How far the other is the group's value told less fully..."""
    over: Floats
    """...and how far it is something near, or more than it."""


@dataclass(frozen=True)
class Layout:
    """All that a part's scores need and that no round changes."""

    bound: Bound
    claim_link: Ints
    """Of each claim: its source and value among those kept, or -1."""
    relations: Relations
    relation_row: Ints
    """Of each claim that speaks for another group: the relation..."""
    relation_claim: Ints
    """...and the claim itself."""
    copied: Bools
    """Claims of copy groups, and for each such (group, copy group) its number."""
    copy_unit: Ints


@dataclass(frozen=True)
class Scores:
    """What one pass over a part found."""

    votes: Floats
    """Of each claim, in whole units."""
    group_score: Floats
    probability: Floats
    told: Floats
    """Of each claim: how likely it tells the truth less fully (first) or nearly (second)."""


def lay_out(bound: Bound, keys: Keys, config: TruthConfig) -> Layout:
    """Find the claims' estimates and relations once, before the first round."""
    relations = _relate(bound, keys, config)
    row, claim = _claims_of(bound.part.claim_group, relations.other, bound.part.num_groups)
    group = np.where(bound.claim_source >= 0, keys.copy_group[bound.claim_source], -1)
    copied = group >= 0
    code = bound.part.claim_group[copied] * (keys.copy_group.max(initial=0) + 1) + group[copied]
    unit = np.unique(code, return_inverse=True)[1]
    return Layout(
        bound, find_source_values(bound, keys), relations, row, claim, copied, unit
    )


def score(layout: Layout, keys: Keys, estimates: Estimates, config: TruthConfig) -> Scores:
    """Give the probabilities of a part under the estimates."""
    part = layout.bound.part
    accuracy = _claim_accuracy(layout, estimates)
    chance = np.exp(-estimates.surprise)
    votes = np.rint((np.log(accuracy / (1 - accuracy)) + estimates.surprise) / VOTE_UNIT)
    groups = _add_votes(votes, layout, config)
    groups -= np.rint(estimates.surprise / VOTE_UNIT)
    gained, told = _gains(layout, estimates, (1 - accuracy) * chance)
    groups += gained
    probability = softmax(groups * VOTE_UNIT * estimates.sharpness, part.group_slot, part.num_slots)
    relations = layout.relations
    spoken = probability[relations.group[layout.relation_row]][:, None] * told
    by_claim = np.stack(
        [_sum(layout.relation_claim, spoken[:, i], len(votes)) for i in (0, 1)], axis=1
    )
    return Scores(votes, groups, probability, np.minimum(by_claim, 1.0))


def softmax(score: Floats, slot: Ints, num_slots: int) -> Floats:
    """Give probabilities of the groups of each slot, where none of them has score 0."""
    top = np.zeros(num_slots)
    np.maximum.at(top, slot, score)
    mass = np.exp(score - top[slot])
    total = _sum(slot, mass, num_slots) + np.exp(-top)
    return np.round(mass / total[slot], _DECIMALS)


def _claim_accuracy(layout: Layout, estimates: Estimates) -> Floats:
    bound = layout.bound
    source = np.where(bound.claim_source >= 0, estimates.accuracy[bound.claim_source], 0)
    source = np.where(bound.claim_source >= 0, source, estimates.mean_accuracy)
    shift = np.zeros(len(source))
    known = bound.claim_value >= 0
    shift[known] = estimates.value_shift[bound.claim_value[known]]
    odds = source / (1 - source) * np.exp(shift)
    accuracy = odds / (1 + odds)
    linked = layout.claim_link >= 0
    accuracy[linked] = estimates.link_accuracy[layout.claim_link[linked]]
    return np.clip(accuracy, 0.01, 0.99)


def _add_votes(votes: Floats, layout: Layout, config: TruthConfig) -> Floats:
    part = layout.bound.part
    alone = ~layout.copied
    total = _sum(part.claim_group[alone], votes[alone], part.num_groups)
    if layout.copied.any():
        copies, num_units = votes[layout.copied], layout.copy_unit.max() + 1
        first = np.full(num_units, -np.inf)
        np.maximum.at(first, layout.copy_unit, copies)
        rest = _sum(layout.copy_unit, copies, num_units) - first
        own = first + np.rint((1 - config.copy_rate) * rest)
        where = np.zeros(num_units, np.int64)
        where[layout.copy_unit] = part.claim_group[layout.copied]
        total += _sum(where, own, part.num_groups)
    return total


def _gains(layout: Layout, estimates: Estimates, by_chance: Floats) -> tuple[Floats, Floats]:
    """Give what claims of related values add to each group, and the share of each kind."""
    relations, row, claim = layout.relations, layout.relation_row, layout.relation_claim
    source = layout.bound.claim_source[claim]
    told = np.stack(
        [
            np.where(source >= 0, rate[source], mean) * degree[row]
            for rate, mean, degree in (
                (estimates.under, estimates.mean_under, relations.under),
                (estimates.over, estimates.mean_over, relations.over),
            )
        ],
        axis=1,
    )
    total = told.sum(axis=1)
    gain = np.rint(np.log1p(total / by_chance[claim]) / VOTE_UNIT)
    share = told / (total + by_chance[claim])[:, None]
    return _sum(relations.group[row], gain, layout.bound.part.num_groups), share


def _relate(bound: Bound, keys: Keys, config: TruthConfig) -> Relations:
    """Join the support that kinds of values know with the containment that the data show."""
    part = bound.part
    forth, back = part.pair_support, part.pair_reverse
    # `group` is the more general one where the other fully speaks for it and not the reverse.
    general = (forth > back) & ((forth == 1) | (back == 0))
    near = np.minimum(forth, back)
    # A claim of the general value is the special one told less fully.
    told_less = (part.pair_other[general], part.pair_group[general], forth[general])
    closer = near > 0
    nearly = (part.pair_group[closer], part.pair_other[closer], near[closer])
    # Of a contained value and the one containing it only the latter's claims are 'more than it'.
    fewer = (forth < back) & ((back == 1) | (forth == 0))
    keep = ~fewer[closer]
    nearly = tuple(column[keep] for column in nearly)
    special, wide = _pairs_of_slots(bound, config)
    learned = containment(keys, bound.group_value[special], bound.group_value[wide], config)
    kept = learned > _LEAST_RELATION
    return _joined(
        (told_less, (special[kept], wide[kept], learned[kept])), (nearly,), part.num_groups
    )


def _pairs_of_slots(bound: Bound, config: TruthConfig) -> tuple[Ints, Ints]:
    from warehouse.truth.parts import same_slot_pairs

    return same_slot_pairs(bound.part.group_slot, config.max_values_compared)


def _joined(unders, overs, num_groups: int) -> Relations:
    def gather(parts):
        return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))

    under, over = gather(unders), gather(overs)
    width = max(num_groups, 1)
    codes = np.unique(np.concatenate([under[0] * width + under[1], over[0] * width + over[1]]))
    degrees = []
    for group, other, degree in (under, over):
        best = np.zeros(len(codes))
        np.maximum.at(best, np.searchsorted(codes, group * width + other), degree)
        degrees.append(best)
    group, other = codes // width, codes % width
    shares = []
    for degree in degrees:
        total = _sum(group, np.rint(degree / VOTE_UNIT), num_groups) * VOTE_UNIT
        shares.append(degree / np.maximum(total, 1.0)[group])
    return Relations(group, other, *shares)


def _claims_of(claim_group: Ints, wanted: Ints, num_groups: int) -> tuple[Ints, Ints]:
    """Give, for each wanted group in turn, its claims (sorted by group): row and claim."""
    times = np.bincount(claim_group, minlength=num_groups)
    first = np.cumsum(times) - times
    row = np.repeat(np.arange(len(wanted)), times[wanted])
    offset = np.arange(len(row)) - np.repeat(np.cumsum(times[wanted]) - times[wanted], times[wanted])
    return row, first[wanted][row] + offset


def _sum(place: Ints, amount: Floats, size: int) -> Floats:
    return np.bincount(place, amount, size)
