"""The surface of a prompt: how people vary the words of one question without asking another.

A phrasing is tuned on as it stands and in one dress; phrasings that were not tuned on are verified
in others. A cloze goes on after its last word, so nothing is put behind it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Dress:
    """What stands before and behind a prompt, and how it is written."""

    case: str = "as is"
    ending: str | None = None
    """What stands in the place of the closing mark; None: the mark stays."""
    before: str = ""
    is_quoted: bool = False

    def put_on(self, prompt: str, *, cloze: bool) -> str:
        """Return the prompt in this dress."""
        text = {"as is": prompt, "lower": prompt.lower(), "upper": prompt.upper()}[self.case]
        if cloze:
            return self.before + text
        if self.ending is not None:
            text = text.rstrip("?.! ") + self.ending
        if self.is_quoted:
            text = f'"{text}"'
        return self.before + text


TUNED = (
    Dress(case="lower", ending=" thanks"),
    Dress(case="upper", ending="!", before="Hello. "),
    Dress(ending="", is_quoted=True),
    Dress(ending=", please", before="I need this for a form: "),
)
"""The n-th phrasing that is tuned on is so in the n-th of these too."""
VERIFIED = (
    Dress(ending=""),
    Dress(case="lower", ending=". Thank you!"),
    Dress(case="upper", is_quoted=True),
    Dress(before="A short question.\n", ending="?\n"),
    Dress(case="lower", ending="", before="hi, "),
)
"""Dresses of what is verified; all others than those of tuning."""
