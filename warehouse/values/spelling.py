"""Choose which of several spellings of one value is shown; the others are its aliases."""

import unicodedata
from collections.abc import Mapping


def canonical(spellings: Mapping[str, int]) -> str:
    """Give the spelling that most claims use; of equals the one that tells most.

    `spellings` tells how often each was claimed. Equal still: the first in the alphabet, so the
    result depends on nothing but the mapping.

    Raises:
        ValueError: there is no spelling to choose from.
    """
    if not spellings:
        raise ValueError("no spellings given; a value has at least one")
    return min(spellings, key=lambda text: (-spellings[text], -information(text), text))


def information(spelling: str) -> int:
    """Count what a spelling tells that a plainer one leaves out: capitals and diacritics.

    'Lima' tells more than 'lima', and more than 'LIMA', which hides where the capitals belong;
    'S\u00e3o Paulo' tells more than 'Sao Paulo'.
    """
    words = spelling.split()
    capitals = sum(word[:1].isupper() for word in words)
    shouted = len(spelling) > 1 and spelling.isupper() and len(words[0]) > 1
    marks = 0
    if not spelling.isascii():
        marks = sum(map(bool, map(unicodedata.combining, unicodedata.normalize("NFD", spelling))))
    return 2 * marks + (0 if shouted else capitals)
