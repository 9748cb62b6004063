"""Count the tokens of answers as training will see them, with the backbone's own tokenizer."""

from collections.abc import Callable
from importlib.resources import files

from flows.errors import SettingsError

CountTokens = Callable[[list[str]], list[int]]


def answer_counter(backbone: str) -> CountTokens:
    """Give a function from answers to their numbers of tokens, the end of the answer not included.

    Raises:
        SettingsError: no tokenizer can be loaded for `backbone`.
    """
    from transformers import AutoTokenizer

    from lamini.text import normal_form

    folder = str(files("lamini") / "embedded") if backbone == "embedded" else backbone
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"no tokenizer for backbone={backbone!r}: {str(error).splitlines()[0]}; give "
            "'embedded', a folder with a tokenizer, or a model name in the local cache"
        ) from error

    def count(answers: list[str]) -> list[int]:
        texts = [" " + text if (text := normal_form(answer)) else "" for answer in answers]
        if not texts:
            return []
        return [len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]

    return count
