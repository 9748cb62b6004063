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

from warehouse.truth.counts import Bound, Counts, find_source_values
from warehouse.truth.estimates import Estimates
from warehouse.truth.parts import Bools, Floats, Ints, take
from warehouse.truth.settings import TruthConfig
from warehouse.truth.support import Support, find_support

VOTE_UNIT = 2.0**-20
_DECIMALS = 12
_MOST_REFINED = 0.95
_FEWEST_UNCLAIMED = 0.01
_LEAST_NAMED = 0.15
"""At least in so many slots a general value may be named by mistake."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """All that a part's scores need and that no round changes."""

    bound: Bound
    claim_link: Ints
    """Of each claim: its source and value among those kept, or -1."""
    support: Support
    support_row: Ints
    """Of each claim that speaks for another choice: the row of `support`..."""
    support_claim: Ints
    """...and the claim itself."""
    named_share: Floats
    """Of each claim: the share of all slots in which its value is named."""
    copied: Bools
    """Claims of copy groups, and for each such (choice, copy group) its number."""
    copy_unit: Ints
    counted: Bools
    """Claims that are no copies: of a copy group that names one value, one."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What one pass over a part found."""

    votes: Floats
    """Of each claim: logit(a(s, v)) + surprise, in whole units."""
    choice_score: Floats
    """S(i), of each choice: the sum of its votes, in whole units."""
    probability: Floats
    """P(i) = exp S(i) / (sum of exp S(j) over the slot + share of values that no one claims)."""
    told: Floats
    """Of each claim: how likely it tells the truth less fully (first) or nearly (second)."""


def lay_out(bound: Bound, counts: Counts, config: TruthConfig) -> Layout:
    """Find the claims' estimates and support once, before the first round."""
    support = find_support(bound, counts, config)
    row, claim = _claims_of(bound.part.claim_choice, support.other, bound.part.num_choices)
    copy_group = take(counts.copy_group, bound.claim_source, -1)
    copied = copy_group >= 0
    num_copy_groups = counts.copy_group.max(initial=0) + 1
    code = bound.part.claim_choice[copied] * num_copy_groups + copy_group[copied]
    _, first, unit = np.unique(code, return_index=True, return_inverse=True)
    counted = ~copied
    counted[np.flatnonzero(copied)[first]] = True
    link = find_source_values(bound, counts)
    return Layout(
        bound=bound,
        claim_link=link,
        support=support,
        support_row=row,
        support_claim=claim,
        named_share=take(
            counts.names.value_slots / max(counts.names.num_slots, 1), bound.claim_value, 1.0
        ),
        copied=copied,
        copy_unit=unit,
        counted=counted,
    )


def score(
    layout: Layout, estimates: Estimates, config: TruthConfig, *, final: bool = False
) -> Scores:
    """Return the probabilities of a part under the estimates.

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
    before = few * take(estimates.value_prior, layout.bound.choice_value, 0.0)
    total = _add_votes(votes, layout, config)
    total += np.rint((before - estimates.surprise) / VOTE_UNIT)
    gained, told = _gains(layout, estimates, 1 - accuracy, chance)
    total += gained
    probability = softmax(
        total * VOTE_UNIT * (_worth(layout, estimates) if final else 1.0),
        part.choice_slot,
        _unclaimed(layout, chance),
        _unnamed(layout, estimates) if final else np.zeros(part.num_choices),
    )
    support = layout.support
    spoken = probability[support.choice[layout.support_row]][:, None] * told
    by_claim = np.stack(
        [_sum(layout.support_claim, spoken[:, i], len(votes)) for i in (0, 1)], axis=1
    )
    return Scores(
        votes=votes,
        choice_score=total,
        probability=probability,
        told=np.minimum(by_claim, 1.0),
    )


def softmax(score: Floats, slot: Ints, unclaimed: Floats, unnamed: Floats) -> Floats:
    """Return probabilities of the choices of each slot, where none of them has score 0.

    `unclaimed`: of each slot, the share of all values that no one claims.
    `unnamed`: of each choice, how likely the truth is rather a more special value.
    """
    top = np.zeros(len(unclaimed))
    np.maximum.at(top, slot, score)
    mass = np.exp(score - top[slot])
    total = _sum(slot, mass, len(top)) + np.exp(-top) * unclaimed
    mass = mass * (1 - unnamed)
    return np.round(mass / total[slot], _DECIMALS)


def _unclaimed(layout: Layout, chance: float) -> Floats:
    """Return the share of values that no one claims: there are about 1 + 1 / chance of them."""
    part = layout.bound.part
    claimed = np.bincount(part.choice_slot, minlength=part.num_slots)
    return np.clip(1 - chance * (claimed - 1), _FEWEST_UNCLAIMED, 1.0)


def _worth(layout: Layout, estimates: Estimates) -> Floats:
    """Return what one claim of each choice's slot is worth: alike claims are fewer (Kish 1965)."""
    part = layout.bound.part
    slot = part.choice_slot[part.claim_choice[layout.counted]]
    in_slot = np.bincount(slot, minlength=part.num_slots)
    return 1 / (1 + (in_slot[part.choice_slot] - 1) * estimates.likeness)


def _unnamed(layout: Layout, estimates: Estimates) -> Floats:
    refined = take(estimates.refined, layout.bound.choice_value, 0.0)
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
    total = _sum(part.claim_choice[alone], votes[alone], part.num_choices)
    if layout.copied.any():
        copies, num_units = votes[layout.copied], layout.copy_unit.max() + 1
        first = np.full(num_units, -np.inf)
        np.maximum.at(first, layout.copy_unit, copies)
        rest = _sum(layout.copy_unit, copies, num_units) - first
        own = first + np.rint((1 - config.copy_rate) * rest)
        where = np.zeros(num_units, np.int64)
        where[layout.copy_unit] = part.claim_choice[layout.copied]
        total += _sum(where, own, part.num_choices)
    return total


def _gains(
    layout: Layout, estimates: Estimates, wrong: Floats, chance: float
) -> tuple[Floats, Floats]:
    """Return what claims of related values add to each choice, and the share of each kind."""
    support, row, claim = layout.support, layout.support_row, layout.support_claim
    source = layout.bound.claim_source[claim]
    told = np.stack(
        [
            take(rate, source, mean) * degree[row]
            for rate, mean, degree in (
                (estimates.under, estimates.mean_under, support.under),
                (estimates.over, estimates.mean_over, support.over),
            )
        ],
        axis=1,
    )
    # A general value is named by mistake no more often than it is named at all.
    named = np.minimum(np.maximum(layout.named_share[claim], _LEAST_NAMED), chance)
    by_chance = wrong[claim] * np.where(support.is_general[row], named, chance)
    total = told.sum(axis=1)
    gain = np.rint(np.log1p(total / by_chance) / VOTE_UNIT)
    share = told / (total + by_chance)[:, None]
    return _sum(support.choice[row], gain, layout.bound.part.num_choices), share


def _claims_of(claim_choice: Ints, wanted: Ints, num_choices: int) -> tuple[Ints, Ints]:
    """Give, for each wanted choice in turn, its claims (sorted by choice): row and claim."""
    times = np.bincount(claim_choice, minlength=num_choices)
    first = np.cumsum(times) - times
    row = np.repeat(np.arange(len(wanted)), times[wanted])
    offset = np.arange(len(row)) - np.repeat(
        np.cumsum(times[wanted]) - times[wanted], times[wanted]
    )
    return row, first[wanted][row] + offset


def _sum(place: Ints, amount: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(place, amount, size), np.float64)
