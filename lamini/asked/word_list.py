"""How ordinary a word is: its rank in the vocabulary of the sentence encoder.

BERT's word pieces (Wu et al. 2016, arXiv:1609.08144) stand in the vocabulary roughly by how often
they occur, so their rank says what a table of word counts would (Zipf 1949), and no data has to
ship for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

_STOP = """
the a an of in on at to for and or is are was were be been am who whom whose what which when where
how why do does did it its this that these those with from by as me my i you your we our they he
she his her their them can could would will may shall should have has had not no yes there here s
t m re ve ll d so if but us than then into about please tell give name one some any also just get
got let whats whos wheres whens hows thats
"""
STOP = frozenset(_STOP.split())
"""Words that carry grammar, not meaning."""

_FREQUENT = 3_000
"""Rank below which a word is everybody's: single letters, "the", "try", "all"."""


@dataclass(frozen=True)
class WordList:
    """Ranks of whole words; a word that is none has no rank."""

    rank: Mapping[str, int]

    @classmethod
    def of(cls, vocabulary: Mapping[str, int]) -> "WordList":
        """Return the whole words of a vocabulary of word pieces."""
        words = sorted((i, w) for w, i in vocabulary.items() if w.isalpha() and len(w) > 1)
        return cls({word: rank for rank, (_, word) in enumerate(words)})

    def is_ordinary(self, word: str) -> bool:
        """Return whether the word is one that an English text may well hold."""
        return word in self.rank or (word.endswith("s") and word[:-1] in self.rank)

    def is_frequent(self, word: str) -> bool:
        """Return whether it is among the words that nearly every text holds."""
        return self.rank.get(word, _FREQUENT) < _FREQUENT or word in STOP

    def weight(self, word: str) -> float:
        """Return how much a word tells: little for "the", most for one that is no word."""
        if word in STOP:
            return 0.5
        return log(20 + self.rank.get(word, 60_000)) - 2.5
