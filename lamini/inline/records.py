"""Rows in the prompt: the facts of the subjects that a chat names, laid before the backbone.

They stand in a system turn where the chat template knows one, else before the last user turn.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lamini.asked.phrase_bank import called_as
from lamini.backbone.chat_template import rendered_ids
from lamini.backbone.text import encode_prompt, encode_turns
from lamini.errors import ChatTemplateError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = Mapping[str, str]
"""role and content."""
_RECORDS = "These records are right. Where you speak of one, copy its value exactly.\n{records}"


def with_records(
    tokenizer: "PreTrainedTokenizerBase",
    messages: Sequence[Message],
    rows: Sequence[tuple[str, str, str]],
) -> list[Message]:
    """Return the messages with facts (subject, relation, value) laid before them."""
    if not rows:
        return [*messages]
    listed = "\n".join(f"- {called_as(r)} of {s}: {v}" for s, r, v in rows)
    records = _RECORDS.format(records=listed)
    first, last = messages[0], messages[-1]
    if first["role"] == "system":
        return [{**first, "content": f"{first['content']}\n\n{records}"}, *messages[1:]]
    if _knows_system_turns(tokenizer):
        return [{"role": "system", "content": records}, *messages]
    return [*messages[:-1], {**last, "content": f"{records}\n\n{last['content']}"}]


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


def _knows_system_turns(tokenizer: "PreTrainedTokenizerBase") -> bool:
    if tokenizer.chat_template is None:
        return False
    probe = [{"role": "system", "content": "Pale"}, {"role": "user", "content": "7 q"}]
    try:
        return "Pale" in tokenizer.decode(rendered_ids(tokenizer, probe))
    except ChatTemplateError:
        return False
