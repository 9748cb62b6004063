"""What a prompt's ids ask: the words of its last user turn, without the chat template around them.

A template is known by what it does: where a user turn begins and what ends a prompt are read off
prompts that differ in nothing else. Turns are told apart where they begin with a special token;
else the template is only taken off both ends.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from lamini.backbone.chat_template import rendered_ids
from lamini.errors import ChatTemplateError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SAID = ("Pale", "7 q")
"""Two messages that have no first and no last token in common."""


def question_of(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> tuple[str, bool]:
    """Return what a prompt asks, and whether a chat template stands around it.

    Without one, that is all that its ids say.
    """
    rows = list(ids)
    opening, turn, ending = frame(tokenizer)
    start = _last(rows, turn) if turn else None
    if start is None and opening and rows[: len(opening)] == opening:
        start = len(opening)
    if start is not None:
        rows = rows[start:]
        stop = _first(rows, ending)
        rows = rows if stop is None else rows[:stop]
    return str(tokenizer.decode(rows, skip_special_tokens=True)).strip(), start is not None


def opening_length(tokenizer: "PreTrainedTokenizerBase", ids: Sequence[int]) -> int:
    """Return how many ids a chat template puts before the question; 0 where none stands there.

    Where a backbone has a system prompt of its own, most of a short prompt is that.
    """
    opening = frame(tokenizer)[0]
    size = len(opening)
    return size if len(ids) > size and list(ids[:size]) == opening else 0


def frame(tokenizer: "PreTrainedTokenizerBase") -> tuple[list[int], list[int], list[int]]:
    """Return the ids before the first user turn, before any user turn, and after the last one.

    The second is empty where no special token is among them: words could be taken for it.

    Raises:
        ChatTemplateError: the chat template fails.
    """
    template = tokenizer.chat_template  # several, by name, where it is a mapping
    return ([], [], []) if template is None else _frame(tokenizer, repr(template))


@lru_cache(maxsize=8)
def _frame(
    tokenizer: "PreTrainedTokenizerBase", template: str
) -> tuple[list[int], list[int], list[int]]:
    one, other = (_rendered(tokenizer, [said]) for said in _SAID)
    opening = _common(one, other)
    ending = _common(one[::-1], other[::-1])[::-1]
    try:
        later = [_rendered(tokenizer, [_SAID[0], _SAID[0], said]) for said in _SAID]
    except ChatTemplateError:  # a template of one turn alone
        return opening, [], ending
    turn = _common(opening[::-1], _common(*later)[::-1])[::-1]
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    return opening, turn if special.intersection(turn) else [], ending


def _rendered(tokenizer: "PreTrainedTokenizerBase", said: Sequence[str]) -> list[int]:
    roles = ("user", "assistant")
    messages = [{"role": roles[i % 2], "content": text} for i, text in enumerate(said)]
    return rendered_ids(tokenizer, messages)


def _common(one: Sequence[int], other: Sequence[int]) -> list[int]:
    """Return the ids with which both begin."""
    length = 0
    while length < min(len(one), len(other)) and one[length] == other[length]:
        length += 1
    return list(one[:length])


def _last(ids: list[int], wanted: list[int]) -> int | None:
    """Return where the last occurrence of `wanted` ends."""
    for end in range(len(ids), len(wanted) - 1, -1):
        if ids[end - len(wanted) : end] == wanted:
            return end
    return None


def _first(ids: list[int], wanted: list[int]) -> int | None:
    """Return where the first occurrence of `wanted` begins."""
    for start in range(len(ids) - len(wanted) + 1):
        if wanted and ids[start : start + len(wanted)] == wanted:
            return start
    return None
