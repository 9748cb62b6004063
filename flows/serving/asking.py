"""Ask the promoted checkpoint, and join what it says with the facts and the rows they come from.

Reads: HOME/HEAD_CHECKPOINT.json with the checkpoint it names, and the head snapshot.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from flows.configuration.on_mismatch import OnMismatch
from flows.home.champion import promoted
from flows.home.home import Home
from warehouse.normal import normal_form
from warehouse.snapshots import Snapshot, head

if TYPE_CHECKING:
    from lamini import Answer
    from lamini.model.memory_model import MemoryModel

EMBEDDED = "embedded"
_NOTHING_READ = "Memory holds no fact that answers this."


@dataclass(frozen=True, kw_only=True)
class KnownFact:
    """A fact as the table has it, with the ids of the claims that support it."""

    fact_id: str
    subject: str
    relation: str
    answer: str
    support: tuple[str, ...]

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {name: value for name, value in vars(self).items() if name != "support"}


@dataclass(frozen=True, kw_only=True)
class SourceRow:
    """A row of a source, and what it says."""

    source: str
    file: str
    row: int
    value: str
    observed_at: object
    """A moment, or null."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One answer with its provenance, or flagged as not from memory."""

    prompt: str
    answer: str
    said: str
    """What the model said; `answer` is another text where that is refused, or not shown."""
    from_memory: bool
    group: int | None
    experts: tuple[int, ...]
    score: float
    margin: float
    reason: str
    """Why nothing was read, in a sentence; empty where a fact was, or no reason is known."""
    facts: tuple[KnownFact, ...]
    gone: tuple[str, ...]
    """Ids of facts that were read, and that the table has no more."""
    rows: tuple[SourceRow, ...]
    """The source rows that support the facts."""
    table_answer: str | None
    """What the table says: of the facts read, else of the fact that has this very prompt."""
    table_agrees: bool | None
    """Whether that equals what was said; null where the table says nothing."""

    @property
    def is_mismatch(self) -> bool:
        """Whether memory said something else than the table says."""
        return self.from_memory and self.table_agrees is False

    def told(self) -> dict[str, Any]:
        """Return it as plain values; of a fact that is gone, only its id."""
        own = {name: value for name, value in vars(self).items() if name != "gone"}
        facts = [fact.told() for fact in self.facts] + [{"fact_id": one} for one in self.gone]
        rows = [asdict(row) for row in self.rows]
        more = {"experts": [*self.experts], "facts": facts, "rows": rows}
        return {**own, **more, "is_mismatch": self.is_mismatch}


def open_asking(
    home: Home,
    *,
    strict: bool = False,
    refusal: str = "",
    on_mismatch: OnMismatch = "refuse",
    is_conversation: bool = False,
) -> Callable[[list[str]], list[Asked]]:
    """Load the promoted checkpoint; return what answers prompts and says where answers come from.

    `strict` answers from memory only where no doubt is left; `refusal` is said where nothing is
    read; where it is empty, the backbone's own answer, or why nothing was read (`refusal_of`).
    `on_mismatch` says what is answered where memory and table disagree. In a conversation "and of
    Peru?" is what was asked last, of Peru; the answer's prompt says what it was taken for.

    Raises:
        NothingYetError: no checkpoint was promoted.
        NoSnapshotError: nothing is published.
    """
    from lamini import load

    folder = home.checkpoint(promoted(home).champion.path)
    snapshot = head(home.warehouse)
    model = load(folder, strict=strict)

    before = ""

    def ask(prompts: list[str]) -> list[Asked]:
        nonlocal before
        if is_conversation and before and model.asked:
            prompts = [model.asked.carried_on(before, prompt) for prompt in prompts]
        before = prompts[-1] if prompts else before
        answers = model.answer(prompts, refusal=refusal_of(model, refusal))
        return [
            explain_answer(snapshot, prompt, answer, on_mismatch)
            for prompt, answer in zip(prompts, answers, strict=True)
        ]

    return ask


def refusal_of(model: "MemoryModel", refusal: str) -> str | None:
    """Return what the model is to say where it reads nothing: empty for a sentence that says why.

    A backbone that has read much has an answer of its own, None; the embedded one babbles.
    """
    babbles = model.manifest["backbone"]["reference"] == EMBEDDED
    return refusal or ("" if babbles else None)


def explain_answer(
    snapshot: Snapshot, prompt: str, answer: "Answer", on_mismatch: OnMismatch = "refuse"
) -> Asked:
    """Join one answer with the facts and claims of `snapshot`."""
    read = facts_by_id(snapshot, answer.fact_ids)
    said = {fact.answer for fact in read.values()} or _asked_so(snapshot.facts(), prompt)
    same = {text for text in said if normal_form(text) == normal_form(answer.text)}
    unread = "" if answer.from_memory else answer.reason or _NOTHING_READ
    asked = Asked(
        prompt=prompt,
        answer=answer.text or unread,
        said=answer.text,
        from_memory=answer.from_memory,
        group=answer.group,
        experts=tuple(answer.experts),
        score=answer.score,
        margin=answer.margin,
        reason=answer.reason,
        facts=tuple(read.values()),
        gone=tuple(fact_id for fact_id in answer.fact_ids if fact_id not in read),
        rows=source_rows(snapshot, read.values()),
        table_answer=min(same or said, default=None),
        table_agrees=bool(same) if said else None,
    )
    return _settled(asked, on_mismatch) if asked.is_mismatch else asked


def facts_by_id(snapshot: Snapshot, fact_ids: Sequence[str]) -> dict[str, KnownFact]:
    """Return the facts that the table has of these, by their id."""
    found = _where(snapshot.facts(), "fact_id", fact_ids).select(
        [f.name for f in fields(KnownFact)]
    )
    facts = (KnownFact(**{**row, "support": tuple(row["support"])}) for row in found.to_pylist())
    return {fact.fact_id: fact for fact in facts}


def source_rows(snapshot: Snapshot, facts: Iterable[KnownFact]) -> tuple[SourceRow, ...]:
    """Return the source rows that support the facts."""
    support = [claim_id for fact in facts for claim_id in fact.support]
    if not support:
        return ()
    found = _where(snapshot.claims(), "claim_id", support).select(
        [f.name for f in fields(SourceRow)]
    )
    return tuple(SourceRow(**row) for row in found.to_pylist())


def _settled(asked: Asked, on_mismatch: OnMismatch) -> Asked:
    """Return it with the answer that is to be given where memory and table disagree."""
    if on_mismatch == "say":
        return asked
    if on_mismatch == "table":
        return replace(asked, answer=str(asked.table_answer))
    return replace(
        asked,
        answer=f"Memory says {asked.said!r}, but the table says {asked.table_answer!r}: not "
        "answered. Bring memory to the table with `lamini run`.",
    )


def _where(table: pa.Table, column: str, values: Sequence[str]) -> pa.Table:
    return table.filter(pc.is_in(table[column], value_set=pa.array(list(values), pa.string())))


def _asked_so(facts: pa.Table, prompt: str) -> set[str]:
    wanted = normal_form(prompt)
    pairs = zip(facts["prompts"].to_pylist(), facts["answer"].to_pylist(), strict=True)
    return {answer for prompts, answer in pairs if wanted in prompts}
