"""Truth discovery over the claims of relations: whole, in parts, or with beliefs of before.

Rounds alternate between the truth of every slot and the accuracy of every source (`estimation`). A
part of the slots gives sums (`partial`), the sums of all parts give beliefs (`combine`); all sums
are exact, so the result does not depend on the parts, nor on the order of the claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial as given

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.truth.estimates import Estimates
from warehouse.truth.estimation import Each, arrange, each_here, estimate
from warehouse.truth.parts import Part, read_part
from warehouse.truth.scores import Layout, score
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
    states = {} if state is None else {"": state}
    return discover_relations({"": tables}, config, states, each)[""]


def discover_relations(
    relations: Mapping[str, Sequence[tuple[pa.Table, pa.Table | None]]],
    config: TruthConfig | None = None,
    states: Mapping[str, TruthState] | None = None,
    each: Each = each_here,
) -> dict[str, Truth]:
    """Find the truth of the slots of several relations, whose sources are known by all of them.

    `states` are beliefs of an earlier run; relations that have none are estimated together.

    Raises:
        ValueError: a column is missing, or holds a null.
    """
    config = config or TruthConfig()
    known = states or {}
    parts = {name: each(read_tables, tables, keep=True) for name, tables in relations.items()}
    unknown = {name: own for name, own in parts.items() if name not in known}
    settled = {**known, **(estimate(unknown, config, each) if unknown else {})}
    return {name: _resolve(own, settled[name], config, each) for name, own in parts.items()}


def _resolve(parts: Sequence[object], state: TruthState, config: TruthConfig, each: Each) -> Truth:
    layouts = each(given(arrange, counts=state.counts, config=config), parts, keep=True)
    found = each(given(final, estimates=state.estimates, config=config), layouts)
    values = pa.concat_tables(found).sort_by([("slot", "ascending"), ("value", "ascending")])
    return Truth(values=values.combine_chunks(), accuracies=_accuracies(state), state=state)


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


def _accuracies(state: TruthState) -> pa.Table:
    sources = state.to_tables()["sources"]
    return sources.select(["source", "accuracy", "num_claims", "copy_group"])
