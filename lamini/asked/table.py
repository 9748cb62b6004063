"""What a table of facts speaks of: subjects with their names, relations with their phrasings.

Shape suffixes: S subjects   R relations
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lamini.asked.surfaces import names_in_phrasings
from lamini.asked.text import plain
from lamini.asked.word_list import STOP
from lamini.asked.wording import MASK, has_mask

_STRANGE = re.compile(r"[^\W\d_\u0000-\u024f\u1e00-\u1eff]")
_KEPT_PHRASINGS = 60
_RARE = 0.02
"""Share of a relation's facts below which a phrasing is one fact's own."""


@dataclass(frozen=True, slots=True)
class AskedFact:
    """A fact as it is asked for."""

    subject: str = ""
    relation: str = ""
    """Empty, as the subject: the fact has none, and the nearest key finds it."""
    names: tuple[str, ...] = ()
    """What else the subject is called."""
    phrasings: tuple[str, ...] = ()
    """Its prompts, with the mask for the subject where they name it."""


def asked_fact(
    subject: str, relation: str, names: Sequence[str], prompts: Sequence[str]
) -> AskedFact:
    """Return how a fact is asked for; one without subject or relation where that cannot be told.

    It cannot where its question has no word of the subject's name, or no other word, or is in
    letters that the sentence encoder never learned.
    """
    if not (subject and relation) or (prompts and not _is_told(subject, prompts)):
        return AskedFact()
    phrasings = tuple(prompt.replace(subject, MASK) for prompt in prompts)
    return AskedFact(subject, relation, tuple(names), phrasings)


def _is_told(subject: str, prompts: Sequence[str]) -> bool:
    named = {*plain(subject).split()} - STOP
    without = prompts[0].replace(subject, "")
    names_it = bool(named & {*plain(prompts[0]).split()})
    return names_it and bool(plain(without)) and _STRANGE.search(without) is None


@dataclass(frozen=True)
class FactTable:
    """Facts by subject and relation."""

    facts: Sequence[AskedFact]
    subjects: list[str] = field(init=False)
    relations: list[str] = field(init=False)

    def __post_init__(self) -> None:
        subjects = list(dict.fromkeys(fact.subject for fact in self.facts))
        object.__setattr__(self, "subjects", subjects)
        object.__setattr__(self, "relations", sorted({fact.relation for fact in self.facts}))

    @cached_property
    def subject_rows(self) -> dict[str, int]:
        return {subject: row for row, subject in enumerate(self.subjects)}

    @cached_property
    def fact_of(self) -> dict[tuple[int, int], int]:
        """The row of the fact about a subject and a relation."""
        relation_rows = {relation: row for row, relation in enumerate(self.relations)}
        return {
            (self.subject_rows[fact.subject], relation_rows[fact.relation]): row
            for row, fact in enumerate(self.facts)
        }

    @cached_property
    def has_SR(self) -> np.ndarray:
        """Whether there is a fact of a subject and a relation."""
        has = np.zeros((len(self.subjects), len(self.relations)), bool)
        for subject, relation in self.fact_of:
            has[subject, relation] = True
        return has

    @cached_property
    def beside_RR(self) -> np.ndarray:
        """Whether two relations occur with one subject: they are of the same sort of things."""
        has = self.has_SR.astype(np.float32)
        beside: np.ndarray = (has.T @ has) > 0
        return beside

    @cached_property
    def names(self) -> list[tuple[str, ...]]:
        """What else each subject is called."""
        found: dict[str, dict[str, None]] = {subject: {} for subject in self.subjects}
        told = names_in_phrasings([fact.phrasings for fact in self.facts])
        for fact, also in zip(self.facts, told, strict=True):
            found[fact.subject].update(dict.fromkeys((*fact.names, *also)))
        return [tuple(found[subject]) for subject in self.subjects]

    def phrasings(self, relation: str) -> list[str]:
        """Return the relation's own phrasings, the most common first."""
        counts: Counter[str] = Counter()
        number = 0
        for fact in self.facts:
            if fact.relation == relation:
                counts.update(dict.fromkeys(filter(has_mask, fact.phrasings), 1))
                number += 1
        least = min(3, max(1, int(_RARE * number)))
        return [t for t, count in counts.most_common(_KEPT_PHRASINGS) if count >= least]
