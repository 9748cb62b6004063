"""The normal form in which subjects, relations, values and questions are compared.

NFC, stripped, runs of white space as one space: the normalisation of recall. Case is kept, since
subjects may be codes ('Co' is a carbonyl, 'CO' is Colombia). Names of subjects and relations are
one beyond that where they differ only in what cannot be seen, in width, quotation marks and dashes.
The SQL macros `normal_form`, `name_key` and `relation_name` say the same; tests hold them equal.
"""

import re
import unicodedata

SINGLE = "\u2018\u2019\u201a\u201b\u2032\u2039\u203a\u02b9\u02bb\u02bc\u02bd\u00b4\uff07"
DOUBLE = "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb\u300c\u300d\u300e\u300f\u301d\u301e\u301f"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2043\ufe58\ufe63\uff0d\u2e3a\u2e3b\u02d7"
UNSEEN = re.compile(
    # soft hyphen, grapheme joiner, Hangul fillers, Mongolian and other variation selectors, zero
    # width characters, marks of direction, word joiners, byte order mark, tags
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
_PLAIN = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}  # of full width
    # U+2019 is the apostrophe that Unicode prefers, and that CLDR's names have.
    | dict.fromkeys("'" + SINGLE, "\u2019")
    | dict.fromkeys(DOUBLE, '"')
    | dict.fromkeys(DASHES, "-")
)


def normal_form(text: str) -> str:
    """Return `text` in normal form."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def name_key(text: str) -> str:
    """Return what counts of a name in normal form; nothing where nothing can be seen of it."""
    if text.isascii() and "'" not in text:
        return text
    return normal_form(UNSEEN.sub("", text).translate(_PLAIN))


def relation_name(text: str) -> str:
    """Return the plain name of a relation, however it is spelled."""
    return name_key(normal_form(text)).replace("\u2019", "'")
