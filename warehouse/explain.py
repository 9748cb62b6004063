"""Say why a slot has its value: the fact, and every claim about it with its fate."""

import difflib
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.normal import normal_form
from warehouse.snapshot import Snapshot

MAX_NEAREST = 5


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is known about one slot."""

    subject: str
    relation: str
    fact: dict[str, Any] | None
    """The row of facts.parquet; null if the slot has no fact."""
    claims: list[dict[str, Any]]
    """The rows of claims.parquet about the slot: used ones first."""
    conflict: dict[str, Any] | None
    """The row of conflicts.parquet, if the best values tie."""
    nearest_subjects: list[str]
    """When nothing matches: subjects spelled nearly so."""
    nearest_relations: list[str]
    """When nothing matches: relations of the subject, or of all subjects, the nearest first."""


def explain(snapshot: Snapshot, subject: str, relation: str) -> Explanation:
    """Explain the slot (subject, relation), given in any spacing and Unicode form."""
    subject, relation = normal_form(subject), normal_form(relation)
    claims = snapshot.claims()
    of_slot = _of_slot(claims, subject, relation)
    subjects: list[str] = []
    relations: list[str] = []
    if not of_slot:
        subjects, relations = _nearest(claims, subject, relation)
    return Explanation(
        subject=subject,
        relation=relation,
        fact=next(iter(_of_slot(snapshot.facts(), subject, relation)), None),
        claims=sorted(of_slot, key=lambda claim: claim["status"] != "used"),
        conflict=next(iter(_of_slot(snapshot.conflicts(), subject, relation)), None),
        nearest_subjects=subjects,
        nearest_relations=relations,
    )


def _of_slot(table: pa.Table, subject: str, relation: str) -> list[dict[str, Any]]:
    matches = pc.and_(pc.equal(table["subject"], subject), pc.equal(table["relation"], relation))
    rows: list[dict[str, Any]] = table.filter(matches).to_pylist()
    return rows


def _nearest(claims: pa.Table, subject: str, relation: str) -> tuple[list[str], list[str]]:
    subjects = claims["subject"].unique().to_pylist()
    known = claims.filter(pc.equal(claims["subject"], subject))["relation"].unique().to_pylist()
    relations = known or claims["relation"].unique().to_pylist()
    return (
        [] if known else _close(subject, subjects),
        _close(relation, relations) or sorted(relations)[:MAX_NEAREST],
    )


def _close(text: str, candidates: list[str]) -> list[str]:
    folded: dict[str, str] = {}
    for candidate in sorted(candidates):
        folded.setdefault(candidate.casefold(), candidate)
    close = difflib.get_close_matches(text.casefold(), list(folded), n=MAX_NEAREST)
    return [folded[name] for name in close]
