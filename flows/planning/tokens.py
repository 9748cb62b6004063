"""Count the tokens of answers as training will see them, with the backbone's own tokenizer."""

import hashlib
from importlib.resources import files
from typing import Any

from flows.errors import SettingsError
from lamini.backbone.text import normal_form


class AnswerCounter:
    """Gives the number of tokens of each answer, the end of the answer not included."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    @property
    def name(self) -> str:
        """A name that no other tokenizer has."""
        words = sorted(self._tokenizer.get_vocab().items())
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        whole = repr(words) if backend is None else backend.to_str()
        return hashlib.sha256(whole.encode()).hexdigest()[:16]

    def __call__(self, answers: list[str]) -> list[int]:
        """Count."""
        texts = [" " + text if (text := normal_form(answer)) else "" for answer in answers]
        if not texts:
            return []
        settings = {"add_special_tokens": False, "split_special_tokens": True}
        return [len(ids) for ids in self._tokenizer(texts, **settings)["input_ids"]]


def answer_counter(backbone: str) -> AnswerCounter:
    """Return what counts the tokens of answers.

    Raises:
        SettingsError: no tokenizer can be loaded for `backbone`.
    """
    from transformers import AutoTokenizer

    folder = str(files("lamini") / "embedded") if backbone == "embedded" else backbone
    try:
        return AnswerCounter(AutoTokenizer.from_pretrained(folder, trust_remote_code=False))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"no tokenizer for backbone={backbone!r}: {str(error).splitlines()[0]}; give "
            "'embedded', a folder with a tokenizer, or a model name in the local cache"
        ) from error
