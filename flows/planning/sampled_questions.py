"""What a sample of facts is asked: each phrasing that a table declares, and surface variants.

They tell which words are read at all. They are a sample, so no fact counts as lost by them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from lamini.proof.recall import Question
    from lamini.training_data import TrainingFact

PHRASING, SURFACE = "phrasing", "surface"
SAMPLED = (PHRASING, SURFACE)
_OF_PHRASING = 3
_OF_VARIANT = 8
_MAX_QUESTIONS = 300
"""In phrasings: where there are many, each is asked of fewer facts, of one at least."""
Item = TypeVar("Item")


def sampled_questions(
    facts: Sequence["TrainingFact"], relation_of: dict[str, str]
) -> Iterator["Question"]:
    """Yield the questions: template is the phrasing with `{}` for the subject, or the variant.

    A phrasing that one fact alone has is that fact's own and is left to recall of all facts.
    """
    from lamini.proof.surface_variants import VARIANTS

    asked: dict[tuple[str, str], list[tuple[TrainingFact, str]]] = {}
    for fact in facts:
        for prompt in fact.prompts if fact.subject else ():
            key = relation_of[fact.fact_id], fact.template(prompt)
            asked.setdefault(key, []).append((fact, prompt))
    shared = {key: own for key, own in asked.items() if len(own) > 1}
    number = min(_OF_PHRASING, max(1, _MAX_QUESTIONS // max(1, len(shared))))
    for (_, template), own in [*shared.items()][:_MAX_QUESTIONS]:
        for fact, prompt in _spread(own, number):
            yield _question(PHRASING, template, fact, prompt)
    whole = [fact for fact in facts if not fact.cloze]
    for turn, (name, change) in enumerate(VARIANTS.items()):
        for fact in _spread([*whole[turn:], *whole[:turn]], _OF_VARIANT):
            yield _question(SURFACE, name, fact, change(fact.prompts[0]))


def _spread(items: Sequence[Item], number: int) -> list[Item]:
    if number >= len(items):
        return [*items]
    return [items[i * len(items) // number] for i in range(number)]


def _question(kind: str, template: str, fact: "TrainingFact", prompt: str) -> "Question":
    from lamini.proof.recall import Question

    return Question(
        kind=kind,
        template=template,
        prompt=prompt,
        cloze=fact.cloze,
        fact_id=fact.fact_id,
        answer=fact.answer,
        group_index=fact.group_index,
    )
