"""A conversation with the promoted checkpoint in running text, each value with where it is from.

Reads: HOME/HEAD_CHECKPOINT.json with the checkpoint it names, and the head snapshot.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from flows.home.champion import promoted
from flows.home.home import Home
from flows.serving.asking import SourceRow, facts_by_id, source_rows
from warehouse.snapshots import head

if TYPE_CHECKING:
    from lamini.model.running_text import Passage

ChatMode = Literal["inline", "context", "both"]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of what was said."""

    text: str
    source: int | None
    """The number of the fact that it is, from 1; null where no fact said it."""
    is_supported: bool


@dataclass(frozen=True, kw_only=True)
class FactBehind:
    """A fact that was said, or that stood in the prompt; with its source rows."""

    fact_id: str
    is_said: bool
    subject: str
    relation: str
    answer: str
    rows: tuple[SourceRow, ...]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What was said, as pieces in order, and the facts behind it."""

    text: str
    pieces: tuple[Piece, ...]
    facts: tuple[FactBehind, ...]


def open_conversation(
    home: Home, mode: ChatMode | None, max_new_tokens: int
) -> Callable[[str], Turn]:
    """Load the promoted checkpoint; return what answers one turn after another.

    Without a `mode`: `both` where the checkpoint has due keys, else `context`.

    Raises:
        NothingYetError: no checkpoint was promoted.
    """
    from lamini import load

    model = load(home.checkpoint(promoted(home).champion.path))
    snapshot = head(home.warehouse)
    chosen: ChatMode = mode or ("both" if model.due_keys else "context")
    messages: list[dict[str, str]] = []

    def say(line: str) -> Turn:
        messages.append({"role": "user", "content": line})
        (passage,) = model.write([messages], mode=chosen, max_new_tokens=max_new_tokens)
        messages.append({"role": "assistant", "content": passage.text})
        sources = [*dict.fromkeys(one.fact_id for one in passage.stated)]
        known = facts_by_id(snapshot, [*sources, *passage.rows])
        facts = tuple(
            FactBehind(
                fact_id=fact_id,
                is_said=fact_id in sources,
                subject=known[fact_id].subject,
                relation=known[fact_id].relation,
                answer=known[fact_id].answer,
                rows=source_rows(snapshot, [known[fact_id]]),
            )
            for fact_id in dict.fromkeys((*sources, *passage.rows))
            if fact_id in known
        )
        return Turn(text=passage.text, pieces=_pieces(passage, sources), facts=facts)

    return say


def _pieces(passage: "Passage", sources: list[str]) -> tuple[Piece, ...]:
    """Return the text cut where values and unsupported sentences begin and end."""
    cuts = {0, len(passage.text)}
    cuts.update(at for one in passage.stated for at in (one.start, one.end))
    cuts.update(at for both in passage.unsupported for at in both)
    places = sorted(cuts)
    pieces = []
    for start, end in pairwise(places):
        said = [one.fact_id for one in passage.stated if one.start <= start < one.end]
        doubted = any(first <= start < last for first, last in passage.unsupported)
        pieces.append(
            Piece(
                text=passage.text[start:end],
                source=sources.index(said[0]) + 1 if said else None,
                is_supported=not doubted,
            )
        )
    return tuple(pieces)
