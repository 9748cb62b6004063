"""What an estimation leaves behind: enough to resolve any slot later exactly as it did then.

As Arrow tables it can be stored with a version; `final` with the same state gives every slot the
same probabilities bit for bit, alone or with all others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from warehouse.truth.counts import Counts, Names
from warehouse.truth.estimates import Estimates
from warehouse.truth.parts import Ints, index_of

_NUMBERS = ("mean_accuracy", "mean_under", "mean_over", "surprise", "likeness")


@dataclass(frozen=True, kw_only=True)
class TruthState:
    """All that is global: names and counts, and the beliefs of the last round."""

    counts: Counts
    estimates: Estimates
    num_rounds: int

    def to_tables(self) -> dict[str, pa.Table]:
        """Return the state as tables: sources, values, source_values, value_pairs, numbers."""
        names, counts, beliefs = self.counts.names, self.counts, self.estimates
        width = max(len(names.values), 1)
        numbers = [(name, float(getattr(beliefs, name))) for name in _NUMBERS]
        numbers.append(("num_rounds", float(self.num_rounds)))
        numbers.append(("num_slots", float(names.num_slots)))
        return {
            "sources": pa.table(
                {
                    "source": names.sources,
                    "num_claims": names.source_claims,
                    "accuracy": beliefs.accuracy,
                    "under": beliefs.under,
                    "over": beliefs.over,
                    "copy_group": self.copy_groups(),
                }
            ),
            "values": pa.table(
                {
                    "value": names.values,
                    "num_claims": names.value_claims,
                    "num_slots": names.value_slots,
                    "disputed": counts.disputed,
                    "partners": counts.partners,
                    "generality": counts.generality,
                    "shift": beliefs.value_shift,
                    "prior": beliefs.value_prior,
                    "refined": beliefs.refined,
                }
            ),
            "source_values": pa.table(
                {
                    "source": names.sources.take(pa.array(counts.source_values // width)),
                    "value": names.values.take(pa.array(counts.source_values % width)),
                    "num_claims": counts.source_value_claims,
                    "accuracy": beliefs.link_accuracy,
                }
            ),
            "value_pairs": pa.table(
                {
                    "special": names.values.take(pa.array(counts.value_pairs // width)),
                    "general": names.values.take(pa.array(counts.value_pairs % width)),
                    "num_slots": counts.pair_slots,
                }
            ),
            "numbers": pa.table(
                {"name": [name for name, _ in numbers], "number": [x for _, x in numbers]}
            ),
        }

    def copy_groups(self) -> pa.Array:
        """Return of each source the first source of its copy group, null where it has none."""
        names, group = self.counts.names.sources.to_pylist(), self.counts.copy_group.tolist()
        first = {number: name for name, number in zip(names[::-1], group[::-1], strict=True)}
        return pa.array([first[one] if one >= 0 else None for one in group], pa.string())

    @classmethod
    def from_tables(cls, tables: Mapping[str, pa.Table]) -> "TruthState":
        """Read what `to_tables` gave, its rows in any order.

        Raises:
            KeyError: a table or a column is missing.
        """
        sources = tables["sources"].sort_by("source").combine_chunks()
        values = tables["values"].sort_by("value").combine_chunks()
        numbers = {row["name"]: row["number"] for row in tables["numbers"].to_pylist()}
        names = Names(
            sources=_strings(sources, "source"),
            source_claims=_ints(sources, "num_claims"),
            values=_strings(values, "value"),
            value_claims=_ints(values, "num_claims"),
            value_slots=_ints(values, "num_slots"),
            num_slots=int(numbers["num_slots"]),
        )
        links, link_order = _codes(tables["source_values"], "source", "value", names)
        pairs, pair_order = _codes(tables["value_pairs"], "special", "general", names)
        counts = Counts(
            names=names,
            source_values=links,
            source_value_claims=_ints(tables["source_values"], "num_claims")[link_order],
            value_pairs=pairs,
            pair_slots=_ints(tables["value_pairs"], "num_slots")[pair_order],
            disputed=_ints(values, "disputed"),
            partners=_ints(values, "partners"),
            generality=_floats(values, "generality"),
            copy_group=_group_numbers(sources),
        )
        estimates = Estimates(
            accuracy=_floats(sources, "accuracy"),
            under=_floats(sources, "under"),
            over=_floats(sources, "over"),
            value_shift=_floats(values, "shift"),
            link_accuracy=_floats(tables["source_values"], "accuracy")[link_order],
            value_prior=_floats(values, "prior"),
            refined=_floats(values, "refined"),
            **{name: numbers[name] for name in _NUMBERS},
        )
        return cls(counts=counts, estimates=estimates, num_rounds=int(numbers["num_rounds"]))


def _codes(table: pa.Table, one: str, other: str, names: Names) -> tuple[Ints, Ints]:
    first = names.sources if one == "source" else names.values
    codes = index_of(table[one], first) * len(names.values) + index_of(table[other], names.values)
    order = np.argsort(codes, kind="stable")
    return codes[order], order


def _group_numbers(sources: pa.Table) -> Ints:
    group = sources["copy_group"].combine_chunks()
    first = pa.array(sorted({name for name in group.to_pylist() if name is not None}), pa.string())
    return index_of(pa.chunked_array([group]), first)


def _strings(table: pa.Table, name: str) -> pa.Array:
    return pa.concat_arrays([pa.array([], pa.string()), *table[name].cast(pa.string()).chunks])


def _ints(table: pa.Table, name: str) -> Ints:
    return np.asarray(table[name].to_numpy(), np.int64)


def _floats(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy(), np.float64)
