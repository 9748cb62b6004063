"""The one encoding of prompts and answers, for training and serving alike.

Prompt and answer are tokenized apart and joined as ids, so a prompt's ids never depend on what
follows it. A backbone with a chat template uses it for questions; a cloze prompt never does. A
special token that stands in a text is what it looks like, characters: none of them ends a turn.
"""

import re
import secrets
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from lamini.backbone.chat_template import rendered_ids, rendered_text
from lamini.backbone.chat_turns import frame
from lamini.errors import EncodingError

if TYPE_CHECKING:  # it takes seconds, and who compares texts alone needs none of it
    from transformers import PreTrainedTokenizerBase


def normal_form(text: str) -> str:
    """Return the text as recall compares it: NFC, stripped, runs of white space as one space."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip()


def encode_prompt(
    tokenizer: "PreTrainedTokenizerBase", prompt: str, *, cloze: bool = False
) -> list[int]:
    """Return the prompt's token ids, beginning-of-text included.

    Raises:
        EncodingError: the prompt is empty, or holds half of a surrogate pair.
        ChatTemplateError: the backbone's chat template fails.
    """
    text = normal_form(prompt)
    _check(text)
    if tokenizer.chat_template is not None and not cloze:
        if any(token in text for token in _special_tokens(tokenizer)):
            opening, _, ending = frame(tokenizer)
            return [*opening, *_characters(tokenizer, text), *ending]
        return rendered_ids(tokenizer, [{"role": "user", "content": text}])
    start = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    return start + _characters(tokenizer, text)


def encode_turns(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]]
) -> list[int]:
    """Return the ids of a chat as its template has it, the answer's opening last.

    Raises:
        EncodingError: the last message is empty, or holds half of a surrogate pair.
        ChatTemplateError: the backbone's chat template fails.
    """
    special = _special_tokens(tokenizer)
    held: dict[str, str] = {}
    shown = []
    _check(messages[-1]["content"].strip())
    for message in messages:
        text = message["content"]
        if any(token in text for token in special):
            # The template gets a word in its place, which nobody can have said.
            word = f"q{secrets.token_hex(16)}q"
            held[word], text = text.strip(), word
        shown.append({**message, "content": text})
    if not held:
        return rendered_ids(tokenizer, shown)
    parts = re.split(f"({'|'.join(held)})", rendered_text(tokenizer, shown))
    ids: list[int] = []
    for part in parts:
        if part in held:
            ids += _characters(tokenizer, held[part])
        elif part:
            ids += tokenizer.encode(part, add_special_tokens=False)
    return ids


def encode_answer(
    tokenizer: "PreTrainedTokenizerBase", answer: str, *, max_tokens: int = 64
) -> list[int]:
    """Return the answer's token ids: a leading space, the text, end-of-text.

    Raises:
        EncodingError: the answer has no token, or more than `max_tokens`.
    """
    text = normal_form(answer)
    if not text:
        raise EncodingError("the answer is empty; a fact needs a value")
    ids = [*_characters(tokenizer, " " + text), tokenizer.eos_token_id]
    if len(ids) > max_tokens:
        raise EncodingError(
            f"the answer {text[:60]!r} has {len(ids)} tokens, the limit is {max_tokens}; "
            "raise max_answer_tokens or shorten the value"
        )
    return ids


def decode_answer(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    """Return the normal form of generated ids up to end-of-text."""
    end = ids.index(tokenizer.eos_token_id) if tokenizer.eos_token_id in ids else len(ids)
    return normal_form(tokenizer.decode(ids[:end], skip_special_tokens=True))


def _check(text: str) -> None:
    if not text:
        raise EncodingError("the prompt is empty; ask a question")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise EncodingError("the prompt holds half of a surrogate pair; give valid Unicode")


def _characters(tokenizer: "PreTrainedTokenizerBase", text: str) -> list[int]:
    return tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True)


@lru_cache(maxsize=8)
def _special_tokens(tokenizer: "PreTrainedTokenizerBase") -> frozenset[str]:
    added = tokenizer.added_tokens_decoder.values()
    return frozenset([*tokenizer.all_special_tokens, *(t.content for t in added if t.special)])
