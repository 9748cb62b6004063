"""What a model is asked: training and held-out phrasings of every fact, foreign questions."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flows.planning.sampled_questions import sampled_questions
from warehouse.claims import RelationRule
from warehouse.reference import foreign_questions, heldout_questions, missing_questions
from warehouse.reference.unanswered import unanswered_questions
from warehouse.snapshots import Snapshot
from warehouse.tombstones import published_tombstone

if TYPE_CHECKING:
    from lamini.proof.recall import Question


def questions_for(published: Snapshot, assignment: Path, num_prompts: int) -> list["Question"]:
    """Return what is asked: every fact in training and held-out phrasings, and foreign questions.

    A sample of facts is asked in each declared phrasing and in surface variants.

    Free-running generation is slow: a fact is asked one of its `num_prompts` tuned phrasings, the
    next fact the next one.
    """
    from lamini.proof.recall import Question
    from lamini.training_data import read_training_facts

    facts = {fact.fact_id: fact for fact in read_training_facts(assignment)}
    table = published.facts()
    relation_of = dict(
        zip(table["fact_id"].to_pylist(), table["relation"].to_pylist(), strict=True)
    )
    known = {prompt for fact in facts.values() for prompt in fact.prompts}
    asked_of_facts = [
        Question(
            kind="training",
            template=relation_of[fact.fact_id],
            prompt=fact.prompts[turn % min(num_prompts, len(fact.prompts))],
            cloze=fact.cloze,
            fact_id=fact.fact_id,
            answer=fact.answer,
            group_index=fact.group_index,
        )
        for turn, fact in enumerate(facts.values())
    ]
    asked_of_facts += [
        Question(
            kind="heldout",
            template=row["template"],
            prompt=row["prompt"],
            fact_id=row["fact_id"],
            answer=facts[row["fact_id"]].answer,
            group_index=facts[row["fact_id"]].group_index,
        )
        for row in heldout_questions(
            table, {name: rule.heldout for name, rule in _rules(published).items()}
        ).to_pylist()
        if row["fact_id"] in facts and row["prompt"] not in known
    ]
    asked_of_facts += sampled_questions([*facts.values()], relation_of)
    questions = accepting(asked_of_facts, published)
    questions += [
        Question(kind=row["kind"], template=row["kind"], prompt=row["prompt"])
        for asked in (
            foreign_questions(),
            missing_questions(table),
            unanswered_questions(table, partial(published_tombstone, published.path.parents[1])),
        )
        for row in asked.to_pylist()
        # A user's table may answer what the reference facts leave open.
        if row["prompt"] not in known
    ]
    return questions


def _rules(published: Snapshot) -> dict[str, RelationRule]:
    rows = published.relations().select(["relation", "rule"]).to_pylist()
    return {row["relation"]: RelationRule.from_json(row["rule"]) for row in rows if row["relation"]}


def accepting(questions: list["Question"], published: Snapshot) -> list["Question"]:
    """Let other spellings of the answer count where the relation's rule says `aliases_equal`."""
    lenient = {relation for relation, rule in _rules(published).items() if rule.aliases_equal}
    if not lenient:
        return questions
    facts = published.facts().select(["fact_id", "relation", "aliases"]).to_pylist()
    accepted = {f["fact_id"]: tuple(f["aliases"]) for f in facts if f["relation"] in lenient}
    return [replace(q, accepted=accepted.get(str(q.fact_id), ())) for q in questions]
