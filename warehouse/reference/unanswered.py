"""Questions about tables of the user's own that none of their facts answers.

Most only measure; some, in other words, teach the router silence. Those about the reference facts
were written by people (warehouse/reference/questions.py). Here the words come from the table: its
phrasings with another subject, and its subjects in questions about what it does not speak of.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from warehouse.reference.phrasings import read, relations
from warehouse.reference.questions import drawn, of_kinds

MAX_QUESTIONS = 80
"""Of each kind."""
MAX_SUBJECTS = 1_000
"""That negatives are made for."""
_WORD = re.compile(r"\w+")


def unanswered_questions(
    facts: pa.Table, is_forgotten: Callable[[str, str], object] = lambda subject, relation: False
) -> pa.Table:
    """Return questions that the facts do not answer: columns `prompt` and `kind`.

    kind is `near_foreign` (a subject of theirs, asked for what no relation of the table speaks of),
    `missing_fact` (a subject asked for a relation that others of its sort have, and it has not) or
    `foreign_subject` (a relation of theirs, a subject of no fact). The same facts give the same
    table. Reference relations are left out, and what is forgotten: its question is to be, too.
    """
    own = _own(facts)
    relations_of: dict[str, set[str]] = {}
    for fact in own:
        relations_of.setdefault(fact["subject"], set()).add(fact["relation"])
    template_of = _templates(own)
    strange = _strange_templates("heldout_foreign", own)
    named = {*facts["subject"].to_pylist()}
    named.update(alias for aliases in facts["aliases"].to_pylist() for alias in aliases or ())
    strangers = [s for s in read("heldout_foreign")["foreign_subjects_country"] if s not in named]
    asked = {
        "near_foreign": [
            (template, subject)
            for subject in drawn([*relations_of], MAX_QUESTIONS)
            for template in strange
        ],
        "missing_fact": [
            (template_of[relation], subject)
            for subject, relation in _holes(relations_of)
            if relation in template_of and not is_forgotten(subject, relation)
        ],
        "foreign_subject": [(t, subject) for subject in strangers for t in template_of.values()],
    }
    answered = {prompt for prompts in facts["prompts"].to_pylist() for prompt in prompts}
    return of_kinds(
        {
            kind: drawn(
                {t.replace("{subject}", subject) for t, subject in pairs} - answered, MAX_QUESTIONS
            )
            for kind, pairs in asked.items()
        }
    )


def near_foreign_negatives(facts: pa.Table, seed: int) -> list[str]:
    """Return training questions about subjects of theirs that the table lacks, shuffled.

    Other ones than `unanswered_questions` asks. The same facts and seed give the same list.
    """
    own = _own(facts)
    templates = _strange_templates("training_foreign", own)
    subjects = drawn({fact["subject"] for fact in own}, MAX_SUBJECTS)
    found = [t.replace("{subject}", subject) for subject in subjects for t in templates]
    random.Random(seed).shuffle(found)
    return found


def _own(facts: pa.Table) -> list[dict[str, Any]]:
    rows = facts.select(["subject", "relation", "question"]).to_pylist()
    return [row for row in rows if row["relation"] not in relations()]


def _templates(own: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return each relation's most common question, with a hole for the subject."""
    found: dict[str, Counter[str]] = {}
    for fact in own:
        if fact["question"] and fact["subject"] in fact["question"]:
            template = fact["question"].replace(fact["subject"], "{subject}")
            found.setdefault(fact["relation"], Counter())[template] += 1
    return {
        relation: min(counts, key=lambda template: (-counts[template], template))
        for relation, counts in sorted(found.items())
    }


def _strange_templates(file: str, own: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the questions of a file about what neither relations nor their questions speak of."""
    texts = {*(fact["relation"] for fact in own), *_templates(own).values()}
    words = {word.casefold() for text in texts for word in _WORD.findall(text)}
    return [
        question["asked"]
        for question in read(file)["near_foreign_any"]
        if not any(word.startswith(tuple(question["about"])) for word in words)
    ]


def _holes(relations_of: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Return subjects with relations that they lack and that occur beside theirs elsewhere."""
    beside: dict[str, set[str]] = {}
    for known in {frozenset(known) for known in relations_of.values()}:
        for relation in known:
            beside.setdefault(relation, set()).update(known)
    lacking = {
        subject: sorted({other for relation in known for other in beside[relation]} - known)
        for subject, known in relations_of.items()
    }
    chosen = drawn([subject for subject, lacks in lacking.items() if lacks], MAX_QUESTIONS)
    return [(subject, relation) for subject in chosen for relation in lacking[subject]]
