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
from warehouse.truth.keys import Bound, Keys, find_source_values
from warehouse.truth.parts import Bools, Floats, Ints, take
from warehouse.truth.relations import Relations, relate
from warehouse.truth.settings import TruthConfig

VOTE_UNIT = 2.0**-20
_DECIMALS = 12
_MOST_REFINED = 0.95
_FEWEST_UNCLAIMED = 0.01


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
    counted: Bools
    """Claims that are no copies: of a copy group that names one value, one."""


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
    relations = relate(bound, keys, config)
    row, claim = _claims_of(bound.part.claim_group, relations.other, bound.part.num_groups)
    group = take(keys.copy_group, bound.claim_source, -1)
    copied = group >= 0
    code = bound.part.claim_group[copied] * (keys.copy_group.max(initial=0) + 1) + group[copied]
    _, first, unit = np.unique(code, return_index=True, return_inverse=True)
    counted = ~copied
    counted[np.flatnonzero(copied)[first]] = True
    link = find_source_values(bound, keys)
    return Layout(bound, link, relations, row, claim, copied, unit, counted)


def score(
    layout: Layout, estimates: Estimates, config: TruthConfig, *, final: bool = False
) -> Scores:
    """Give the probabilities of a part under the estimates.

    `final`: that the truth may be more special than all claims lowers them. While sources are
    judged it does not, since it says nothing of which source is right.
    """
    part = layout.bound.part
    chance = float(np.exp(-estimates.surprise))
    source, accuracy = _claim_accuracies(layout, estimates)
    # Where wrong claims meet by chance anyway (yes or no), how often a value is right is known
    # before any claim and counts once; else it is an error that many make, and counts each time.
    few = chance**2
    odds = few * _logit(source) + (1 - few) * _logit(accuracy)
    votes = np.rint((odds + estimates.surprise) / VOTE_UNIT)
    before = few * take(estimates.value_prior, layout.bound.group_value, 0.0)
    groups = _add_votes(votes, layout, config)
    groups += np.rint((before - estimates.surprise) / VOTE_UNIT)
    gained, told = _gains(layout, estimates, (1 - accuracy) * chance)
    groups += gained
    probability = softmax(
        groups * VOTE_UNIT * (_worth(layout, estimates) if final else 1.0),
        part.group_slot,
        _unclaimed(layout, chance),
        _unnamed(layout, estimates) if final else np.zeros(part.num_groups),
    )
    relations = layout.relations
    spoken = probability[relations.group[layout.relation_row]][:, None] * told
    by_claim = np.stack(
        [_sum(layout.relation_claim, spoken[:, i], len(votes)) for i in (0, 1)], axis=1
    )
    return Scores(votes, groups, probability, np.minimum(by_claim, 1.0))


def softmax(score: Floats, slot: Ints, unclaimed: Floats, unnamed: Floats) -> Floats:
    """Give probabilities of the groups of each slot, where none of them has score 0.

    `unclaimed`: of each slot, the share of all values that no one claims.
    `unnamed`: of each group, how likely the truth is rather a more special value.
    """
    top = np.zeros(len(unclaimed))
    np.maximum.at(top, slot, score)
    mass = np.exp(score - top[slot])
    total = _sum(slot, mass, len(top)) + np.exp(-top) * unclaimed
    mass = mass * (1 - unnamed)
    return np.round(mass / total[slot], _DECIMALS)


def _unclaimed(layout: Layout, chance: float) -> Floats:
    """Give the share of values that no one claims: there are about 1 + 1 / chance of them."""
    part = layout.bound.part
    claimed = np.bincount(part.group_slot, minlength=part.num_slots)
    return np.clip(1 - chance * (claimed - 1), _FEWEST_UNCLAIMED, 1.0)


def _worth(layout: Layout, estimates: Estimates) -> Floats:
    """Give what one claim of each group's slot is worth: alike claims are fewer (Kish 1965)."""
    part = layout.bound.part
    slot = part.group_slot[part.claim_group[layout.counted]]
    in_slot = np.bincount(slot, minlength=part.num_slots)
    return 1 / (1 + (in_slot[part.group_slot] - 1) * estimates.likeness)


def _unnamed(layout: Layout, estimates: Estimates) -> Floats:
    refined = take(estimates.refined, layout.bound.group_value, 0.0)
    return np.minimum(refined, _MOST_REFINED)


def _claim_accuracies(layout: Layout, estimates: Estimates) -> tuple[Floats, Floats]:
    """Give, of each claim, how often its source is right, and how often with this value."""
    bound = layout.bound
    source = take(estimates.accuracy, bound.claim_source, estimates.mean_accuracy)
    odds = source / (1 - source) * np.exp(take(estimates.value_shift, bound.claim_value, 0.0))
    linked = take(estimates.link_accuracy, layout.claim_link, 0.0)
    own = np.where(layout.claim_link >= 0, linked, odds / (1 + odds))
    return source, np.clip(own, 0.01, 0.99)


def _logit(share: Floats) -> Floats:
    return np.log(share / (1 - share))


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
            take(rate, source, mean) * degree[row]
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


def _claims_of(claim_group: Ints, wanted: Ints, num_groups: int) -> tuple[Ints, Ints]:
    """Give, for each wanted group in turn, its claims (sorted by group): row and claim."""
    times = np.bincount(claim_group, minlength=num_groups)
    first = np.cumsum(times) - times
    row = np.repeat(np.arange(len(wanted)), times[wanted])
    offset = np.arange(len(row)) - np.repeat(
        np.cumsum(times[wanted]) - times[wanted], times[wanted]
    )
    return row, first[wanted][row] + offset


def _sum(place: Ints, amount: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(place, amount, size), np.float64)
