"""What values mean to each other, and how far each is believed, for the claims being judged.

The kinds (values/) say which spellings are one value and which value speaks for another; truth
discovery (truth/) says how probable each value is, given how reliable its sources have shown
themselves. Both work on tables; nothing here loops over claims.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from warehouse import query
from warehouse.claims import CRITERIA, RelationRule
from warehouse.truth import TruthConfig, TruthState, discover_relations
from warehouse.truth.estimation import Each, each_here
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


COMPETING = pa.schema(
    [
        ("slot", pa.string()),
        ("relation", pa.string()),
        ("value_key", pa.string()),
        ("num_claims", pa.int64()),
    ]
)
GENERAL = pa.schema(
    [("fact_id", pa.string()), ("value_key", pa.string()), ("other_key", pa.string())]
)

Observed = tuple[pa.Table, pa.Table]
"""Who says what about slots, and how far their values speak for each other."""


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """What truth discovery found."""

    probabilities: pa.Table
    general: pa.Table
    """Values found to contain another one of their slot."""
    accuracies: pa.Table = field(default_factory=ACCURACIES.empty_table)
    states: dict[str, TruthState] = field(default_factory=dict)
    """What was estimated anew, by relation."""


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """How truth discovery is run."""

    config: TruthConfig = field(default_factory=TruthConfig)
    num_parts: int = 1
    """The slots are judged in so many parts; the result does not depend on it."""
    each: Each = each_here
    """Applies a function to every part: here, or as tasks elsewhere."""
    folder: Path | None = None
    """Where parts are written for those who judge them; null: the system's temporary folder."""
    is_settled: bool = False
    """Whether what the last full reconcile estimated is used, and nothing estimated anew."""


def rule_table(rules: Rules) -> pa.Table:
    """Return the rules as the table that decisions read, the default under null."""
    rows = [
        {
            "relation": relation,
            "rule_id": index,
            "slot": rule.slot,
            "kind": rule.values,
            "criteria": list(rule.criteria),
            "ranking": [CRITERIA.index(criterion) + 1 for criterion in rule.criteria],
            "superseding": "supersession" in rule.steps,
            "suspicious": "bad_import" in rule.steps,
            "relates": rule.relates,
            "is_numeric": rule.values in ("number", "date", "time"),
        }
        for index, (relation, rule) in enumerate(rules.items())
    ]
    return pa.Table.from_pylist(rows, schema=_RULES)


_RULES = pa.schema(
    [
        ("relation", pa.string()),
        ("rule_id", pa.int32()),
        ("slot", pa.string()),
        ("kind", pa.string()),
        ("criteria", pa.list_(pa.string())),
        ("ranking", pa.list_(pa.int64())),
        ("superseding", pa.bool_()),
        ("suspicious", pa.bool_()),
        ("relates", pa.bool_()),
        ("is_numeric", pa.bool_()),
    ]
)


def place(con: duckdb.DuckDBPyConnection, rules: Rules, as_of: date) -> None:
    """Make the table `placed`, and `keyed_claims` with the key of every value."""
    query.execute(con, "ruled_claims")
    query.execute(con, "reconcile_placed", as_of=as_of)
    values = query.run(con, "values_open")
    _make(con, "make_value_keys", keyed(values, _of_each(values["relation"], rules)))
    query.execute(con, "keyed_claims")
    if values.num_rows:
        query.execute(con, "place_keys")


def merge_near_values(con: duckdb.DuckDBPyConnection, rules: Rules) -> None:
    """Make the tables `merged_keys` and `value_support` of the slots in which values compete."""
    competing = COMPETING.empty_table()
    if any(rule.relates for rule in rules.values()):
        competing = query.run(con, "values_competing")
    merged, support = related(competing, _of_each(competing["relation"], rules))
    _make(con, "make_merged_keys", merged)
    _make(con, "make_value_support", support)


def observed(con: duckdb.DuckDBPyConnection, relation: str) -> Observed:
    """Say who says what of the slots of a relation, and how far values speak for each other."""
    return (
        query.run(con, "observations", relation=relation),
        query.run(con, "observed_support", relation=relation),
    )


def relations_by_truth(con: duckdb.DuckDBPyConnection, rules: Rules) -> list[str]:
    """Name the relations that are decided by truth and have a slot with a valid claim."""
    by_truth = {name for name, rule in rules.items() if "truth" in rule.criteria}
    if not by_truth:
        return []  # nearly always: relations need not be counted
    named = [str(row[0]) for row in query.execute(con, "relations_competing")]
    return [name for name in named if (name if name in rules else None) in by_truth]


def weigh(
    con: duckdb.DuckDBPyConnection, seen: Mapping[str, Sequence[Observed]], how: Weighing
) -> Weighed:
    """Find how probable each value is; `seen` has the parts of each relation, of whole slots.

    What a source is in one relation lets expect what it is in the others.
    """
    probabilities, accuracies = [PROBABILITIES.empty_table()], [ACCURACIES.empty_table()]
    general = [GENERAL.empty_table()]
    kept = {name: _state(con, name) if how.is_settled else None for name in seen}
    known = {name: state for name, state in kept.items() if state is not None}
    found = discover_relations(seen, how.config, known, how.each)
    for relation, truth in found.items():
        values = truth.values.rename_columns({"slot": "fact_id", "value": "value_key"})
        probabilities.append(values.select(PROBABILITIES.names))
        contained = values.filter(pc.is_valid(values["generalizes"]))
        contained = contained.rename_columns({"generalizes": "other_key"})
        general.append(contained.select(GENERAL.names))
        named = pa.array([relation] * truth.accuracies.num_rows, pa.string())
        named_accuracies = truth.accuracies.append_column("relation", named)
        accuracies.append(named_accuracies.select(ACCURACIES.names).cast(ACCURACIES))
    return Weighed(
        probabilities=pa.concat_tables(probabilities),
        general=pa.concat_tables(general),
        accuracies=pa.concat_tables(accuracies),
        states={name: truth.state for name, truth in found.items() if name not in known},
    )


def believe(con: duckdb.DuckDBPyConnection, weighed: Weighed) -> None:
    """Make the table `probabilities`; add values found to contain another to `value_support`."""
    _make(con, "make_probabilities", weighed.probabilities)
    _make(con, "add_general_values", weighed.general)


def record(
    con: duckdb.DuckDBPyConnection,
    states: Mapping[str, TruthState],
    snapshot_hash: str,
    moment: datetime,
) -> None:
    """Keep accuracies and estimates under the state of everything that they belong to."""
    query.execute(con, "record_accuracies", snapshot_hash=snapshot_hash, now=moment)
    for relation, state in states.items():
        query.execute(con, "clear_truth_state", relation=relation)
        for name, table in state.to_tables().items():
            kept = {"part": name, "content": _packed(table), "snapshot_hash": snapshot_hash}
            query.execute(con, "record_truth_state", relation=relation, **kept)


def part_of(fact_ids: pa.ChunkedArray, num_parts: int) -> pa.Array:
    """Return the part that each slot belongs to, by its number."""
    return pa.array([int(slot, 16) % num_parts for slot in fact_ids.to_pylist()], pa.int64())


def _make(con: duckdb.DuckDBPyConnection, name: str, table: pa.Table) -> None:
    con.register("made", table)
    query.execute(con, name)
    con.unregister("made")


def _state(con: duckdb.DuckDBPyConnection, relation: str) -> TruthState | None:
    kept = query.execute(con, "truth_state", relation=relation)
    if not kept:
        return None
    return TruthState.from_tables({str(name): _unpacked(content) for name, content in kept})


def _packed(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()


def _unpacked(content: object) -> pa.Table:
    return pa.ipc.open_stream(content).read_all()


def any_truth(rules: Rules) -> bool:
    """Say whether some relation is decided by truth."""
    return any("truth" in rule.criteria for rule in rules.values())


def _of_each(relations: pa.ChunkedArray, rules: Rules) -> dict[str, RelationRule]:
    names = relations.unique().to_pylist()
    return {name: rules.get(name, rules[None]) for name in names}
