"""What is asked after an update, and what needs no asking: pure selection, no model.

Facts that the update touched or may have captured are asked in every phrasing that they were tuned
on, and in the held-out ones. All others read what they read before, to the last bit, which is
proved apart: what was measured of them for the champion still holds and is carried on, and a sample
is asked again to see that it does.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from flows.planning.sampled_questions import SAMPLED

if TYPE_CHECKING:
    from lamini.proof.recall import Question, RecallRow
    from lamini.training_data import TrainingFact
    from lamini.update.update import UpdateReceipt

CHANGED, AFFECTED, RETIRED, UNTOUCHED = "changed", "affected", "retired", "untouched"
"""Kinds of questions that only an update asks."""
_CARRIED = ("training", "heldout", *SAMPLED)
Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class RetiredFact:
    """What a fact that is retired was asked, and what it said."""

    prompts: tuple[str, ...]
    prompt_kind: str
    answer: str


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The questions after an update."""

    questions: list["Question"]
    carried: list["RecallRow"]
    """What the champion's measurement says of all that the update left alone."""
    expected: dict[tuple[str | None, str], "RecallRow"]
    """By fact_id and prompt: what an untouched question was answered before."""
    retired: dict[str, str]
    """By prompt: what a retired fact used to answer."""
    answer_of_group: dict[int, str] = field(default_factory=dict)
    """What the facts now say, by their groups."""


def ask_after(
    update: "UpdateReceipt",
    facts: Sequence["TrainingFact"],
    every: Sequence["Question"],
    before: Sequence["RecallRow"],
    gone: Sequence[RetiredFact],
    *,
    prompts_per_fact: int,
    num_untouched: int,
) -> Asking:
    """Choose among `every` question of a full measurement.

    `before` are the champion's rows, none if they are lost; `gone` the retired facts with prompts
    and answer; `num_untouched` how many questions of `before` are asked again, 0 for all.
    """
    touched = {*update.added, *update.changed}
    # A prompt that went astray into a group whose answer is now another is answered anew as well.
    groups = {*update.groups}
    astray = {row.fact_id for row in before if row.fact_id and row.routed_group in groups} - touched
    stirred = touched | {*update.affected} | astray
    by_id = {fact.fact_id: fact for fact in facts}
    # Without the champion's rows nothing can be carried: all is measured.
    wanted = [q for q in every if not before or q.fact_id is None or q.fact_id in stirred]
    for kind, fact_ids in ((CHANGED, touched), (AFFECTED, stirred - touched)):
        chosen = [fact for fact in facts if fact.fact_id in fact_ids]
        wanted += _every_phrasing(kind, chosen, prompts_per_fact)
    known = {prompt for fact in facts for prompt in fact.prompts}
    retired = {
        prompt: fact.answer
        for fact in gone
        for prompt in fact.prompts[:prompts_per_fact]
        if prompt not in known
    }
    cloze = {prompt: fact.prompt_kind == "cloze" for fact in gone for prompt in fact.prompts}
    wanted += [_foreign(prompt, cloze[prompt]) for prompt in retired]
    carried = [
        row
        for row in before
        if row.kind in _CARRIED and row.fact_id in by_id and row.fact_id not in stirred
    ]
    again = _spread([row for row in carried if row.kind not in SAMPLED], num_untouched)
    wanted += [_again(row, by_id[str(row.fact_id)]) for row in again]
    return Asking(
        questions=wanted,
        carried=carried,
        expected={(row.fact_id, row.prompt): row for row in again},
        retired=retired,
        answer_of_group={fact.group_index: fact.answer for fact in facts},
    )


def differing_answers(rows: Sequence["RecallRow"], asking: Asking) -> list[str]:
    """Return the untouched prompts that are answered otherwise than before the update."""
    return [
        row.prompt
        for row in rows
        if row.kind == UNTOUCHED and _said(row) != _said(asking.expected[row.fact_id, row.prompt])
    ]


def still_given(rows: Sequence["RecallRow"], asking: Asking) -> list[str]:
    """Return the prompts of retired facts that memory still answers as they did."""
    return [
        row.prompt
        for row in rows
        if row.kind == RETIRED and row.from_memory and _gives(row, asking)
    ]


def _gives(row: "RecallRow", asking: Asking) -> bool:
    """Whether the row says a retired answer, or as much of it as a few tokens hold."""
    gone = asking.retired[row.prompt]
    if row.generated == gone:
        return True
    # BO of another fact is no beginning of BOL.
    another = asking.answer_of_group.get(-1 if row.routed_group is None else row.routed_group)
    return bool(row.generated) and gone.startswith(row.generated) and row.generated != another


def sample_prompts(
    facts: Sequence["TrainingFact"], stirred: Collection[str], number: int
) -> dict[bool, list[str]]:
    """Return canonical prompts of untouched facts, spread over all, by whether they are cloze."""
    kept = [fact for fact in facts if fact.fact_id not in stirred]
    chosen = _spread(kept, number)
    return {
        cloze: [fact.prompts[0] for fact in chosen if fact.cloze is cloze]
        for cloze in (False, True)
    }


def _said(row: "RecallRow") -> tuple[str, int | None]:
    return row.generated, row.routed_group


def _every_phrasing(kind: str, facts: Sequence["TrainingFact"], number: int) -> list["Question"]:
    from lamini.proof.recall import Question

    return [
        Question(
            kind=kind,
            template=kind,
            prompt=prompt,
            cloze=fact.cloze,
            fact_id=fact.fact_id,
            answer=fact.answer,
            group_index=fact.group_index,
        )
        for fact in facts
        for prompt in fact.prompts[:number]
    ]


def _foreign(prompt: str, cloze: bool) -> "Question":
    from lamini.proof.recall import Question

    return Question(kind=RETIRED, template=RETIRED, prompt=prompt, cloze=cloze)


def _again(row: "RecallRow", fact: "TrainingFact") -> "Question":
    (question,) = _every_phrasing(UNTOUCHED, [replace(fact, prompts=(row.prompt,))], 1)
    # A held-out phrasing is a question, whatever the fact's own prompts are.
    return replace(question, cloze=fact.cloze and row.kind == "training", template=row.kind)


def _spread(items: Sequence[Item], number: int) -> list[Item]:
    """Return so many of them, evenly spread; 0 for all."""
    if not number or number >= len(items):
        return [*items]
    return [items[i * len(items) // number] for i in range(number)]
