"""Running text: the backbone writes, memory says the values, each with its source.

Four modes, one table, one provenance: `answer` (the bare value), `inline` (values said where the
backbone comes to them, `lamini.inline`), `context` (the rows of the subjects named stand in the
prompt), `both`. A value is what its experts say to a plain question: no text of it is kept, so an
update, a rollback and forgetting hold here as they do for answers.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lamini.asked.table import AskedFact
from lamini.asked.wording import fill
from lamini.backbone.memory import pad_left
from lamini.backbone.text import encode_prompt
from lamini.config import DueTraining
from lamini.errors import ModeError
from lamini.inline.arming import Arming
from lamini.inline.due_keys import DueKeys
from lamini.inline.due_texts import learn_due_keys
from lamini.inline.records import encode_chat, with_records
from lamini.inline.support import unsupported
from lamini.inline.writing import Choice, FinishReason, Gate, Span, Value, Writer

if TYPE_CHECKING:
    from lamini.model.memory_model import MemoryModel

Mode = Literal["answer", "inline", "context", "both"]
Prompt = str | Sequence[Mapping[str, str]]
"""A question, or the messages of a chat."""
_MOST_ROWS = 32


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A stretch of a text that memory said, and the fact that it is."""

    start: int
    end: int
    fact_id: str
    group: int
    subject: str
    relation: str
    score: float
    instead_of: str
    """The token with which the backbone had begun it."""


@dataclass(frozen=True, kw_only=True)
class Passage:
    """What was written, with what of it memory said."""

    text: str
    stated: tuple[Stated, ...] = ()
    rows: tuple[str, ...] = ()
    """Facts that stood in the prompt."""
    unsupported: tuple[tuple[int, int], ...] = ()
    """Sentences of a whole passage that speak of a slot which the table holds, and have no value
    of it."""
    ids: tuple[int, ...] = ()
    from_memory: tuple[tuple[int, int], ...] = ()
    """Stretches of `ids` that memory said."""
    num_taken_back: int = 0
    num_standing: int
    """Characters of the text that will not be taken back: all of a whole passage."""
    finish_reason: FinishReason | None
    """What ended it; None while it is being written."""
    num_prompt_tokens: int


def messages_of(prompt: Prompt) -> list[Mapping[str, str]]:
    """Return the messages of a chat; a question is one of a user's."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [*prompt]


class RunningText:
    """Writes with the memory of a loaded model, as its bank is now."""

    def __init__(self, model: "MemoryModel") -> None:
        """Index the facts that have a subject and a relation.

        Raises:
            ModeError: there are none.
        """
        if model.asked is None:
            raise ModeError(
                "no fact has a subject and a relation, so none can come up in a text; "
                "use mode='answer'"
            )
        self._model = model
        self._asked = model.asked
        self._values: dict[int, Value | None] = {}
        self._arming = Arming(model.asked.matcher)

    def stream(
        self, prompt: Prompt, mode: Mode, max_new_tokens: int, choice: Choice
    ) -> Iterator[Passage]:
        """Yield the passage after each step, and last the whole one."""
        messages = messages_of(prompt)
        said = "\n".join(message["content"] for message in messages)
        rows = self._rows(messages) if mode in ("context", "both") else []
        told = [(self._fact(r).subject, self._fact(r).relation, self._text(r)) for r in rows]
        ids = encode_chat(self._model.tokenizer, with_records(messages, told))
        for written in self._writer(mode).stream(
            ids, said, max_new_tokens=max_new_tokens, choice=choice
        ):
            doubted: tuple[tuple[int, int], ...] = ()
            if written.finish_reason:
                known = self._arming, said, written.text, written.spans, self._value
                doubted = tuple(unsupported(*known))
            yield Passage(
                text=written.text,
                stated=tuple(self._stated(span) for span in written.spans),
                rows=tuple(self._fact_id(row) for row in rows),
                unsupported=doubted,
                ids=written.ids,
                from_memory=written.from_memory,
                num_taken_back=written.num_taken_back,
                num_standing=written.num_standing,
                finish_reason=written.finish_reason,
                num_prompt_tokens=len(ids),
            )

    def learn(self, settings: DueTraining, excluded: Sequence[str] = ()) -> DueKeys:
        """Return due keys learned from texts that the backbone writes about the facts held."""
        table = self._asked.matcher.table
        named = self._arming.is_named
        return learn_due_keys(self._model.attached, table, self._text, named, settings, excluded)

    def _writer(self, mode: Mode) -> Writer:
        if mode == "context":
            return Writer(self._model.attached, None)
        if self._model.due_keys is None:
            raise ModeError(
                f"mode={mode!r} needs due keys, and this checkpoint has none: learn them "
                "(model.learn_due_keys()) or write with mode='context'"
            )
        gate = Gate(self._arming, self._model.due_keys, self._value)
        return Writer(self._model.attached, gate)

    def _rows(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Return the facts of the subjects that a chat names, of the relations that it speaks of.

        A small backbone copies whatever row stands there, also of a relation not asked for. Who
        speaks of no relation gets none: a request for something else would be answered with them.
        """
        turns = [message["content"] for message in messages]
        if not self._arming.wants_facts("\n".join(turns)):
            return []
        found = next((m for t in reversed(turns) if (m := self._arming.mentions(t))), [])
        named = dict.fromkeys(mention.subject for mention in found)
        relations = self._arming.asked_for(turns)
        rows = [self._arming.fact(subject, r) for subject in named for r in relations]
        held = [row for row in rows if row is not None and self._value(row) is not None]
        return held[:_MOST_ROWS]

    def _value(self, row: int) -> Value | None:
        """Return the value as the fact's experts say it; None where they do not end it."""
        if row not in self._values:
            self._values[row] = self._say(row)
        return self._values[row]

    def _say(self, row: int) -> Value | None:
        fact, group = self._fact(row), self._asked.groups[row]
        asked = fact.phrasings[0] if fact.phrasings else f"What is the {fact.relation} of X?"
        ids = encode_prompt(self._model.tokenizer, fill(asked, fact.subject))
        (shift_AD,) = self._model.bank.read([group])
        ids_BL, mask_BL = pad_left([ids], self._model.attached.backbone)
        out = self._model.generate(
            ids_BL, mask_BL, groups=[group], max_new_tokens=len(shift_AD), do_sample=False
        )
        said = out[0, len(ids) :].tolist()
        end = self._model.tokenizer.eos_token_id
        if end not in said or said[0] == end:
            return None
        said = said[: said.index(end)]
        text = self._model.tokenizer.decode(said).strip()
        return Value(fact=row, text=text, ids=tuple(said), shift_AD=shift_AD)

    def _text(self, row: int) -> str:
        value = self._value(row)
        return "" if value is None else value.text

    def _fact(self, row: int) -> AskedFact:
        return self._asked.matcher.table.facts[row]

    def _fact_id(self, row: int) -> str:
        table = self._model.table
        return table.fact_ids[table.row_of(self._asked.groups[row])]

    def _stated(self, span: Span) -> Stated:
        fact = self._fact(span.fact)
        return Stated(
            start=span.start,
            end=span.end,
            fact_id=self._fact_id(span.fact),
            group=self._asked.groups[span.fact],
            subject=fact.subject,
            relation=fact.relation,
            score=span.score,
            instead_of=span.instead_of,
        )


def bare_value(model: "MemoryModel", prompt: Prompt, max_new_tokens: int) -> Passage:
    """Return the answer to the last turn as a passage: the value and nothing around it."""
    question = messages_of(prompt)[-1]["content"]
    (answer,) = model.answer([question], max_answer_tokens=max_new_tokens)
    stated: tuple[Stated, ...] = ()
    if answer.group is not None:
        fact = model.table.asked[model.table.row_of(answer.group)]
        whole = Stated(
            start=0,
            end=len(answer.text),
            fact_id=answer.fact_ids[0],
            group=answer.group,
            subject=fact.subject,
            relation=fact.relation,
            score=answer.score,
            instead_of="",
        )
        stated = (whole,)
    return Passage(
        text=answer.text,
        stated=stated,
        num_standing=len(answer.text),
        finish_reason="stop",
        num_prompt_tokens=len(encode_prompt(model.tokenizer, question)),
    )
