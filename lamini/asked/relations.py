"""What a masked question asks for: how near it is to each relation's phrasings, and to all others.

A relation's positives are the phrasings that its table brings and those of the bank for it. All
other concepts of the bank are negatives: what is nearer to "how many people live in X" than to any
phrasing of this table asks for what the table does not hold (Hendrycks et al. 2019,
arXiv:1812.04606, train outliers the same way).

Shape suffixes: V views   P positives   N negatives   R relations   D encoder width
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lamini.asked.cues import asks_verdict, question_words
from lamini.asked.encoder import Encoder
from lamini.asked.phrase_bank import Concept, PhraseBank, called_as
from lamini.asked.table import AskedFact, FactTable
from lamini.asked.text import plain
from lamini.asked.word_list import STOP
from lamini.asked.wording import MASK, Mend, has_mask, words_of

_SAME = 0.95
"""Cosine from which a negative says what a positive says."""
_SPOKEN_OF = 0.92
"""Cosine from which a concept is what the table's own phrasings ask for."""
_EQUAL = 0.15
"""Cosine below the nearest phrasing within which another relation may as well be meant."""
_TELLING = 3.0
"""Times that a word is more frequent in one relation's phrasings where it tells which is meant."""
_SAID = frozenset({"look", "need", "know", "state", "find", "please", "want", "like"})
"""Words that ask, of whatever is asked for."""
_NONE = -1.0
_BEST, _TOP = 0.6, 0.4
"""Weights of a relation's nearest phrasing, and of the mean of its three nearest."""


@dataclass(frozen=True, kw_only=True)
class Nearness:
    """How near the views of a prompt are to relations and negatives."""

    best_VR: np.ndarray
    top_VR: np.ndarray
    """Mean of the three nearest phrasings."""
    own_VP: np.ndarray
    other_VN: np.ndarray

    @cached_property
    def score_VR(self) -> np.ndarray:
        return _BEST * self.best_VR + _TOP * self.top_VR


class RelationEvidence:
    """Phrasings for and against each relation of a table, as vectors."""

    def __init__(
        self,
        table: FactTable,
        bank: PhraseBank,
        encoder: Encoder,
        retired: Sequence[AskedFact] = (),
    ) -> None:
        self.relations = table.relations
        self.encoder = encoder
        self.bank = bank
        vector_of = dict(zip(bank.texts, bank.vectors_ND, strict=True))
        self.own = {relation: table.phrasings(relation) for relation in self.relations}
        own = [text for texts in self.own.values() for text in texts]
        fresh = [t for t in dict.fromkeys(own) if t not in vector_of]
        vector_of.update(zip(fresh, encoder.of_phrasings(fresh), strict=True))
        self.concept = {r: _concept(bank, r, self.own[r], vector_of) for r in self.relations}
        self.kind = {r: c.kind if c else "text" for r, c in self.concept.items()}
        pairs: list[tuple[str, int]] = []
        for row, relation in enumerate(self.relations):
            texts = [*self.own[relation], *self._shipped(relation)]
            pairs += [(text, row) for text in dict.fromkeys(texts)]
        fresh = [t for t in dict.fromkeys(text for text, _ in pairs) if t not in vector_of]
        vector_of.update(zip(fresh, encoder.of_phrasings(fresh), strict=True))
        self.texts = [text for text, _ in pairs]
        self.relation_P = np.array([row for _, row in pairs], np.int64)
        self.vectors_PD = np.stack([vector_of[text] for text in self.texts])
        self.asks_P = [question_words(text) for text in self.texts]
        self._oppose(vector_of, own)
        self._oppose_retired(retired)
        self.words_P = [frozenset(words_of([text])) for text in self.texts]
        self._plain_P = [
            frozenset(plain(text).split()) - STOP - _SAID - {plain(MASK)} for text in self.texts
        ]
        self.verdict_P = np.array([asks_verdict(text) for text in self.texts])
        words = frozenset().union(bank.words, *self.words_P)
        self.mend = Mend(sorted(words), encoder.words)
        fresh = sorted(words - bank.words.keys() - STOP)
        self._word_vectors = dict(zip(fresh, encoder.of_phrasings(fresh), strict=True))
        self.declared = self._declared()
        self._called = [frozenset(plain(called_as(r)).split()) - STOP for r in self.relations]

    def named(self, views: Sequence[str], siblings_R: np.ndarray) -> np.ndarray:
        """Return for each view which siblings it calls by all words that tell their names apart."""
        rows = np.flatnonzero(siblings_R)
        shared = frozenset.intersection(*(self._called[row] for row in rows))
        named_VR = np.zeros((len(views), len(siblings_R)), np.float32)
        for v, view in enumerate(views):
            words = {*plain(view).split()}
            held = [r for r in rows if (own := self._called[r] - shared) and own <= words]
            for row in held:
                more = any(self._called[row] < self._called[other] for other in held)
                named_VR[v, row] = not more
        return named_VR

    def said_of(self, relation: int) -> frozenset[str]:
        """Return all words that phrasings of the relation have."""
        rows = np.flatnonzero(self.relation_P == relation)
        return frozenset().union(*(self._plain_P[row] for row in rows))

    def equally_said(self, view: str, best_R: np.ndarray, rows: np.ndarray) -> list[int]:
        """Return which of these relations the words of a view may ask for, none more than another.

        Each of its telling words stands in one phrasing of each, and none of them is much more a
        word of one relation than of the others: "the code of X", of three codes.
        """
        words = frozenset(plain(view).split()) - STOP - _SAID - {plain(MASK)}
        if not words:
            return []
        top = max(float(best_R[row]) for row in rows)
        own = {
            int(row): [self._plain_P[i] for i in np.flatnonzero(self.relation_P == row)]
            for row in rows
            if best_R[row] > top - _EQUAL
        }
        exactly = [row for row, said in own.items() if words in said]
        meant = exactly or [row for row, said in own.items() if any(words < one for one in said)]
        share = np.array(
            [[np.mean([w in one for one in own[row]]) for row in meant] for w in words]
        )
        if len(meant) > 1 and (share.max(1) > _TELLING * np.sort(share, 1)[:, -2]).any():
            return []
        return meant

    def _shipped(self, relation: str) -> list[str]:
        return self.bank.phrasings_of(
            relation, self.kind[relation], self.concept[relation], len(self.own[relation])
        )

    def _declared(self) -> dict[str, int]:
        """Return the relation of each phrasing that the table brings and that is of one alone."""
        found: dict[str, set[int]] = {}
        for row, relation in enumerate(self.relations):
            for text in self.own[relation]:
                found.setdefault(plain(text), set()).add(row)
        return {text: next(iter(rows)) for text, rows in found.items() if len(rows) == 1}

    def _oppose(self, vector_of: dict[str, np.ndarray], own: list[str]) -> None:
        """Choose the negatives: all of the bank that no relation of the table asks for."""
        spoken = {c.name for r in self.relations for c in self.bank.concepts_of(r)}
        rows = [row for row, owner in enumerate(self.bank.owner_N) if owner not in spoken]
        vectors_ND = self.bank.vectors_ND[rows]
        owners = np.array([self.bank.owner_N[row] for row in rows])
        asks = [question_words(self.bank.texts[row]) for row in rows]
        keep = ~_alike(vectors_ND, asks, self.vectors_PD, self.asks_P, _SAME)
        if own:
            own_UD = np.stack([vector_of[text] for text in dict.fromkeys(own)])
            own_asks = [question_words(text) for text in dict.fromkeys(own)]
            near = _alike(vectors_ND, asks, own_UD, own_asks, _SPOKEN_OF)
            keep &= ~np.isin(owners, [o for o in set(owners[near].tolist()) if o != "task"])
        self.other_texts = [self.bank.texts[row] for row, k in zip(rows, keep, strict=True) if k]
        self.owner_N = owners[keep]
        self.others_ND = vectors_ND[keep]

    def _oppose_retired(self, retired: Sequence[AskedFact]) -> None:
        """Make negatives of the phrasings of relations that no fact tells any more."""
        gone = [fact for fact in retired if fact.relation and fact.relation not in self.relations]
        pairs = {text: fact.relation for fact in gone for text in fact.phrasings if has_mask(text)}
        if pairs:
            self.other_texts += pairs
            self.owner_N = np.concatenate([self.owner_N, [f"retired {r}" for r in pairs.values()]])
            vectors_ND = self.encoder.of_phrasings([*pairs])
            self.others_ND = np.concatenate([self.others_ND, vectors_ND])

    def words_near(self, words: Sequence[str], known: Collection[str]) -> np.ndarray:
        """Return how near each word is to the nearest of the known ones, which phrasings hold."""
        like = [
            self.bank.words[word] if word in self.bank.words else self._word_vectors[word]
            for word in sorted(known)
        ]
        nearest: np.ndarray = (self.encoder(words) @ np.stack(like).T).max(1)
        return nearest

    def near(self, views: list[str], without: "Without | None" = None) -> Nearness:
        """Return how near each view is to what; `without` takes phrasings out, for training."""
        view_VD = self.encoder(views)
        own_VP = view_VD @ self.vectors_PD.T
        other_VN = view_VD @ self.others_ND.T
        if without:
            own_VP[:, ~without.alive(self)] = _NONE
            other_VN[:, np.isin(self.owner_N, list(without.concepts))] = _NONE
        best_VR = np.full((len(views), len(self.relations)), _NONE, np.float32)
        top_VR = best_VR.copy()
        for row in range(len(self.relations)):
            of_V = np.sort(own_VP[:, self.relation_P == row], axis=1)
            if of_V.shape[1]:
                best_VR[:, row], top_VR[:, row] = of_V[:, -1], of_V[:, -3:].mean(1)
        return Nearness(best_VR=best_VR, top_VR=top_VR, own_VP=own_VP, other_VN=other_VN)


@dataclass(frozen=True, kw_only=True)
class Without:
    """Evidence that is held back: what a model is trained and calibrated on must not be known."""

    phrasings: frozenset[int] = frozenset()
    relation: int | None = None
    concepts: Collection[str] = ()

    def alive(self, evidence: RelationEvidence) -> np.ndarray:
        """Return which phrasings are left."""
        alive: np.ndarray = ~np.isin(np.arange(len(evidence.texts)), list(self.phrasings))
        if self.relation is not None:
            alive &= evidence.relation_P != self.relation
        return alive


def _alike(
    one_ND: np.ndarray,
    one_asks: Sequence[frozenset[str]],
    other_MD: np.ndarray,
    other_asks: Sequence[frozenset[str]],
    bar: float,
) -> np.ndarray:
    """Return which of the first are as near as `bar` to one of the second that asks alike."""
    near_NM = (one_ND @ other_MD.T) >= bar
    found = [
        any(asks == other_asks[int(m)] for m in np.flatnonzero(near_M))
        for asks, near_M in zip(one_asks, near_NM, strict=True)
    ]
    return np.array(found, bool)


def _concept(
    bank: PhraseBank, relation: str, own: list[str], vector_of: dict[str, np.ndarray]
) -> Concept | None:
    """Return the concept of the relation: of several, what its own phrasings are nearest to."""
    found = bank.concepts_of(relation)
    if len(found) < 2 or not own:
        return found[0] if found else None
    mean_D = np.stack([vector_of[text] for text in own[:8]]).mean(0)

    def nearness(concept: Concept) -> float:
        near = np.sort(np.stack([vector_of[text] for text in concept.phrasings]) @ mean_D)
        return float(near[-3:].mean())

    return max(found, key=nearness)
