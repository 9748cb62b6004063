"""One pass over a part: from beliefs to the sums that the next beliefs are formed of."""

import numpy as np

from warehouse.truth.counts import Counts
from warehouse.truth.estimates import UNIT, Estimates, Statistics
from warehouse.truth.parts import Floats, Ints
from warehouse.truth.scores import Layout, Scores, score
from warehouse.truth.settings import TruthConfig

_USUALLY_TOLD = 0.1
"""Of claims that are not right: the share that tells the truth less fully, or nearly, at first."""


def first_partial(layout: Layout, counts: Counts) -> Statistics:
    """Sum what a part shows when every claim is one vote."""
    part = layout.bound.part
    votes = np.ones(len(part.claim_choice))
    # Before anyone is judged a copy counts for nothing, else a clique would name the truth.
    per_choice = np.bincount(part.claim_choice[layout.counted], minlength=part.num_choices)
    # Who says the country does not deny the town.
    support = layout.support
    spoken = support.under * per_choice[support.other] * support.is_general
    mass = per_choice + np.bincount(support.choice, spoken, part.num_choices)
    share = mass / (np.bincount(part.choice_slot, mass, part.num_slots)[part.choice_slot] + 1)
    wider = np.bincount(support.other, share[support.choice] * support.is_general, len(share))
    usual = _USUALLY_TOLD * (1 - share)
    told = np.stack([np.clip(wider, usual, 1.0), usual], axis=1)[part.claim_choice]
    scores = Scores(
        votes=votes, choice_score=per_choice.astype(np.float64), probability=share, told=told
    )
    return _sums(layout, counts, scores, None)


def partial(
    layout: Layout, counts: Counts, estimates: Estimates, config: TruthConfig
) -> Statistics:
    """Sum what a part shows under the estimates."""
    return _sums(layout, counts, score(layout, estimates, config), estimates)


def _sums(
    layout: Layout, counts: Counts, scores: Scores, estimates: Estimates | None
) -> Statistics:
    bound, part = layout.bound, layout.bound.part
    num_sources, num_values = len(counts.names.sources), len(counts.names.values)
    right = scores.probability[part.claim_choice]
    under, over = scores.told[:, 0], scores.told[:, 1]
    valued, linked = bound.claim_value >= 0, layout.claim_link >= 0
    expected = right if estimates is None else estimates.accuracy[bound.claim_source]
    known = bound.choice_value >= 0
    claims = np.bincount(part.claim_choice, minlength=part.num_choices)
    slot_claims = np.bincount(part.choice_slot, claims, part.num_slots)
    met = known & (slot_claims[part.choice_slot] > 1)
    refined = np.minimum(_refined(layout, scores.probability), 1.0)
    return Statistics(
        source_right=_sum(bound.claim_source, right, num_sources),
        source_under=_sum(bound.claim_source, under, num_sources),
        source_over=_sum(bound.claim_source, over, num_sources),
        value_right=_sum(bound.claim_value[valued], right[valued], num_values),
        value_expected=_sum(bound.claim_value[valued], expected[valued], num_values),
        link_right=_sum(layout.claim_link[linked], right[linked], len(counts.source_values)),
        value_refined=_sum(bound.choice_value[met], refined[met], num_values),
        value_met=_sum(bound.choice_value[met], np.ones(int(met.sum())), num_values),
        same_wrong=_wrong_pairs(layout, scores.probability),
        common=_common(layout, right, expected),
    )


def _refined(layout: Layout, probability: Floats) -> Floats:
    """Give, of each choice, how likely a claimed value that it contains is the truth."""
    support = layout.support
    size = layout.bound.part.num_choices
    mass = np.rint(probability[support.choice] * np.minimum(support.under * 2, 1) / UNIT)
    return np.asarray(np.bincount(support.other, mass, size) * UNIT, np.float64)


def _wrong_pairs(layout: Layout, probability: Floats) -> Floats:
    """Count, whichever value is true, the pairs of wrong claims that agree, and all such pairs."""
    part = layout.bound.part
    claims = np.bincount(part.claim_choice[layout.counted], minlength=part.num_choices)
    in_slot = np.bincount(part.choice_slot, claims, part.num_slots)[part.choice_slot]
    agreeing = claims * (claims - 1)
    same = np.bincount(part.choice_slot, agreeing, part.num_slots)[part.choice_slot] - agreeing
    wrong = in_slot - claims
    units = np.rint(probability / UNIT)
    return np.array([(units * same).sum(), (units * wrong * (wrong - 1)).sum()])


def _common(layout: Layout, right: Floats, expected: Floats) -> Floats:
    """Sum, over pairs of claims of one slot, how far both do better or worse than their sources."""
    part = layout.bound.part
    slot = part.choice_slot[part.claim_choice[layout.counted]]
    right, expected = right[layout.counted], expected[layout.counted]
    found = []
    for amount in (right - expected, np.sqrt(expected * (1 - expected))):
        units = np.rint(amount * 1024)
        total = np.bincount(slot, units, part.num_slots)
        found.append((total**2 - np.bincount(slot, units**2, part.num_slots)).sum())
    return np.array(found)


def _sum(place: Ints, amount: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(place, np.rint(amount / UNIT), size), np.float64)
