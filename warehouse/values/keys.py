"""The keys of many values at once, and what the values of one slot say for each other."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import query
from warehouse.claims import RelationRule
from warehouse.values.kinds import Kind, kind_of

_DEFAULT = RelationRule()
_KINDS = pa.schema({"relation": pa.string(), "kind": pa.string()})
_BATCH_ROWS = 65_536


def keyed(values: pa.Table, rules: Mapping[str, RelationRule]) -> pa.Table:
    """Return (relation, value, value_key), row by row as given; `values` are distinct and not null.

    Texts and codes in plain ASCII, which is nearly everything, are settled in SQL; each other
    value is looked at once for each rule. Relations without a rule have the default one.
    """
    given = values.select(["relation", "value"]).cast(
        pa.schema({"relation": pa.string(), "value": pa.string()})
    )
    if not given.num_rows:
        return given.append_column("value_key", pa.array([], pa.string()))
    numbered = given.append_column("row_index", pa.array(np.arange(given.num_rows)))
    with query.connect() as con:
        con.register("distinct_values", numbered)
        con.register("kinds_of_relations", _kinds(rules))
        fast = query.run(con, "values_fast_keys")
    is_open = pc.is_null(fast["value_key"])
    rest = fast.filter(is_open)
    keys = pa.array(_slow_keys(rest, rules), pa.string())
    if keys:
        settled = fast["value_key"].combine_chunks()
        fast_keys = pc.replace_with_mask(settled, is_open.combine_chunks(), keys)
    else:
        fast_keys = fast["value_key"]
    return pa.table({**{name: fast[name] for name in given.column_names}, "value_key": fast_keys})


def related(candidates: pa.Table, rules: Mapping[str, RelationRule]) -> tuple[pa.Table, pa.Table]:
    """Return which keys stand for others in their slot, and how far they support each other.

    `candidates` has one row per (slot, value_key), with `relation` and `num_claims`; slots with
    fewer than two keys may be left out. The first table (slot, value_key, merged_key) has only keys
    that another stands for; the second (slot, value, other, support) has, between keys that stand
    for themselves, only support above 0 for a value other than itself. Both are ordered. Texts and
    codes have neither, and cost nothing.
    """
    kinds = {relation: kind_of(rule) for relation, rule in rules.items()}
    merges: list[tuple[object, str, str]] = []
    supports: list[tuple[object, str, str, float]] = []
    for slot, relation, keys, counts in _rivals(candidates, rules):
        kind = kinds[relation]
        stands_for = kind.merged(dict(zip(keys, counts, strict=True)))
        merges += [(slot, key, stands_for[key]) for key in keys if stands_for[key] != key]
        supports += _supports(slot, kind, [key for key in keys if stands_for[key] == key])
    slot_type = candidates.schema.field("slot").type
    return (
        _table(merges, {"slot": slot_type, "value_key": pa.string(), "merged_key": pa.string()}),
        _table(
            supports,
            {
                "slot": slot_type,
                "value": pa.string(),
                "other": pa.string(),
                "support": pa.float64(),
            },
        ),
    )


def _rivals(candidates: pa.Table, rules: Mapping[str, RelationRule]) -> Iterator[tuple[Any, ...]]:
    if not candidates.num_rows:
        return  # nearly always: it takes longer to open a database than to look
    with query.connect() as con:
        con.register("rivals", candidates)
        con.register("kinds_of_relations", _kinds(rules))
        slots = query.run(con, "values_rivals")
    yield from _rows(slots)


def _kinds(rules: Mapping[str, RelationRule]) -> pa.Table:
    names = sorted(rules)
    return pa.table(
        {"relation": names, "kind": [rules[name].values for name in names]}, schema=_KINDS
    )


def _slow_keys(rest: pa.Table, rules: Mapping[str, RelationRule]) -> list[str]:
    """Ask the kinds, once for each value of each rule."""
    known: dict[RelationRule, dict[str, str]] = {}
    found = []
    for relation, value in zip(
        rest["relation"].to_pylist(), rest["value"].to_pylist(), strict=True
    ):
        rule = rules.get(relation, _DEFAULT)
        keys = known.setdefault(rule, {})
        key = keys.get(value)
        if key is None:
            key = keys[value] = kind_of(rule).key(value)
        found.append(key)
    return found


def _supports(
    slot: object, kind: Kind, keys: list[str]
) -> Iterator[tuple[object, str, str, float]]:
    for key in keys:
        for other in keys:
            if key != other and (support := kind.support(key, other)) > 0:
                yield slot, key, other, support


def _rows(slots: pa.Table) -> Iterator[tuple[Any, ...]]:
    """Return the rows as tuples, a batch of them as Python values at a time."""
    for batch in slots.to_batches(max_chunksize=_BATCH_ROWS):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _table(rows: Sequence[tuple[object, ...]], types: Mapping[str, pa.DataType]) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else ([] for _ in types)
    arrays = [
        pa.array(list(column), kind) for column, kind in zip(columns, types.values(), strict=True)
    ]
    return pa.table(dict(zip(types, arrays, strict=True)))
