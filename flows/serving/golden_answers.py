"""Put a golden set to a checkpoint: the backbone alone, memory, rows in the prompt, side by side.

Memory refuses where it reads nothing, and where it disagrees with the table. The backbone has no
way to refuse: whatever it says is right or wrong.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

from flows.promotion.golden_tally import Outcome, Tally, tally
from flows.serving.asking import Asked, explain_answer
from flows.serving.golden_set import MODES, GoldenQuestion, GoldenSet, Mode
from warehouse.normal import normal_form
from warehouse.snapshots import Snapshot
from warehouse.values import holds_text, same_amount, same_text

if TYPE_CHECKING:
    from lamini.model.memory_model import MemoryModel

By = Literal["exact", "alias", "number", "within", "silence", ""]
"""What makes an answer right: the text itself, another spelling, the same amount, a sentence
that holds it (of the backbone, which speaks in sentences), no answer."""
_BATCH = 32
_MAX_ROWS = 8
_MAX_TOKENS = 48


@dataclass(frozen=True, kw_only=True)
class GoldenAnswer:
    """What became of one question in one way of asking."""

    line: int
    kind: str
    mode: Mode
    question: str
    expected: tuple[str, ...]
    said: str
    outcome: Outcome
    by: By
    read: str
    """The fact that memory read; empty where none was."""
    reason: str
    """Why memory refused."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """All answers to a golden set."""

    given: GoldenSet
    answers: tuple[GoldenAnswer, ...]

    def tally(self, mode: Mode, kind: str | None = None) -> Tally:
        """Count outcomes of one way of asking, of one kind of question or of all."""
        return tally(
            one.outcome for one in self.answers if one.mode == mode and kind in (None, one.kind)
        )

    @property
    def kinds(self) -> list[str]:
        """The kinds of questions, in the order of the file."""
        return list(dict.fromkeys(question.kind for question in self.given.questions))


class Spellings:
    """Other spellings of the tables' answers, which count for the answer."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._of: dict[str, list[str]] = {}
        for fact in snapshot.facts().select(["answer", "aliases"]).to_pylist():
            if fact["aliases"]:
                self._of.setdefault(normal_form(fact["answer"]), []).extend(fact["aliases"])

    def agree(self, said: str, expected: Sequence[str]) -> By:
        """Return what makes a text one of those expected; empty if nothing does."""
        if normal_form(said) in {normal_form(text) for text in expected}:
            return "exact"
        others = [*expected, *(a for text in expected for a in self._of.get(normal_form(text), ()))]
        if any(same_text(said, text) for text in others):
            return "alias"
        return "number" if any(same_amount(said, text) for text in expected) else ""


def ask_golden(
    model: "MemoryModel", snapshot: Snapshot, given: GoldenSet, modes: Sequence[Mode] = MODES
) -> Golden:
    """Put every question to the model in every way."""
    spellings = Spellings(snapshot)
    rows = _Rows(snapshot)
    answers: list[GoldenAnswer] = []
    for mode in modes:
        asked = [question for question in given.questions if mode in question.modes]
        for start in range(0, len(asked), _BATCH):
            batch = asked[start : start + _BATCH]
            prompts = [question.question for question in batch]
            if mode == "memory":
                told = model.answer(prompts, refusal="")
                found = [
                    explain_answer(snapshot, prompt, answer)
                    for prompt, answer in zip(prompts, told, strict=True)
                ]
                pairs = zip(batch, found, strict=True)
                answers += [_from_memory(spellings, question, one) for question, one in pairs]
                continue
            put = prompts if mode == "model" else [*rows.before(model, prompts)]
            said = model.answer(put, groups=[None] * len(put), max_answer_tokens=_MAX_TOKENS)
            answers += [
                _spoken(spellings, question, mode, answer.text)
                for question, answer in zip(batch, said, strict=True)
            ]
    return Golden(given=given, answers=tuple(answers))


@dataclass(frozen=True, kw_only=True)
class _Row:
    fact_id: str
    subject: str
    question: str
    answer: str


class _Rows:
    """Rows of the table that go into a prompt: of the nearest fact, and of its subject."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._by_id: dict[str, _Row] = {}
        self._of_subject: dict[str, list[_Row]] = {}
        for told in snapshot.facts().select([f.name for f in fields(_Row)]).to_pylist():
            row = _Row(**told)
            self._by_id[row.fact_id] = row
            self._of_subject.setdefault(row.subject, []).append(row)

    def before(self, model: "MemoryModel", prompts: Sequence[str]) -> Iterator[str]:
        """Yield each prompt with the rows before it."""
        groups = {*model.table.group_index_G.tolist()}
        for prompt, route in zip(prompts, model.route(prompts), strict=True):
            group = route.nearest_group
            if group is None or group not in groups:
                yield prompt
                continue
            fact = self._by_id.get(model.table.fact_ids[model.table.row_of(group)])
            near = [] if fact is None else [fact]
            near += [f for f in self._of_subject[fact.subject] if f is not fact] if fact else []
            lines = [f"{row.question} {row.answer}" for row in near[:_MAX_ROWS]]
            yield "\n".join([*reversed(lines), prompt])


def _from_memory(spellings: Spellings, question: GoldenQuestion, asked: Asked) -> GoldenAnswer:
    refused = not asked.from_memory or asked.is_mismatch
    by: By = "" if refused else spellings.agree(asked.answer, question.expected)
    outcome: Outcome = "refused" if refused else "right" if by else "wrong"
    if not question.expected and refused:
        outcome, by = "right", "silence"
    read = [f"{fact.relation} of {fact.subject}" for fact in asked.facts]
    return _answer(
        question, "memory", asked.said, outcome, by, read="; ".join(read),
        reason=asked.answer if refused else "",
    )  # fmt: skip


def _spoken(spellings: Spellings, question: GoldenQuestion, mode: Mode, said: str) -> GoldenAnswer:
    by: By = spellings.agree(said, question.expected)
    if not by and any(holds_text(said, text) for text in question.expected):
        by = "within"
    return _answer(question, mode, said, "right" if by else "wrong", by)


def _answer(
    question: GoldenQuestion,
    mode: Mode,
    said: str,
    outcome: Outcome,
    by: By,
    *,
    read: str = "",
    reason: str = "",
) -> GoldenAnswer:
    return GoldenAnswer(
        line=question.line,
        kind=question.kind,
        mode=mode,
        question=question.question,
        expected=question.expected,
        said=said,
        outcome=outcome,
        by=by,
        read=read,
        reason=reason,
    )
