"""Text as names are compared: words without case, marks, possessive and ordinal ends."""

import re
import unicodedata
from dataclasses import dataclass

_LETTERS = str.maketrans(
    {
        **dict.fromkeys("\u2019\u2018\u02bc\u00b4`", "'"),
        "\u00df": "ss", "\u00f8": "o", "\u00d8": "O", "\u0142": "l", "\u0141": "L", "\u0131": "i",
    }
)  # fmt: skip
_TOKEN = re.compile(r"[^\W_]+")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_SPOKEN = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6",
    "seventh": "7",
    "eighth": "8", "ninth": "9", "tenth": "10", "eleventh": "11", "twelfth": "12",
    "thirteenth": "13", "fourteenth": "14", "fifteenth": "15", "sixteenth": "16",
    "seventeenth": "17", "eighteenth": "18", "nineteenth": "19", "twentieth": "20",
    "thirtieth": "30", "fortieth": "40", "fiftieth": "50",
}  # fmt: skip
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50}
_UNITS = frozenset("123456789")
_PADDED = re.compile(r"0[1-9]")


@dataclass(frozen=True, slots=True)
class Token:
    """A word of a text: where it stands, and its plain form."""

    start: int
    end: int
    raw: str
    plain: str


def unmarked(text: str) -> str:
    """Return the text without diacritics, of the same length where that can be."""
    return "".join(_bare(letter) for letter in text.translate(_LETTERS))


def tokens(text: str) -> list[Token]:
    """Return the words of a text in order, possessive s left out."""
    bare = unmarked(text)
    # Offsets are those of the text given: letters that become two (ss) would shift them.
    if len(bare) != len(text):
        bare = "".join(_bare(letter)[:1] or " " for letter in text.translate(_LETTERS))
    found: list[Token] = []
    for match in _TOKEN.finditer(bare):
        start, end = match.span()
        if match.group() in ("s", "S") and bare[max(0, start - 1) : start] == "'":
            continue
        word = plain_word(match.group())
        if (
            found
            and found[-1].plain in _TENS
            and word in _UNITS
            and match.group().casefold() in _SPOKEN
        ):
            tens = found.pop()
            start, word = tens.start, str(_TENS[tens.plain] + int(word))
        found.append(Token(start, end, text[start:end], word))
    return found


def plain_word(word: str) -> str:
    """Return the form in which a word is compared."""
    folded = word.casefold()
    if ordinal := _ORDINAL.fullmatch(folded):
        return ordinal.group(1)
    if _PADDED.fullmatch(folded):
        return folded[1:]
    return _SPOKEN.get(folded, folded)


def plain(text: str) -> str:
    """Return a name as it is compared: its words in plain form, "&" as the word."""
    return " ".join(token.plain for token in tokens(text.replace("&", " and ")))


def _bare(letter: str) -> str:
    if letter.isascii():
        return letter
    kept = [c for c in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(c)]
    return "".join(kept)
