"""Measure recall with its cause: free-running answers, router agreement, oracle-router recall.

A miss is a routing miss when the fact's own group would have answered, else a memory miss. Where
the router agrees, its answer is the oracle's, so the oracle runs on the misrouted questions alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lamini.backbone.text import encode_answer, normal_form
from lamini.model.answer import Answer
from lamini.model.memory_model import MemoryModel

_BATCH = 64
_FOREIGN_TOKENS = 8
"""What a foreign question makes the backbone say is not measured: a few tokens are enough."""
NUMERIC_TOLERANCE = 1e-4
"""Padding and batch size move queries by about 1e-6; a margin below this could tip."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question to measure: about a fact, or foreign (no fact, nothing must be read)."""

    kind: str
    """`training` or `heldout`; else a sort of question that no fact answers."""
    template: str
    prompt: str
    cloze: bool = False
    fact_id: str | None = None
    answer: str | None = None
    group_index: int | None = None
    accepted: tuple[str, ...] = ()
    """Other spellings that count as the answer."""


@dataclass(frozen=True, kw_only=True)
class RecallRow:
    """What became of one question."""

    kind: str
    template: str
    prompt: str
    fact_id: str | None
    answer: str | None
    generated: str
    from_memory: bool
    routed_group: int | None
    agrees: bool
    """The router chose the fact's own group; for a foreign question, none."""
    is_exact: bool
    """The free-running answer is the fact's or an accepted spelling of it; for a foreign question,
    nothing was read."""
    oracle_exact: bool
    score: float
    margin: float


def measure_recall(
    model: MemoryModel,
    questions: Sequence[Question],
    *,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[RecallRow]:
    """Return one row per question, in order; `on_progress` hears how many are done."""
    rows: dict[int, RecallRow] = {}
    num_tokens = [_num_tokens(model, question) for question in questions]
    for batch, longest in _batches(questions, num_tokens):
        asked = [questions[i] for i in batch]
        answers = _ask(model, asked, None, longest)
        missed = [
            row
            for row, (q, a) in enumerate(zip(asked, answers, strict=True))
            if q.group_index is not None and a.group != q.group_index
        ]
        oracle = dict(enumerate(answers))
        if missed:
            own = [asked[row].group_index for row in missed]
            again = _ask(model, [asked[row] for row in missed], own, longest)
            oracle.update(zip(missed, again, strict=True))
        for row, i in enumerate(batch):
            rows[i] = _row(questions[i], answers[row], oracle[row])
        on_progress(len(rows))
    return [rows[i] for i in range(len(questions))]


def _batches(
    questions: Sequence[Question], num_tokens: Sequence[int]
) -> Iterator[tuple[list[int], int]]:
    # Like lengths together: a batch runs as long as its longest; a cloze is encoded differently.
    order = sorted(
        range(len(questions)), key=lambda i: (num_tokens[i], len(questions[i].prompt), i)
    )
    for cloze in (False, True):
        part = [i for i in order if questions[i].cloze is cloze]
        for start in range(0, len(part), _BATCH):
            batch = part[start : start + _BATCH]
            yield batch, num_tokens[batch[-1]]


def _num_tokens(model: MemoryModel, question: Question) -> int:
    if question.answer is None:
        return _FOREIGN_TOKENS
    right = (question.answer, *question.accepted)
    # Two more than the answer has: whoever has not stopped by then says something else.
    return max(len(encode_answer(model.tokenizer, text, max_tokens=10**6)) for text in right) + 2


def _ask(
    model: MemoryModel,
    questions: Sequence[Question],
    groups: Sequence[int | None] | None,
    max_answer_tokens: int,
) -> list[Answer]:
    return model.answer(
        [question.prompt for question in questions],
        cloze=questions[0].cloze,
        groups=groups,
        max_answer_tokens=max_answer_tokens,
    )


def _row(question: Question, answer: Answer, oracle: Answer) -> RecallRow:
    foreign = question.answer is None
    right = {normal_form(text) for text in (question.answer or "", *question.accepted)}
    return RecallRow(
        kind=question.kind,
        template=question.template,
        prompt=question.prompt,
        fact_id=question.fact_id,
        answer=question.answer,
        generated=answer.text,
        from_memory=answer.from_memory,
        routed_group=answer.group,
        agrees=answer.group == question.group_index,
        is_exact=not answer.from_memory if foreign else answer.text in right,
        oracle_exact=not answer.from_memory if foreign else oracle.text in right,
        score=answer.score,
        margin=answer.margin,
    )


def write_rows(rows: Sequence[RecallRow], path: Path) -> None:
    """Write the rows as Parquet, whole or not at all."""
    part = path.with_suffix(".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist([asdict(row) for row in rows], schema=_SCHEMA), part)
    part.replace(path)


def read_rows(path: Path) -> list[RecallRow]:
    """Return the rows that `write_rows` wrote."""
    return [RecallRow(**row) for row in pq.read_table(path).to_pylist()]


_SCHEMA = pa.schema(
    [
        ("kind", pa.string()),
        ("template", pa.string()),
        ("prompt", pa.string()),
        ("fact_id", pa.string()),
        ("answer", pa.string()),
        ("generated", pa.string()),
        ("from_memory", pa.bool_()),
        ("routed_group", pa.int64()),
        ("agrees", pa.bool_()),
        ("is_exact", pa.bool_()),
        ("oracle_exact", pa.bool_()),
        ("score", pa.float64()),
        ("margin", pa.float64()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class RecallSummary:
    """Recall of one kind of question (and one template, or all of them)."""

    kind: str
    template: str
    num_questions: int
    exact: float
    agreement: float
    oracle_exact: float
    from_memory: float
    num_tight: int
    """Questions whose routing margin is within numeric tolerance."""


def summarize(rows: Sequence[RecallRow]) -> list[RecallSummary]:
    """Return shares per kind (template `*`) and per template, in order."""
    cells: dict[tuple[str, str], list[RecallRow]] = {}
    for row in rows:
        for template in ("*", row.template):
            cells.setdefault((row.kind, template), []).append(row)
    return [_summary(*key, members) for key, members in sorted(cells.items())]


def _summary(kind: str, template: str, rows: Sequence[RecallRow]) -> RecallSummary:
    def share(name: str) -> float:
        return sum(bool(getattr(row, name)) for row in rows) / len(rows)

    return RecallSummary(
        kind=kind,
        template=template,
        num_questions=len(rows),
        exact=share("is_exact"),
        agreement=share("agrees"),
        oracle_exact=share("oracle_exact"),
        from_memory=share("from_memory"),
        num_tight=sum(row.margin < NUMERIC_TOLERANCE for row in rows),
    )
