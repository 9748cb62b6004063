"""Truth discovery over the claims of one relation: whole, in parts, or with beliefs of before.

Rounds alternate between the truth of every slot and the accuracy of every source. A part of the
slots gives sums (`partial`), the sums of all parts give beliefs (`combine`); all sums are exact,
so the result does not depend on the parts, nor on the order of the claims.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial as given
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.truth.counts import (
    Counts,
    Names,
    bind,
    combine_links,
    combine_names,
    count_links,
    count_names,
)
from warehouse.truth.estimates import Estimates, combine
from warehouse.truth.parts import Part, read_part
from warehouse.truth.rounds import first_partial, partial
from warehouse.truth.scores import Layout, lay_out, score
from warehouse.truth.settings import TruthConfig
from warehouse.truth.state import TruthState


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What was found."""

    values: pa.Table
    """One row for each value of each slot, ordered: slot, value, probability (that it is the
    truth), true (that it is, or contains, the truth), generalizes (the more special value of the
    slot that it contains, or null), needs_review (the slot's best value is not certain enough)."""
    accuracies: pa.Table
    """One row for each source, ordered: source, accuracy, num_claims, copy_group."""
    state: TruthState

    @property
    def num_rounds(self) -> int:
        """The rounds that the estimation took."""
        return self.state.num_rounds


class Each(Protocol):
    """How a function is applied to every part: here, or somewhere else at the same time."""

    def __call__(
        self, function: Callable[[Any], Any], items: Iterable[Any], *, keep: bool = False
    ) -> list[Any]:
        """Return the results in order; with `keep` they may stay where they are, as handles."""


def each_here(
    function: Callable[[Any], Any], items: Iterable[Any], *, keep: bool = False
) -> list[Any]:
    """Apply a function to every part, one after the other."""
    return [function(item) for item in items]


def discover(
    observations: pa.Table,
    support: pa.Table | None = None,
    config: TruthConfig | None = None,
    state: TruthState | None = None,
) -> Truth:
    """Find the truth of the slots of one relation.

    Args:
        observations: slot, source, value: texts; one relation.
        support: slot, value, other, support: how far, from 0 to 1, a claim of `other` speaks for
            `value` in that slot.
        config: the priors.
        state: beliefs of an earlier run, over all slots; nothing is estimated again, and the
            probabilities of these slots are those that they had in it, bit for bit.

    Raises:
        ValueError: a column is missing, or holds a null.
    """
    return discover_partitioned([(observations, support)], config, state)


def discover_partitioned(
    tables: Sequence[tuple[pa.Table, pa.Table | None]],
    config: TruthConfig | None = None,
    state: TruthState | None = None,
    each: Each = each_here,
) -> Truth:
    """Find the truth as `discover` does, of observations and support cut into parts of whole slots.

    Raises:
        ValueError: a column is missing, or holds a null.
    """
    config = config or TruthConfig()
    parts = each(read_tables, tables, keep=True)
    if state is None:
        state, layouts = estimate(parts, config, each)
    else:
        layouts = each(given(arrange, counts=state.counts, config=config), parts, keep=True)
    found = each(given(final, estimates=state.estimates, config=config), layouts)
    values = pa.concat_tables(found).sort_by([("slot", "ascending"), ("value", "ascending")])
    return Truth(values=values.combine_chunks(), accuracies=_accuracies(state), state=state)


def estimate(
    parts: Sequence[Any], config: TruthConfig, each: Each = each_here
) -> tuple[TruthState, list[Any]]:
    """Estimate the accuracies of all sources over all parts; give the parts as laid out, too."""
    names = combine_names(each(count_names, parts))
    links = each(given(_links, names=names, config=config), parts)
    counts = combine_links(links, names, config)
    layouts = each(given(arrange, counts=counts, config=config), parts, keep=True)
    sums = each(given(first_partial, counts=counts), layouts)
    beliefs = combine(sums, counts, config)
    for num_rounds in range(1, config.max_rounds + 1):  # noqa: B007
        sums = each(given(partial, counts=counts, estimates=beliefs, config=config), layouts)
        before, beliefs = beliefs, combine(sums, counts, config)
        moved = np.abs(beliefs.accuracy - before.accuracy).max(initial=0.0)
        if moved < config.tolerance:
            break
    return TruthState(counts=counts, estimates=beliefs, num_rounds=num_rounds), layouts


def read_tables(tables: tuple[pa.Table, pa.Table | None]) -> Part:
    """Check the tables of one part and number its claims.

    Raises:
        ValueError: a column is missing, or holds a null.
    """
    observations, support = tables
    support = SUPPORT.empty_table() if support is None else support
    for name, table, columns in (
        ("observations", observations, ("slot", "source", "value")),
        ("support", support, ("slot", "value", "other", "support")),
    ):
        for column in columns:
            if column not in table.column_names:
                raise ValueError(f"{name} has columns {table.column_names}, but no {column!r}")
            if table[column].null_count:
                raise ValueError(f"{name}.{column} holds {table[column].null_count} nulls")
    return read_part(observations, support)


def arrange(part: Part, counts: Counts, config: TruthConfig) -> Layout:
    """Lay a part out for rounds under these counts."""
    return lay_out(bind(part, counts.names), counts, config)


def final(layout: Layout, estimates: Estimates, config: TruthConfig) -> pa.Table:
    """Return the table of values (see `Truth`) of one part."""
    part, support = layout.bound.part, layout.support
    found = score(layout, estimates, config, final=True).probability
    best = np.zeros(part.num_slots)
    np.maximum.at(best, part.choice_slot, found)
    above = np.bincount(support.other, found[support.choice] * support.contained, len(found))
    special = np.full(len(found), -1)
    kept = support.contained >= _SURELY_CONTAINED
    order = np.argsort(found[support.choice[kept]], kind="stable")
    special[support.other[kept][order]] = support.choice[kept][order]
    value = pa.array(part.choice_value)
    names = pc.take(part.values, value)
    return pa.table(
        {
            "slot": pc.take(part.slots, pa.array(part.choice_slot)),
            "value": names,
            "probability": found,
            "true": np.minimum(found + above, 1.0),
            "generalizes": pc.take(names, pa.array(special, mask=special < 0)),
            "needs_review": best[part.choice_slot] < config.accept,
        }
    )


SUPPORT = pa.schema(
    {"slot": pa.string(), "value": pa.string(), "other": pa.string(), "support": pa.float64()}
)
_SURELY_CONTAINED = 0.5


def _links(part: Part, names: Names, config: TruthConfig) -> Any:
    return count_links(bind(part, names), names, config)


def _accuracies(state: TruthState) -> pa.Table:
    sources = state.to_tables()["sources"]
    return sources.select(["source", "accuracy", "num_claims", "copy_group"])
