"""What was given as prompts, one by one: a text to answer, or the reason why it is none."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.configuration.serving import Serving
from lamini.errors import EncodingError

SHOWN = 80
"""Characters of a refused prompt that its error repeats."""
_CHARACTERS_PER_TOKEN = 16
"""More than any text has in the mean: what is longer is refused unread."""
_BATCH_ROWS = 64
_BATCH_TOKENS = 8192
"""Places of a batch, padding included: how much is begun before the clock is looked at again."""


def prompts_of(given: Any) -> list[Any]:
    """Return the prompts of what the scoring server, or a caller, hands over, whatever they are."""
    if hasattr(given, "columns"):  # a DataFrame
        given = given["prompt" if "prompt" in given.columns else given.columns[0]]
    if isinstance(given, Mapping):
        given = given.get("prompt")
    if given is None or isinstance(given, str):
        return [given]
    listed = given.tolist() if hasattr(given, "tolist") else given
    if not isinstance(listed, Sequence):
        return [listed]
    if len(listed) == 1 and isinstance(listed[0], list):
        listed = listed[0]  # what MLflow makes of {"inputs": {"prompt": [texts]}}
    return [item.get("prompt") if isinstance(item, Mapping) else item for item in listed]


def encoded(tokenizer: Any, prompt: Any, limits: Serving) -> list[int] | str:
    """Return the ids of a prompt, or the reason why it is not answered."""
    from lamini.backbone.text import encode_prompt

    if _is_null(prompt):
        return "the prompt is null; give a text"
    if not isinstance(prompt, str):
        return f"the prompt is no text but {type(prompt).__name__}; give it in quotes"
    most = limits.max_prompt_tokens
    if len(prompt) > most * _CHARACTERS_PER_TOKEN:
        return (
            f"the prompt has {len(prompt)} characters, more than max_prompt_tokens={most} can hold;"
            " shorten it, or raise max_prompt_tokens"
        )
    try:
        ids = encode_prompt(tokenizer, prompt)
    except EncodingError as error:
        return str(error)
    if len(ids) > most:
        return (
            f"the prompt has {len(ids)} tokens, the limit is max_prompt_tokens={most}; "
            "shorten it, or raise max_prompt_tokens"
        )
    return ids


def batches(lengths: Mapping[int, int]) -> Iterator[list[int]]:
    """Yield the places of prompts of so many tokens in bounded batches, short ones first."""
    batch: list[int] = []
    for place in sorted(lengths, key=lambda i: (lengths[i], i)):
        places = lengths[place] * (len(batch) + 1)
        if batch and (len(batch) == _BATCH_ROWS or places > _BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def shown(prompt: Any) -> str | None:
    """Return what a refused prompt began with; null for none."""
    if _is_null(prompt):
        return None
    text = prompt[: SHOWN + 1] if isinstance(prompt, str) else str(prompt)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _is_null(prompt: Any) -> bool:
    # pandas has two more words for it: a number unlike itself, and one that compares with nothing.
    is_nan = isinstance(prompt, float) and prompt != prompt
    return prompt is None or is_nan or type(prompt).__name__ == "NAType"
