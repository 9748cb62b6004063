"""Say why a slot has its value, from the published snapshot alone.

The answer, every claim about it with its fate, what held when, and what would change the decision.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from warehouse import query
from warehouse.claims import RelationRule
from warehouse.explanations.odds import Odds
from warehouse.explanations.supposing import Said
from warehouse.explanations.what_would_change import Change, Slot, changes
from warehouse.normal import normal_form, relation_name
from warehouse.snapshots import Snapshot

MAX_NEAREST = 5
MAX_REFUSED = 5
MIN_SIMILARITY = 0.85
"""Jaro-Winkler: names less alike are not what was meant."""
SUSPICION = "suspected bad import"
"""How the reason of a claim that was taken for a bad import begins."""


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is known about one slot."""

    subject: str
    relation: str
    rule: dict[str, Any] | None = None
    """What the relation is declared to be; null if nobody spoke of the slot."""
    fact: dict[str, Any] | None
    """The row of facts.parquet; null if the slot has no fact."""
    conflict: dict[str, Any] | None
    """The row of conflicts.parquet, if the best values tie."""
    held_back: str | None = None
    """Why the decided value became no fact, if it did not."""
    claims: list[dict[str, Any]]
    """The rows of claims.parquet about the slot, each with its source's accuracy, copy_group and
    used_share: used ones first, then the strongest."""
    timeline: list[dict[str, Any]] = field(default_factory=list)
    """Of a time-varying slot: value, held_from, held_to, in order."""
    changes: list[Change] = field(default_factory=list)
    """What would change the decision, the smallest change first."""
    refused: list[dict[str, Any]] = field(default_factory=list)
    """Rows in quarantine that name the subject, whatever the relation; at most MAX_REFUSED."""
    nearest_subjects: list[str] = field(default_factory=list)
    """When nothing matches: subjects spelled nearly so."""
    nearest_relations: list[str] = field(default_factory=list)
    """When nothing matches: relations of the subject, or of all subjects, the nearest first."""


def explain(snapshot: Snapshot, subject: str, relation: str) -> Explanation:
    """Explain the slot (subject, relation), given in any spacing and Unicode form.

    Raises:
        SnapshotDamagedError: a file of the snapshot is missing.
    """
    subject, relation = normal_form(subject), relation_name(relation)
    refused = _refused(snapshot, subject)
    fact_id = _fact_id(subject, relation)
    claims = snapshot.about("claims", fact_id)
    fact = next(iter(snapshot.about("facts", fact_id)), None)
    conflict = next(iter(snapshot.about("conflicts", fact_id)), None)
    known: dict[str, Any] = {
        "subject": subject,
        "relation": relation,
        "fact": fact,
        "conflict": conflict,
    }
    if not claims:
        subjects, relations = _nearest(snapshot.claims(), subject, relation)
        return Explanation(
            **known,
            claims=[],
            refused=refused,
            nearest_subjects=subjects,
            nearest_relations=relations,
        )
    rule = rule_of(snapshot, relation)
    held_back = _held_back(claims) if fact is None and conflict is None else None
    claims = _with_sources(claims, snapshot.sources(), relation)
    return Explanation(
        **known,
        rule={"slot": rule.slot, "values": rule.values, "steps": list(rule.steps)},
        held_back=held_back,
        claims=claims,
        timeline=[
            {name: run[name] for name in ("value", "held_from", "held_to")}
            for run in snapshot.about("timeline", fact_id)
        ],
        changes=[] if held_back else changes(_slot(relation, rule, claims, fact), _answer(fact)),
        refused=refused,
    )


def rule_of(snapshot: Snapshot, relation: str) -> RelationRule:
    """Return the rule by which the snapshot's slots of a relation were decided."""
    rules = {row["relation"]: row["rule"] for row in snapshot.relations().to_pylist()}
    return RelationRule.from_json(rules.get(relation, rules[None]))


def _fact_id(subject: str, relation: str) -> str:
    with query.connect() as con:
        return str(query.execute(con, "slot_of", subject=subject, relation=relation)[0][0])


def _answer(fact: dict[str, Any] | None) -> str | None:
    return None if fact is None else fact["answer"]


def _held_back(claims: Sequence[dict[str, Any]]) -> str | None:
    reasons = [c["reason"] for c in claims if c["status"] == "held_back" and not _is_suspect(c)]
    return min(reasons, default=None)


def _is_suspect(claim: dict[str, Any]) -> bool:
    return claim["status"] == "held_back" and claim["reason"].startswith(SUSPICION)


def _counts(claim: dict[str, Any]) -> bool:
    if claim["status"] == "outdated":
        # Outside its time, unlike a claim that a later one outdates.
        return claim["reason"] != f"valid until {claim['valid_to']}"
    return claim["status"] in ("used", "contradicted")


def _with_sources(
    claims: list[dict[str, Any]], sources: pa.Table, relation: str
) -> list[dict[str, Any]]:
    of_relation = sources.filter(pc.equal(sources["relation"], relation)).to_pylist()
    known = {row["source"]: row for row in of_relation}
    for claim in claims:
        found = known.get(claim["source"], {})
        claim |= {name: found.get(name) for name in ("accuracy", "copy_group", "used_share")}
    return sorted(
        claims,
        key=lambda c: (
            c["status"] != "used",
            -c["authority"],
            -(c["observed_at"].toordinal() if c["observed_at"] else 0),
            c["claim_id"],
        ),
    )


def _slot(
    relation: str,
    rule: RelationRule,
    claims: Sequence[dict[str, Any]],
    fact: dict[str, Any] | None,
) -> Slot:
    return Slot(
        relation=relation,
        rule=rule,
        claims=tuple(_said(claim) for claim in claims if _counts(claim)),
        held_back=tuple(_said(claim) for claim in claims if _is_suspect(claim)),
        odds=_odds([claim for claim in claims if _counts(claim)], fact),
    )


def _said(claim: dict[str, Any]) -> Said:
    names = ("value", "source", "authority", "observed_at", "valid_from")
    return Said(**{name: claim[name] for name in names})


def _odds(claims: Sequence[dict[str, Any]], fact: dict[str, Any] | None) -> Odds:
    probabilities = {}
    backers: dict[str, list[str]] = {}
    for claim in claims:
        backers.setdefault(claim["value"], []).append(claim["source"])
        # A value's probability is published where it decided: in the loser's reason.
        if found := re.search(r": probability (\d\.\d+) against", claim["reason"]):
            probabilities[claim["value"]] = float(found.group(1))
    if fact is not None and fact["probability"] is not None:
        probabilities[fact["answer"]] = fact["probability"]
    return Odds(
        probabilities=probabilities,
        accuracies={c["source"]: c["accuracy"] for c in claims if c["accuracy"] is not None},
        backers=backers,
    )


def _refused(snapshot: Snapshot, subject: str) -> list[dict[str, Any]]:
    if not subject:
        return []
    with query.connect() as con:
        con.register("refused", snapshot.quarantine())
        found = query.run(con, "quarantined_about", subject=subject, max_rows=MAX_REFUSED)
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def _nearest(claims: pa.Table, subject: str, relation: str) -> tuple[list[str], list[str]]:
    known = claims.filter(pc.equal(claims["subject"], subject))["relation"].unique()
    relations = known if len(known) else claims["relation"].unique()
    return (
        [] if len(known) else _close(subject, claims["subject"].unique()),
        _close(relation, relations) or sorted(relations.to_pylist())[:MAX_NEAREST],
    )


def _close(given: str, names: pa.Array) -> list[str]:
    with query.connect() as con:
        con.register("named", pa.table({"name": names}))
        rows = query.execute(
            con,
            "nearest_names",
            given=given,
            min_similarity=MIN_SIMILARITY,
            max_names=MAX_NEAREST,
        )
    return [str(row[0]) for row in rows]
