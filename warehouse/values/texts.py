"""Plain texts: compared without regard to case, white space, width, kinds of quotes and dashes.

Compatibility normalisation and full case folding as in the Unicode Standard (chapter 3, toNFKC and
toCasefold; Unicode 15). Beyond it: what cannot be seen is dropped, every quotation mark is one of
two, every dash is a hyphen. Left alone on purpose: diacritics ('Peña' is not 'Pena'), articles,
spaces around dashes, and a full stop at the end ('St.' is not 'St').
"""

import re
import unicodedata
from collections.abc import Mapping

from warehouse.normal import DASHES, DOUBLE, SINGLE, UNSEEN

_SEEN = str.maketrans(
    dict.fromkeys(SINGLE + "`", "'") | dict.fromkeys(DOUBLE, '"') | dict.fromkeys(DASHES, "-")
)
_ODD = re.compile(f"[{SINGLE}`{DOUBLE}{DASHES}]")
_TRAILING = ",; "
LONGEST = 200
"""Longer texts are not looked at as numbers, dates or times."""
_MAX_ROUNDS = 8


def visible(text: str) -> str:
    """Return `text` in NFKC without invisible characters, stripped."""
    if text.isascii():
        return text.strip()
    # A mark may have hung on what was invisible, so normalise once more.
    shown = unicodedata.normalize("NFKC", text)
    if UNSEEN.search(shown):
        shown = unicodedata.normalize("NFKC", UNSEEN.sub("", shown))
    return shown.strip()


def one_line(text: str) -> str:
    """Return `text` as `visible` does, each white space as one space, quotes and dashes as one."""
    shown = visible(_alike(text)) if not text.isascii() else text
    return " ".join(_alike(shown).split())


def text_key(value: str) -> str:
    """Return the normal form of a text; a value of nothing visible is its own."""
    found = value
    for _ in range(_MAX_ROUNDS):  # one round, nearly always; unquoting may show another quote
        before, folded = found, one_line(found).casefold()
        found = _unquoted(folded.rstrip(_TRAILING))
        if found == before or ('"' not in folded and _is_settled(found)):
            break
    return found or value


def _alike(text: str) -> str:
    return text.translate(_SEEN) if _ODD.search(text) else text


def _is_settled(found: str) -> bool:
    """Say, at less than a round's cost, whether another round would surely change nothing."""
    return found.isascii() or (unicodedata.is_normalized("NFKC", found) and found.isprintable())


def _unquoted(text: str) -> str:
    if len(text) > 2 and text[0] == text[-1] == '"' and text.count('"') == 2:
        return text[1:-1].strip()
    return text


class Text:
    """Values that are words."""

    def key(self, value: str) -> str:
        """Return the text without differences of case, space, width, quotes and dashes."""
        return text_key(value)

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Return every key itself."""
        return {key: key for key in num_claims}

    def support(self, key: str, other: str) -> float:
        """Return 1 for the key itself, 0 for any other."""
        return float(key == other)
