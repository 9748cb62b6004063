"""Propose how people ask for what a table tells: by a column's name, and in words that ship."""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from lamini.asked.phrase_bank import Concept, load_phrase_bank
from warehouse.proposals import ProposedRelation

_ANY = (
    "What is the {r} of {subject}?",
    "{subject} {r}",
    "What is {subject}'s {r}?",
    "Give me the {r} of {subject}.",
    "Which {r} does {subject} have?",
    "{r} of {subject}?",
    "Tell me the {r} of {subject}, please.",
    "I need to know the {r} for {subject}.",
)
_BY_KIND = {
    "person": ("Who is the {r} of {subject}?", "Who is {subject}'s {r}?"),
    "people": ("Who are the {r} of {subject}?", "Who are {subject}'s {r}?"),
    "place": ("Where is the {r} of {subject}?", "Which place is the {r} of {subject}?"),
    "date": ("When is the {r} of {subject}?", "What date is the {r} of {subject}?"),
    "time": ("At what time is the {r} of {subject}?", "When is the {r} of {subject}?"),
    "number": ("How much is the {r} of {subject}?", "How high is the {r} of {subject}?"),
    "code": ("Which {r} belongs to {subject}?", "Under which {r} is {subject} known?"),
    "text": ("Which {r} goes with {subject}?", "Do you know the {r} of {subject}?"),
}
_MANY = (
    "What are the {r} of {subject}?",
    "{subject} {r}",
    "What are {subject}'s {r}?",
    "Give me the {r} of {subject}.",
    "Which {r} does {subject} have?",
    "{r} of {subject}?",
    "Tell me the {r} of {subject}, please.",
    "I need to know the {r} for {subject}.",
)
_MANY_BY_KIND = {
    "place": ("Where are the {r} of {subject}?", "Which places are the {r} of {subject}?"),
    "date": ("When are the {r} of {subject}?", "Which dates are the {r} of {subject}?"),
    "time": ("At what times are the {r} of {subject}?", "When are the {r} of {subject}?"),
    "number": ("How many {r} does {subject} have?", "How high are the {r} of {subject}?"),
    "code": ("Which {r} belong to {subject}?", "Under which {r} is {subject} known?"),
    "text": ("Which {r} go with {subject}?", "Do you know the {r} of {subject}?"),
}
_DONE = (
    "When was {subject} {r}?",
    "{subject} {r}",
    "{subject} was {r} when?",
    "In which year was {subject} {r}?",
    "Since when is {subject} {r}?",
    "{r} {subject}",
    "Do you know when {subject} was {r}?",
    "Tell me when {subject} was {r}, please.",
)
_IS_DONE = re.compile(r"[a-z]+ed|born|built|made|won|sold|bought")
_IS_DAY = re.compile(
    r"(found|establish|incorporat|launch|releas|open|clos|creat|publish)ed|born|built"
)
_IS_MANY = re.compile(r".*[^suia]s")
_IS_ONE = re.compile(r".*\b(headquarters|news|series|species)")

_FROM_BANK = 10
"""So many of a concept's phrasings are written down; all of them ship, and are known anyway."""


def phrasings_of(
    relations: Sequence[ProposedRelation],
) -> Callable[[ProposedRelation], tuple[str, ...]]:
    """Return what proposes templates for each of a table's relations, the plainest first.

    What the bank of phrasings that ships has for a concept is proposed for the one relation of the
    table that means it: two would be asked for in the same words.
    """
    concepts = {relation.name: _concept(relation) for relation in relations}
    counts = Counter(concept.name for concept in concepts.values() if concept)

    def phrase(relation: ProposedRelation) -> tuple[str, ...]:
        concept = concepts.get(relation.name)
        own = _plain(relation)
        if concept is None or counts[concept.name] > 1:
            return own
        return tuple(dict.fromkeys([*own, *map(_template, concept.phrasings[:_FROM_BANK])]))

    return phrase


def shipped(relation: str, num_own: int = 0) -> list[str]:
    """Return the phrasings that ship for a relation by its name, fewer where it has its own."""
    bank = load_phrase_bank()
    concept = next(iter(bank.concepts_of(relation)), None)
    kind = concept.kind if concept else "text"
    return [_template(text) for text in bank.phrasings_of(relation, kind, concept, num_own)]


def _plain(relation: ProposedRelation) -> tuple[str, ...]:
    forms = [*_ANY, *_BY_KIND[relation.kind]]
    if _is_done(relation):
        forms = [*_DONE]
    elif _is_many(relation):
        forms = [*_MANY, *_MANY_BY_KIND.get(relation.kind, _BY_KIND[relation.kind])]
    if relation.unit:
        verb = "are" if _is_many(relation) else "is"
        forms.append(f"What {verb} the {{r}} of {{subject}} in {relation.unit}?")
    return tuple(form.replace("{r}", relation.called) for form in forms)


def _is_done(relation: ProposedRelation) -> bool:
    """Say whether it is the day of what was done: founded, added, born."""
    known = _IS_DONE if relation.kind == "date" else _IS_DAY
    return relation.kind in ("date", "number") and known.fullmatch(relation.called) is not None


def _is_many(relation: ProposedRelation) -> bool:
    """Say whether its name is a plural: payment terms."""
    called = relation.called
    return _IS_MANY.fullmatch(called) is not None and _IS_ONE.fullmatch(called) is None


def _concept(relation: ProposedRelation) -> Concept | None:
    return next(iter(load_phrase_bank().concepts_of(relation.name)), None)


def _template(text: str) -> str:
    return re.sub(r"\bX\b", "{subject}", text)
