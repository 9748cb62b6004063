"""Render a backbone's chat template, which is somebody else's program, within bounds.

transformers compiles it in Jinja's sandbox, so it reaches nothing of this machine; but it may be
wrong, or never end: so it runs in a process of its own, which the system ends (`template_process`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lamini.backbone.template_process import TemplateProcess
from lamini.errors import ChatTemplateError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SECONDS = 5.0
"""Of processor time over one prompt; the longest known templates take milliseconds."""
_ADDED_CHARACTERS = 1_000_000
"""By which a prompt may grow: system prompts of a hundred pages are shorter."""
_process = TemplateProcess()


def rendered_text(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]]
) -> str:
    """Return messages as the backbone's template writes them, the answer's opening last.

    Raises:
        ChatTemplateError: the template fails, or takes too long or too much room.
    """
    try:
        template = tokenizer.get_chat_template()
        return _process.render(
            template,
            messages,
            tokenizer.special_tokens_map,
            seconds=SECONDS,
            most_characters=_ADDED_CHARACTERS + sum(len(m["content"]) for m in messages),
        )
    except (ValueError, TimeoutError, MemoryError) as error:
        why = str(error).partition("\n")[0][:200]
        raise ChatTemplateError(
            f"the chat template of the backbone fails ({why}); put right chat_template in its "
            "folder, or take it out: questions are then asked without one"
        ) from error


def rendered_ids(
    tokenizer: "PreTrainedTokenizerBase", messages: Sequence[Mapping[str, str]]
) -> list[int]:
    """Return the ids of messages as the backbone's template writes them, the answer's opening last.

    A special token that stands in a message is taken for one: `encode_turns` (text) looks to that.

    Raises:
        ChatTemplateError: the template fails, or takes too long or too much room.
    """
    text = rendered_text(tokenizer, messages)
    # The template writes what the tokenizer would put around a text.
    return [int(i) for i in tokenizer(text, add_special_tokens=False)["input_ids"]]
