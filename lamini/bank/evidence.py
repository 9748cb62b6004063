"""Word evidence: whether a prompt names a fact's subject, and what share of its words the fact has.

Case does not matter, but for capitals of up to three letters: the country IS is not the word "is".

A query tells which fact a prompt means. It cannot tell that the subject is one no fact is about,
nor that the question is one no fact answers: a phrasing known from a hundred facts is near to all
of them. Trials on the reference facts: 86% of questions about unknown subjects were answered
without the first evidence, 4% with it; with the second, 99% of the held-out phrasings are accepted
where it was 95%, at fewer foreign questions captured (infra/experiments 0010, 0012).

Sources: Sparck Jones 1972 (a word weighs by its rarity); Engram, arXiv:2601.07372 (tokens beside
hidden states). We depart: the share of the prompt that a fact explains, not of the fact that the
prompt repeats, for a question about something else is told by the words that nobody expects.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import log

# Scripts that put no space between words give a word a character.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


class Words:
    """The words of a text, as evidence reads them."""

    def __init__(self, text: str) -> None:
        found = _words(text)
        self.plain = [word.casefold() for word in found]
        """All in small letters."""
        self._folded = _folded(found)
        self._small = text.islower()

    def name(self, subject: str) -> bool:
        """Return whether they hold the words of a subject (`subject_words`), side by side.

        Whoever writes all in small letters may mean a code by any of them.
        """
        return (subject.casefold() if self._small else subject) in self._folded


def subject_words(subject: str, prompts: Sequence[str]) -> str:
    """Return what a prompt must hold to name the subject; empty when nothing can be asked of it.

    A fact whose own phrasings do not all name its subject gives no evidence either way.
    """
    wanted = _folded(_words(subject))
    if wanted.isspace() or not all(Words(prompt).name(wanted) for prompt in prompts):
        return ""
    return wanted


def phrasing_words(subject: str, prompts: Iterable[str]) -> str:
    """Return the words of a fact's phrasings, less those that name its subject, in order."""
    found = {word for prompt in prompts for word in Words(prompt).plain}
    return " ".join(sorted(found.difference(subject.casefold().split())))


@dataclass(frozen=True, kw_only=True)
class WordWeights:
    """How much each word tells: the rarer among the texts the router learned from, the more."""

    known: Mapping[str, float]
    unknown: float
    """Weight of a word that occurred in none of them."""

    @classmethod
    def of(cls, texts: Sequence[str]) -> "WordWeights":
        """Return the weights of the words of `texts` (inverse document frequency)."""
        counts = Counter(word for text in texts for word in set(Words(text).plain))
        number = max(1, len(texts))
        return cls(
            known={word: log(1 + number / (1 + count)) for word, count in sorted(counts.items())},
            unknown=log(1 + number),
        )

    def explained(self, prompt: Iterable[str], phrasing: frozenset[str], subject: str) -> float:
        """Return the weighted share of a prompt's words, the subject's left out, in a phrasing.

        `prompt` holds plain words; `subject` is empty where the prompt does not name it. A prompt
        of nothing but the subject is explained.
        """
        rest = set(prompt).difference(subject.casefold().split())
        weights = {word: self.known.get(word, self.unknown) for word in rest}
        whole = sum(weights.values())
        return sum(w for word, w in weights.items() if word in phrasing) / whole if whole else 1.0


def _folded(found: Sequence[str]) -> str:
    return f" {' '.join(w if len(w) <= 3 and w.isupper() else w.casefold() for w in found)} "


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text))
