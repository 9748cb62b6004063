"""Render a backbone's chat template, which is somebody else's program, within bounds.

transformers compiles it in Jinja's sandbox, so it reaches nothing of this machine; but it may be
wrong, or never end. Its lines are watched while it runs. One operation alone that never ends ("x"
times ten to the ten) is not stopped.
"""

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from lamini.errors import ChatTemplateError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SECONDS = 5.0
"""How long a template may take over one prompt; the longest known take milliseconds."""
_ADDED_CHARACTERS = 1_000_000
"""By which a prompt may grow: system prompts of a hundred pages are shorter."""
_COMPILED = "<template>"
"""Jinja's name of the file of a template that it was given as text."""


def rendered_ids(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]]
) -> list[int]:
    """Return the ids of messages as the backbone's template writes them, the answer's opening last.

    Raises:
        ChatTemplateError: the template fails, or takes too long or too much room.
    """
    try:
        with _watched():
            text = tokenizer.apply_chat_template(
                [dict(message) for message in messages], add_generation_prompt=True, tokenize=False
            )
    except Exception as error:
        why = str(error).partition("\n")[0][:200]
        raise ChatTemplateError(
            f"the chat template of the backbone fails ({type(error).__name__}: {why}); put right "
            "chat_template in its folder, or take it out: questions are then asked without one"
        ) from error
    given = sum(len(message["content"]) for message in messages)
    if not isinstance(text, str) or len(text) > given + _ADDED_CHARACTERS:
        raise ChatTemplateError(
            f"the chat template of the backbone makes more than {_ADDED_CHARACTERS} characters of "
            "a prompt; put right chat_template in its folder, or take it out"
        )
    # The template writes what the tokenizer would put around a text.
    return [int(i) for i in tokenizer(text, add_special_tokens=False)["input_ids"]]


@contextmanager
def _watched() -> Iterator[None]:
    before, until = sys.gettrace(), time.monotonic() + SECONDS

    def on_line(frame: FrameType, event: str, argument: Any) -> Any:
        if time.monotonic() > until:
            raise TimeoutError(f"it takes longer than {SECONDS:g} s over one prompt")
        return on_line

    def on_call(frame: FrameType, event: str, argument: Any) -> Any:
        return on_line if frame.f_code.co_filename == _COMPILED else None

    sys.settrace(on_call)
    try:
        yield
    finally:
        sys.settrace(before)
