"""What values mean to each other, and how far each is believed, for the claims being judged.

The kinds (values/) say which spellings are one value and which value speaks for another; truth
discovery (truth/) says how probable each value is, given how reliable its sources have shown
themselves. Both work on tables; nothing here loops over claims.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse import query
from warehouse.relations import RelationRule
from warehouse.values.keys import keyed, related

Rules = Mapping[str | None, RelationRule]

PROBABILITIES = pa.schema(
    [("fact_id", pa.string()), ("value_key", pa.string()), ("probability", pa.float64())]
)
ACCURACIES = pa.schema(
    [
        ("relation", pa.string()),
        ("source", pa.string()),
        ("accuracy", pa.float64()),
        ("num_claims", pa.int64()),
        ("copy_group", pa.string()),
    ]
)


@contextmanager
def keys(con: duckdb.DuckDBPyConnection, rules: Rules) -> Iterator[None]:
    """Lend the table `value_keys` (relation, value, value_key) of all values claimed."""
    values = query.run(con, "values_claimed")
    con.register("value_keys", keyed(values, _of_each(values["relation"], rules)))
    try:
        yield
    finally:
        con.unregister("value_keys")


def merge_near_values(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Make the tables `merged_keys` and `value_support` of the slots in which values compete."""
    competing = query.run(con, "values_competing")
    merged, support = related(competing, _of_each(competing["relation"], rules))
    for name, table in (("merged_keys", merged), ("value_support", support)):
        con.register("made", table)
        query.execute(con, f"make_{name}")
        con.unregister("made")


def weigh(con: duckdb.DuckDBPyConnection, rules: Rules, *, anew: bool = True) -> None:
    """Make the tables `probabilities` and `new_accuracies` for relations decided by truth.

    Not `anew`, the claims to be judged are a part of all: the accuracies recorded last count.
    """
    probabilities = [PROBABILITIES.empty_table()]
    accuracies = [ACCURACIES.empty_table()]
    for relation in sorted(_by_truth(con, rules)):
        raise NotImplementedError(relation)
    for name, tables in (("probabilities", probabilities), ("new_accuracies", accuracies)):
        con.register("made", pa.concat_tables(tables))
        query.execute(con, f"make_{name}")
        con.unregister("made")


def record(con: duckdb.DuckDBPyConnection, snapshot_hash: str, moment: datetime) -> None:
    """Keep the accuracies under the state that they belong to."""
    query.execute(con, "record_accuracies", snapshot_hash=snapshot_hash, now=moment)


def _by_truth(con: duckdb.DuckDBPyConnection, rules: Rules) -> list[str]:
    by_truth = {name for name, rule in rules.items() if "truth" in rule.criteria}
    if not by_truth:
        return []
    named = [str(row[0]) for row in query.execute(con, "relations_competing")]
    return [name for name in named if (name if name in rules else None) in by_truth]


def _of_each(relations: pa.ChunkedArray, rules: Rules) -> dict[str, RelationRule]:
    names = relations.unique().to_pylist()
    return {name: rules.get(name, rules[None]) for name in names}
