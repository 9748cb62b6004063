"""Rows in the prompt: the facts of the subjects that a chat names, laid before the backbone.

They follow the last user turn as statements: a small backbone copies what it has read last, and
plain sentences sooner than a list in a system turn (infra/experiments/0044).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lamini.asked.phrase_bank import called_as
from lamini.backbone.text import encode_prompt, encode_turns

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, str]
"""role and content."""


def with_records(
    messages: Sequence[Message], rows: Sequence[tuple[str, str, str]]
) -> list[Message]:
    """Return the messages with facts (subject, relation, value) said after the last one."""
    if not rows:
        return [*messages]
    said = " ".join(f"The {called_as(r)} of {s} is {v}." for s, r, v in rows)
    last = messages[-1]
    return [*messages[:-1], {**last, "content": f"{last['content']}\n\n{said}"}]


def encode_chat(tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Message]) -> list[int]:
    """Return the ids of a chat, the answer's opening last; a single question as it was trained.

    Raises:
        EncodingError: the last message is empty.
        ChatTemplateError: the backbone's chat template fails.
    """
    if len(messages) == 1:
        return encode_prompt(tokenizer, messages[0]["content"])
    if tokenizer.chat_template is None:
        return encode_prompt(tokenizer, "\n".join(m["content"] for m in messages))
    return encode_turns(tokenizer, messages)
