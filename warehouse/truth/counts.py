"""What the parts must know of each other before the first round: names and counts, no estimates.

Everything here is a count, so sums over parts are the same in any order. Containment between
values is learned from them (after Sanderson and Croft 1999, subsumption by co-occurrence; here a
pair must be seen in two slots, and a value general to many others is taken to be so to new ones).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from warehouse.truth.copying import copy_groups
from warehouse.truth.parts import Bools, Floats, Ints, Part, find, index_of, same_slot_pairs
from warehouse.truth.settings import TruthConfig


@dataclass(frozen=True, kw_only=True)
class Names:
    """All sources, and the values named in at least two slots, sorted, with their counts."""

    sources: pa.Array
    source_claims: Ints
    """n(s), of each source: its claims."""
    values: pa.Array
    value_claims: Ints
    """n(v), of each value: the claims that name it..."""
    value_slots: Ints
    """...and m(v), the slots in which it is named."""
    num_slots: int


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A part, its names replaced by their numbers in all parts; -1: a value of one slot."""

    part: Part
    claim_source: Ints
    """s(c), of each claim: its source..."""
    claim_value: Ints
    """...and v(c), its value."""
    choice_value: Ints
    """v(i), of each choice: its value."""


class Counted(NamedTuple):
    """Codes, sorted, each once, with how often each was there."""

    codes: Ints
    times: Ints


@dataclass(frozen=True, kw_only=True)
class Links:
    """Of one part: how often sources name values, and values and sources meet in slots.

    A link is two numbers in one (first * width + second), sorted, with its count.
    """

    source_values: Counted
    """n(s, v): how often a source names a value."""
    value_pairs: Counted
    """m(u, v): in how many slots two values meet."""
    disputed: Ints
    """d(v), of each value: the slots with another value."""
    sources_met: Counted
    """m(s, t): in how many slots two sources meet..."""
    sources_agreed: Counted
    """...and in how many of them they say the same."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """All that estimates are kept for, and what was learned from counts alone."""

    names: Names
    source_values: Ints
    """The pairs (s, v) with n(s, v) > 1, as one number s * num_values + v..."""
    source_value_claims: Ints
    """...and their n(s, v)."""
    value_pairs: Ints
    """The pairs (u, v) of which v may contain u, as one number u * num_values + v..."""
    pair_slots: Ints
    """...and their m(u, v)."""
    disputed: Ints
    """d(v), of each value: the slots with another value."""
    partners: Ints
    """p(v), of each value: how many other values it met."""
    generality: Floats
    """Of each value v: sum of m(u, v) - 1 over the u in it, over all u known, plus prior."""
    copy_group: Ints
    """Of each source: the number of its copy group, -1 where it copies no one."""


class NameCounts(NamedTuple):
    """The names of one part: sources and values with their counts, and the number of slots."""

    sources: pa.Table
    values: pa.Table
    num_slots: int


def count_names(part: Part) -> NameCounts:
    """Count the claims of every source, the claims and slots of every value, and the slots."""
    by_source = np.bincount(part.claim_source, minlength=len(part.sources))
    by_value = np.bincount(part.choice_value[part.claim_choice], minlength=len(part.values))
    slots = np.bincount(part.choice_value, minlength=len(part.values))
    return NameCounts(
        pa.table({"name": part.sources, "claims": by_source}),
        pa.table({"name": part.values, "claims": by_value, "slots": slots}),
        part.num_slots,
    )


def combine_names(found: Sequence[NameCounts]) -> Names:
    """Number the names of all parts."""
    sources, source_claims = _summed([one.sources for one in found], "claims")
    values, claims, slots = _summed([one.values for one in found], "claims", "slots")
    often = slots > 1
    names = values.filter(pa.array(often))
    return Names(
        sources=sources,
        source_claims=source_claims,
        values=names,
        value_claims=claims[often],
        value_slots=slots[often],
        num_slots=sum(one.num_slots for one in found),
    )


def bind(part: Part, names: Names) -> Bound:
    """Return a part its place among all names; an unknown source or value gets -1."""
    source = index_of(pa.chunked_array([part.sources]), names.sources)
    value = index_of(pa.chunked_array([part.values]), names.values)
    choice_value = value[part.choice_value]
    claim_value = choice_value[part.claim_choice]
    return Bound(
        part=part,
        claim_source=source[part.claim_source],
        claim_value=claim_value,
        choice_value=choice_value,
    )


def count_links(bound: Bound, names: Names, config: TruthConfig) -> Links:
    """Count which values a source names, and which values and sources meet in a slot."""
    part, num_values, num_sources = bound.part, len(names.values), len(names.sources)
    often = bound.claim_value >= 0
    link = bound.claim_source[often] * num_values + bound.claim_value[often]
    left, right = same_slot_pairs(part.choice_slot, config.max_values_compared)
    one, other = bound.choice_value[left], bound.choice_value[right]
    both = (one >= 0) & (other >= 0)
    values_in_slot = np.bincount(part.choice_slot, minlength=part.num_slots)
    known = bound.choice_value >= 0
    disputed = bound.choice_value[known & (values_in_slot[part.choice_slot] > 1)]
    met, agreed = _meetings(bound, num_sources, config)
    return Links(
        source_values=_counted(link),
        value_pairs=_counted(one[both] * num_values + other[both]),
        disputed=np.bincount(disputed, minlength=num_values),
        sources_met=met,
        sources_agreed=agreed,
    )


def combine_links(links: Sequence[Links], names: Names, config: TruthConfig) -> Counts:
    """Sum the counts of all parts and learn containment from them."""
    num_values = len(names.values)
    source_values, times = _merged([link.source_values for link in links])
    pairs, slots = _merged([link.value_pairs for link in links])
    disputed: Ints = np.stack([link.disputed for link in links]).sum(axis=0)
    special, general = pairs // max(num_values, 1), pairs % max(num_values, 1)
    partners = np.bincount(general, minlength=num_values)
    strong = _strong(slots, disputed[special], partners[special], partners[general], config)
    often = times > 1
    kept = slots > 1
    return Counts(
        names=names,
        source_values=source_values[often],
        source_value_claims=times[often],
        value_pairs=pairs[kept],
        pair_slots=slots[kept],
        disputed=disputed,
        partners=partners,
        generality=_generality(special, general, slots, strong, disputed, config),
        copy_group=np.full(len(names.sources), -1, np.int64),
    )


class Everyone(NamedTuple):
    """The sources of all relations, and who of them copies."""

    counts: list[Counts]
    """Of each relation: its counts, with copy groups..."""
    numbers: list[Ints]
    """...and, of each of its sources, the number among the sources of all."""
    units: Ints
    """Of each source of all: who stands by itself; those who copy from each other are one."""


def find_copies(
    relations: Sequence[tuple[Sequence[Links], Counts]], config: TruthConfig
) -> Everyone:
    """Find who copies from whom, over the meetings of sources in all relations."""
    sources = [pa.chunked_array([counts.names.sources]) for _, counts in relations]
    names = pa.array(sorted({name for one in sources for name in one.to_pylist()}), pa.string())
    numbers = [index_of(one, names) for one in sources]
    met, agreed = (
        _merged(
            [
                _renumbered(getattr(link, kind), number, len(names))
                for (links, _), number in zip(relations, numbers, strict=True)
                for link in links
            ]
        )
        for kind in _MEETINGS
    )
    group = copy_groups(len(names), met, agreed, config)
    return Everyone(
        [
            replace(counts, copy_group=group[number])
            for (_, counts), number in zip(relations, numbers, strict=True)
        ],
        numbers,
        np.where(group >= 0, group, group.max(initial=-1) + 1 + np.arange(len(names))),
    )


def _renumbered(pairs: Counted, numbers: Ints, size: int) -> Counted:
    width = max(len(numbers), 1)
    one, other = numbers[pairs.codes // width], numbers[pairs.codes % width]
    return Counted(one * size + other, pairs.times)


def containment(counts: Counts, special: Ints, general: Ints, config: TruthConfig) -> Floats:
    """Return how likely it is that `general` contains `special`, numbers of values or -1.

    The slot that asks is not counted: one meeting is taken off.
    """
    if not len(counts.generality):
        return np.zeros(len(special))
    known = np.where(special >= 0, special, 0)
    wide = np.where(general >= 0, general, 0)
    share = met_share(counts, special, general, counts.generality[wide], config)
    fewer = np.where(special >= 0, counts.partners[known], 0) < counts.partners[wide]
    return np.where((general >= 0) & fewer, share, 0.0)


def met_share(
    counts: Counts, special: Ints, general: Ints, before: Floats, config: TruthConfig
) -> Floats:
    """Return in which share of the disputed slots of `special` someone says `general`.

    `before` is what is taken for it before any is seen; the slot that asks is not counted.
    """
    if not len(counts.disputed):
        return before
    known = np.where(special >= 0, special, 0)
    disputed = np.where(special >= 0, np.maximum(counts.disputed[known] - 1, 0), 0)
    place, has_pair = find(counts.value_pairs, special * len(counts.names.values) + general)
    slots = counts.pair_slots[place] - 1 if len(counts.pair_slots) else np.zeros(len(special))
    met = np.where(has_pair & (special >= 0) & (general >= 0), slots, 0)
    prior = config.containment_prior
    return (met + prior * before) / (disputed + prior)


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


def _meetings(bound: Bound, num_sources: int, config: TruthConfig) -> tuple[Counted, Counted]:
    """Count the slots in which two sources meet, and those in which they say the same."""
    slot = bound.part.choice_slot[bound.part.claim_choice]
    order = np.lexsort((bound.part.claim_choice, bound.claim_source, slot))
    left, right = same_slot_pairs(slot[order], config.max_sources_compared)
    left, right = order[left], order[right]
    once = bound.claim_source[left] < bound.claim_source[right]
    left, right = left[once], right[once]
    link = bound.claim_source[left] * num_sources + bound.claim_source[right]
    same = bound.part.claim_choice[left] == bound.part.claim_choice[right]
    return _counted(link), _counted(link[same])


def _counted(codes: Ints) -> Counted:
    return Counted(*np.unique(codes, return_counts=True))


def _merged(counted: Sequence[Counted]) -> Counted:
    codes, place = np.unique(np.concatenate([one.codes for one in counted]), return_inverse=True)
    times = np.concatenate([one.times for one in counted])
    # Counts are whole and far below 2**53: their sums as doubles are exact.
    return Counted(codes, np.bincount(place, times, len(codes)).astype(np.int64))


def _summed(tables: Sequence[pa.Table], *columns: str) -> tuple[Any, ...]:
    sums = pa.concat_tables(tables).group_by("name").aggregate([(name, "sum") for name in columns])
    sums = sums.sort_by("name").combine_chunks()
    names = pa.concat_arrays([pa.array([], pa.string()), *sums["name"].chunks])
    return names, *(np.asarray(sums[f"{name}_sum"].to_numpy(), np.int64) for name in columns)


def find_source_values(bound: Bound, counts: Counts) -> Ints:
    """Give, of each claim, where its source and value stand among those kept, or -1."""
    code = bound.claim_source * len(counts.names.values) + bound.claim_value
    unknown = (bound.claim_source < 0) | (bound.claim_value < 0)
    place, known = find(counts.source_values, np.where(unknown, -1, code))
    return np.where(known, place, -1)
