"""Claims as integer arrays: the form in which a part of the slots is resolved.

A choice is one value of one slot, with the claims that name it. Slots, values and sources are
numbered in the order of their names, so neither the order of the claims nor the cut into parts
shows in any sum.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Whole slots with all their claims, sorted by slot, value and source."""

    slots: pa.Array
    """Their names, sorted; so are those of values and sources."""
    values: pa.Array
    sources: pa.Array
    claim_choice: Ints
    """Of each claim: the choice that it names..."""
    claim_source: Ints
    """...and the source that makes it."""
    choice_slot: Ints
    """Of each choice: its slot..."""
    choice_value: Ints
    """...and its value."""
    pair_choice: Ints
    """Of each pair of choices of one slot with support: the choice that is spoken for..."""
    pair_other: Ints
    """...the choice whose claims speak for it..."""
    pair_support: Floats
    """...how far they do, support(choice, other) in [0, 1]..."""
    pair_reverse: Floats
    """...and how far it is so the other way round, support(other, choice)."""

    @property
    def num_slots(self) -> int:
        """The number of slots."""
        return len(self.slots)

    @property
    def num_choices(self) -> int:
        """The number of different values of slots."""
        return len(self.choice_slot)


def read_part(observations: pa.Table, support: pa.Table) -> Part:
    """Number the claims of whole slots; what is said twice counts once."""
    slots, slot = _numbered(observations["slot"])
    values, value = _numbered(observations["value"])
    sources, source = _numbered(observations["source"])
    order = np.lexsort((source, value, slot))
    slot, value, source = slot[order], value[order], source[order]
    new = _changes(slot, value, source)
    slot, value, source = slot[new], value[new], source[new]
    starts = _changes(slot, value)
    choice_slot, choice_value = slot[starts], value[starts]
    pairs = _read_support(support, slots, values, choice_slot, choice_value)
    return Part(
        slots=slots,
        values=values,
        sources=sources,
        claim_choice=np.cumsum(starts) - 1,
        claim_source=source,
        choice_slot=choice_slot,
        choice_value=choice_value,
        pair_choice=pairs.choice,
        pair_other=pairs.other,
        pair_support=pairs.support,
        pair_reverse=pairs.reverse,
    )


def same_slot_pairs(slot: Ints, reach: int) -> tuple[Ints, Ints]:
    """Return all ordered pairs of rows of one slot (rows sorted by slot), at most `reach` apart."""
    lefts, rights = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for distance in range(1, reach):
        left = np.flatnonzero(slot[:-distance] == slot[distance:])
        if not len(left):
            break
        lefts += [left, left + distance]
        rights += [left + distance, left]
    return np.concatenate(lefts), np.concatenate(rights)


class _Pairs(NamedTuple):
    choice: Ints
    other: Ints
    support: Floats
    reverse: Floats


def _numbered(column: pa.ChunkedArray) -> tuple[pa.Array, Ints]:
    encoded = pc.dictionary_encode(column.cast(pa.string()).combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary.take(pa.array(order)), rank[codes]


def _changes(*columns: Ints) -> Bools:
    changed = np.ones(len(columns[0]), bool)
    changed[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return changed


def _read_support(
    support: pa.Table, slots: pa.Array, values: pa.Array, choice_slot: Ints, choice_value: Ints
) -> _Pairs:
    width = max(len(values), 1)
    codes = choice_slot * width + choice_value
    slot = index_of(support["slot"], slots)
    value, rival = index_of(support["value"], values), index_of(support["other"], values)
    choice, known = find(codes, np.where((slot < 0) | (value < 0), -1, slot * width + value))
    other, other_known = find(codes, np.where((slot < 0) | (rival < 0), -1, slot * width + rival))
    degree = support["support"].to_numpy().astype(np.float64)
    kept = known & other_known & (choice != other) & (degree > 0)
    choice, other, degree = choice[kept], other[kept], np.minimum(degree[kept], 1.0)
    order = np.lexsort((degree, other, choice))
    choice, other, degree = choice[order], other[order], degree[order]
    width = max(len(codes), 1)
    back, has_back = find(choice * width + other, other * width + choice)
    reverse = np.where(has_back, degree[back], 0.0) if len(degree) else degree
    return _Pairs(choice, other, degree, reverse)


def index_of(column: pa.ChunkedArray, names: pa.Array) -> Ints:
    """Return where each name stands among the sorted names, -1 where it does not."""
    found = pc.fill_null(pc.index_in(column.cast(pa.string()), names), -1)
    return np.asarray(found, np.int64)


def find(codes: Ints, wanted: Ints) -> tuple[Ints, Bools]:
    """Return where each wanted code stands among the sorted codes, and whether it does."""
    place = np.minimum(np.searchsorted(codes, wanted), max(len(codes) - 1, 0))
    return place, (codes[place] == wanted) if len(codes) else np.zeros(len(wanted), bool)


def take(amounts: NDArray[T], index: Ints, missing: float) -> NDArray[T]:
    """Return the amount of each index, of -1 what is taken for the missing."""
    return np.append(amounts, np.asarray(missing, amounts.dtype))[index]
