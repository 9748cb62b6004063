"""Decide supposed slots by a relation's rule: what would be so if other claims had been made.

The same SQL as in a reconcile decides them, all in one pass, each supposition as a slot of its own.
Claims that take no part (withdrawn, outside their time, held back) are simply left out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import duckdb
import pyarrow as pa

from warehouse import query
from warehouse.claims import RelationRule
from warehouse.judgement import beliefs, partitions

_LAST_DAY = date(9999, 12, 31)
_CLAIMS = pa.schema(
    [
        ("slot", pa.string()),
        ("relation", pa.string()),
        ("value", pa.string()),
        ("source", pa.string()),
        ("authority", pa.float64()),
        ("observed_at", pa.date32()),
        ("valid_from", pa.date32()),
    ]
)
_PROBABILITIES = pa.schema(
    [("slot", pa.string()), ("value", pa.string()), ("probability", pa.float64())]
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """A claim, made or supposed."""

    value: str
    source: str
    authority: float = 1.0
    observed_at: date | None = None
    valid_from: date | None = None

    @property
    def since(self) -> date:
        """From when it holds in a time-varying slot; the first of days where nothing says so."""
        return self.valid_from or self.observed_at or date.min

    @property
    def strength(self) -> tuple[float, date, date]:
        """Order claims: authority, then date."""
        return (self.authority, self.since, self.observed_at or date.min)


@dataclass(frozen=True, kw_only=True)
class Supposition:
    """The claims of one slot as they might be."""

    claims: tuple[Said, ...]
    probabilities: Mapping[str, float] = field(default_factory=dict)
    """By value, where the rule asks for truth."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One value of a decided slot."""

    value: str
    """As it is written."""
    spellings: tuple[str, ...]
    """As claims write it."""
    sources: tuple[str, ...]
    outcome: str
    """winner, member (of a set), tie, beaten, or general: it supports the more special winner."""


def decide(
    relation: str, rule: RelationRule, suppositions: Sequence[Supposition]
) -> list[list[Standing]]:
    """Return for each supposition its values, decided by the rule."""
    slots = [f"{index:016x}" for index in range(len(suppositions))]
    found: dict[str, list[Standing]] = {slot: [] for slot in slots}
    with query.connect() as con:
        _lend(con, relation, rule, dict(zip(slots, suppositions, strict=True)))
        _judge(con, rule)
        for row in query.run(con, "suppose_outcomes").to_pylist():
            found[row["slot"]].append(
                Standing(
                    value=row["value"],
                    spellings=tuple(row["spellings"]),
                    sources=tuple(row["sources"]),
                    outcome=row["outcome"],
                )
            )
    return list(found.values())


def _lend(
    con: duckdb.DuckDBPyConnection,
    relation: str,
    rule: RelationRule,
    suppositions: Mapping[str, Supposition],
) -> None:
    claims = [
        {**vars(claim), "slot": slot, "relation": relation}
        for slot, supposition in suppositions.items()
        for claim in supposition.claims
    ]
    probabilities = [
        {"slot": slot, "value": value, "probability": probability}
        for slot, supposition in suppositions.items()
        for value, probability in supposition.probabilities.items()
    ]
    # Bad imports were left out before: here nothing is suspected.
    unsuspecting = replace(rule, steps=tuple(step for step in rule.steps if step != "bad_import"))
    con.register("supposed", pa.Table.from_pylist(claims, schema=_CLAIMS))
    con.register("rule_table", beliefs.rule_table({None: unsuspecting}))
    con.register(
        "supposed_probabilities", pa.Table.from_pylist(probabilities, schema=_PROBABILITIES)
    )


def _judge(con: duckdb.DuckDBPyConnection, rule: RelationRule) -> None:
    rules: dict[str | None, RelationRule] = {None: rule}
    for name in ("claims", "retractions", "forgotten", "imports"):
        query.execute(con, f"suppose_{name}")
    query.execute(con, "reconcile_rules")
    beliefs.place(con, rules, _LAST_DAY)
    beliefs.merge_near_values(con, rules)
    for name in ("strengths", "standings"):
        query.execute(con, f"reconcile_{name}")
    query.execute(con, "suppose_probabilities")
    partitions.settle(con)
    for name in ("spellings", "general"):
        query.execute(con, f"reconcile_{name}")
