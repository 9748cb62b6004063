"""What the parts must know of each other before the first round: names and counts, no estimates.

Everything here is a count, so sums over parts are the same in any order. Containment between
values is learned from them (after Sanderson and Croft 1999, subsumption by co-occurrence; here a
pair must be seen in two slots, and a value general to many others is taken to be so to new ones).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from warehouse.truth.copying import copy_groups
from warehouse.truth.parts import Bools, Floats, Ints, Part, find, index_of, same_slot_pairs
from warehouse.truth.settings import TruthConfig


@dataclass(frozen=True)
class Names:
    """All sources, and the values named in at least two slots, sorted, with their counts."""

    sources: pa.Array
    source_claims: Ints
    values: pa.Array
    value_claims: Ints
    value_slots: Ints
    num_slots: int


@dataclass(frozen=True)
class Bound:
    """A part, its names replaced by their numbers in all parts; -1: a value of one slot."""

    part: Part
    claim_source: Ints
    claim_value: Ints
    group_value: Ints


@dataclass(frozen=True)
class Links:
    """Of one part: how often sources name values, and values and sources meet in slots.

    A link is two numbers in one (first * width + second), sorted, with its count.
    """

    source_values: tuple[Ints, Ints]
    value_pairs: tuple[Ints, Ints]
    disputed: Ints
    sources_met: tuple[Ints, Ints]
    sources_agreed: tuple[Ints, Ints]


@dataclass(frozen=True)
class Keys:
    """All that estimates are kept for, and what was learned from counts alone."""

    names: Names
    source_values: Ints
    source_value_claims: Ints
    value_pairs: Ints
    pair_slots: Ints
    disputed: Ints
    partners: Ints
    generality: Floats
    copy_group: Ints
    """Of each source: the number of its copy group, -1 where it copies no one."""


def count_names(part: Part) -> tuple[pa.Table, pa.Table, int]:
    """Count the claims of every source, the claims and slots of every value, and the slots."""
    by_source = np.bincount(part.claim_source, minlength=len(part.sources))
    by_value = np.bincount(part.group_value[part.claim_group], minlength=len(part.values))
    slots = np.bincount(part.group_value, minlength=len(part.values))
    return (
        pa.table({"name": part.sources, "claims": by_source}),
        pa.table({"name": part.values, "claims": by_value, "slots": slots}),
        part.num_slots,
    )


def combine_names(counts: Sequence[tuple[pa.Table, pa.Table, int]]) -> Names:
    """Number the names of all parts."""
    sources, source_claims = _summed([source for source, _, _ in counts], "claims")
    values, claims, slots = _summed([value for _, value, _ in counts], "claims", "slots")
    often = slots > 1
    names = values.filter(pa.array(often))
    num_slots = sum(number for _, _, number in counts)
    return Names(sources, source_claims, names, claims[often], slots[often], num_slots)


def bind(part: Part, names: Names) -> Bound:
    """Give a part its place among all names; an unknown source or value gets -1."""
    source = index_of(pa.chunked_array([part.sources]), names.sources)
    value = index_of(pa.chunked_array([part.values]), names.values)
    group_value = value[part.group_value]
    claim_value = group_value[part.claim_group]
    return Bound(part, source[part.claim_source], claim_value, group_value)


def count_links(bound: Bound, names: Names, config: TruthConfig) -> Links:
    """Count which values a source names, and which values and sources meet in a slot."""
    part, num_values, num_sources = bound.part, len(names.values), len(names.sources)
    often = bound.claim_value >= 0
    link = bound.claim_source[often] * num_values + bound.claim_value[often]
    left, right = same_slot_pairs(part.group_slot, config.max_values_compared)
    one, other = bound.group_value[left], bound.group_value[right]
    both = (one >= 0) & (other >= 0)
    values_in_slot = np.bincount(part.group_slot, minlength=part.num_slots)
    known = bound.group_value >= 0
    disputed = bound.group_value[known & (values_in_slot[part.group_slot] > 1)]
    met, agreed = _meetings(bound, num_sources, config)
    return Links(
        _counted(link),
        _counted(one[both] * num_values + other[both]),
        np.bincount(disputed, minlength=num_values),
        met,
        agreed,
    )


def combine_links(links: Sequence[Links], names: Names, config: TruthConfig) -> Keys:
    """Sum the counts of all parts and learn containment and copying from them."""
    num_values = len(names.values)
    source_values, times = _merged([link.source_values for link in links])
    pairs, slots = _merged([link.value_pairs for link in links])
    disputed: Ints = np.stack([link.disputed for link in links]).sum(axis=0)
    special, general = pairs // max(num_values, 1), pairs % max(num_values, 1)
    partners = np.bincount(general, minlength=num_values)
    strong = _strong(slots, disputed[special], partners[special], partners[general], config)
    met, agreed = (_merged([getattr(link, name) for link in links]) for name in _MEETINGS)
    often = times > 1
    kept = strong & (slots > 1)
    return Keys(
        names,
        source_values[often],
        times[often],
        pairs[kept],
        slots[kept],
        disputed,
        partners,
        _generality(special, general, slots, strong, disputed, config),
        copy_groups(len(names.sources), met, agreed, config),
    )


def containment(keys: Keys, special: Ints, general: Ints, config: TruthConfig) -> Floats:
    """Give how likely it is that `general` contains `special`, numbers of values or -1.

    The slot that asks is not counted: one meeting is taken off.
    """
    if not len(keys.generality):
        return np.zeros(len(special))
    known = np.where(special >= 0, special, 0)
    wide = np.where(general >= 0, general, 0)
    disputed = np.where(special >= 0, np.maximum(keys.disputed[known] - 1, 0), 0)
    place, has_pair = find(keys.value_pairs, special * len(keys.names.values) + general)
    slots = keys.pair_slots[place] - 1 if len(keys.pair_slots) else np.zeros(len(special))
    met = np.where(has_pair & (special >= 0) & (general >= 0), slots, 0)
    prior = config.containment_prior
    share = (met + prior * keys.generality[wide]) / (disputed + prior)
    fewer = np.where(special >= 0, keys.partners[known], 0) < keys.partners[wide]
    return np.where((general >= 0) & fewer, share, 0.0)


_MEETINGS = ("sources_met", "sources_agreed")


def _strong(
    slots: Ints, disputed: Ints, own_partners: Ints, partners: Ints, config: TruthConfig
) -> Bools:
    share = (slots - 1) / (np.maximum(disputed - 1, 0) + config.containment_prior)
    return (share >= config.min_containment) & (partners > own_partners)


def _generality(
    special: Ints, general: Ints, slots: Ints, strong: Bools, disputed: Ints, config: TruthConfig
) -> Floats:
    """Give, of each value's meetings with values met before, the share of those it contains."""
    known = disputed[special] > 1
    weight = np.where(known, np.maximum(slots - 1, 0.5), 0.0)
    met = np.bincount(general, weight, len(disputed))
    contained = np.bincount(general, np.where(strong, slots - 1, 0) * known, len(disputed))
    return contained / (met + config.containment_prior)


def _meetings(
    bound: Bound, num_sources: int, config: TruthConfig
) -> tuple[tuple[Ints, Ints], tuple[Ints, Ints]]:
    """Count the slots in which two sources meet, and those in which they say the same."""
    slot = bound.part.group_slot[bound.part.claim_group]
    order = np.lexsort((bound.part.claim_group, bound.claim_source, slot))
    left, right = same_slot_pairs(slot[order], config.max_sources_compared)
    left, right = order[left], order[right]
    once = bound.claim_source[left] < bound.claim_source[right]
    left, right = left[once], right[once]
    link = bound.claim_source[left] * num_sources + bound.claim_source[right]
    same = bound.part.claim_group[left] == bound.part.claim_group[right]
    return _counted(link), _counted(link[same])


def _counted(codes: Ints) -> tuple[Ints, Ints]:
    return np.unique(codes, return_counts=True)


def _merged(counted: Sequence[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    codes, place = np.unique(np.concatenate([codes for codes, _ in counted]), return_inverse=True)
    counts = np.concatenate([counts for _, counts in counted])
    # Counts are whole and far below 2**53: their sums as doubles are exact.
    return codes, np.bincount(place, counts, len(codes)).astype(np.int64)


def _summed(tables: Sequence[pa.Table], *columns: str) -> tuple[Any, ...]:
    sums = pa.concat_tables(tables).group_by("name").aggregate([(name, "sum") for name in columns])
    sums = sums.sort_by("name").combine_chunks()
    names = pa.concat_arrays([pa.array([], pa.string()), *sums["name"].chunks])
    return names, *(np.asarray(sums[f"{name}_sum"].to_numpy(), np.int64) for name in columns)


def find_source_values(bound: Bound, keys: Keys) -> Ints:
    """Give, of each claim, where its source and value stand among those kept, or -1."""
    code = bound.claim_source * len(keys.names.values) + bound.claim_value
    unknown = (bound.claim_source < 0) | (bound.claim_value < 0)
    place, known = find(keys.source_values, np.where(unknown, -1, code))
    return np.where(known, place, -1)
