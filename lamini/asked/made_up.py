"""Prompts made of a table's facts, with what they ask for: what the acceptance is fitted on.

A phrasing is asked while it and its near duplicates are held back from the evidence, so it is as
new as a stranger's. Silence is due for concepts that the table does not hold, for a relation taken
away, for other tasks, other times, verdicts, many subjects at once and names of nobody.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from lamini.asked.acceptance import Acceptance, fit, load_acceptance
from lamini.asked.asking import Found, QuestionMatcher
from lamini.asked.features import CUES, NAMES
from lamini.asked.phrase_bank import called_as
from lamini.asked.relations import Without
from lamini.asked.surfaces import PARTIAL
from lamini.asked.table import AskedFact
from lamini.asked.word_list import STOP
from lamini.asked.wording import MASK, fill, has_mask, masked, tidy, views, words_of

_OF_A_RELATION, _OF_A_TABLE = (50, 75), (300, 450)
"""Prompts that ask for facts of a table, and that do not, to adapt the acceptance to it. More of a
small table say the same again: with 750 of two relations of the S&P 500 70% of the natural
questions were read, with 250 of them 93%."""
_DUPLICATE = 0.93
_NEAR_DUPLICATE = 0.8
_SHARES = (
    ("near_foreign", 0.3), ("hole", 0.1), ("task", 0.2), ("time", 0.12), ("verdict", 0.08),
    ("many", 0.1), ("stranger", 0.1),
)  # fmt: skip
_BEFORE = (
    "hi, ", "hello! ", "Hey there, ", "good morning. ", "please tell me ", "can you tell me ",
    "quick question: ",
    "I would like to know ", "do you know ", "I am writing a report. ",
    "We are cleaning up our documents. ",
    "My boss wants to know this. ", "I forgot this again. ", "This came up in a meeting. ",
    "Someone asked me this. ",
)  # fmt: skip
_AFTER = (" thanks", " please", " thx!", "?", " Thank you.", " again", " now", "??", "!", "\n")
_STRANGE = (
    "9",
    "Smith",
    "North",
    "Pro",
    "Lake",
    "2",
    "Garcia",
    "Old",
    "Park",
    "West",
    "Zed",
    "Mini",
)
_YEAR = re.compile(r"\b(?:current|currently|latest|today|now)\b", re.I)


@dataclass(frozen=True, kw_only=True)
class MadeUp:
    """A prompt with the evidence that is held back, and what it asks for."""

    prompt: str
    without: Without
    kind: str
    subject: int | None = None
    relation: int | None = None

    def is_asked(self, found: Found) -> bool:
        """Return whether the prompt asks for the fact that was found."""
        best = found.candidate
        return (
            self.relation is not None
            and found.fact is not None
            and (best.mention.subject, best.relation) == (self.subject, self.relation)
        )


class Maker:
    """Makes prompts of one table."""

    def __init__(self, matcher: QuestionMatcher, seed: int) -> None:
        self.matcher = matcher
        self.evidence = matcher.evidence
        self.rng = random.Random(seed)
        self._surfaces = matcher.names.surfaces_of()
        self._facts = [*matcher.table.fact_of]

    def make(self, num_asked: int, num_silent: int) -> list[MadeUp]:
        """Return prompts that ask for facts, and prompts to be silent at."""
        kinds = [kind for kind, _ in _SHARES]
        chosen = self.rng.choices(kinds, [share for _, share in _SHARES], k=num_silent)
        makers: dict[str, Callable[[], MadeUp | None]] = {
            "near_foreign": self._near_foreign, "hole": self._hole, "task": self._task,
            "time": self._time,
            "verdict": self._verdict, "many": self._many, "stranger": self._stranger,
        }  # fmt: skip
        made = [self._asked() for _ in range(num_asked)] + [makers[kind]() for kind in chosen]
        return [prompt for prompt in made if prompt is not None]

    def _asked(self) -> MadeUp | None:
        (subject, relation), phrasing, without = self._draw()
        return self._made(self._said(phrasing), "asked", subject, without, relation)

    def _draw(self) -> tuple[tuple[int, int], str, Without]:
        """Draw a relation, then a fact of it, and a phrasing with all that is like it held back."""
        relation = self.rng.randrange(len(self.evidence.relations))
        subject, _ = self.rng.choice(self._by_relation[relation])
        mine = np.flatnonzero(self.evidence.relation_P == relation)
        with_mask = [int(i) for i in mine if has_mask(self.evidence.texts[i])]
        chosen = self.rng.choice(with_mask)
        vectors = self.evidence.vectors_PD
        same = mine[vectors[mine] @ vectors[chosen] > _DUPLICATE]
        held = frozenset({chosen, *same.tolist()})
        return (subject, relation), self.evidence.texts[chosen], Without(phrasings=held)

    @cached_property
    def _by_relation(self) -> list[list[tuple[int, int]]]:
        return [
            [fact for fact in self._facts if fact[1] == row]
            for row in range(len(self.evidence.relations))
        ]

    def _near_foreign(self) -> MadeUp | None:
        texts, owners = self.evidence.other_texts, self.evidence.owner_N
        chosen = self.rng.randrange(len(texts))
        if owners[chosen] == "task" or not has_mask(texts[chosen]):
            return None
        held: set[str] = set()
        if self.rng.random() < 0.5:  # as good as never heard of
            near = self.evidence.others_ND @ self.evidence.others_ND[chosen] > _NEAR_DUPLICATE
            held = {owners[chosen], *owners[near].tolist()}
        subject, _ = self.rng.choice(self._facts)
        without = Without(concepts=frozenset(held))
        return self._made(self._said(texts[chosen]), "near_foreign", subject, without)

    def _hole(self) -> MadeUp | None:
        if len(self.evidence.relations) < 2:
            return None
        (subject, relation), phrasing, _ = self._draw()
        return self._made(self._said(phrasing), "hole", subject, Without(relation=relation))

    def _task(self) -> MadeUp:
        (subject, _), phrasing, without = self._draw()
        tasks = self.evidence.bank.tasks
        if self.rng.random() < 0.35:
            text = self.rng.choice(tasks["with_subject"])
        else:
            text = self.rng.choice(tasks["with_question"]).replace("Q", self._said(phrasing))
        text = re.sub(r"\bY\b", lambda _: self._somebody(), text)
        held = Without(phrasings=without.phrasings, concepts=frozenset({"task"}))
        return self._made(text, "task", subject, held if self.rng.random() < 0.5 else without)

    def _time(self) -> MadeUp:
        (subject, relation), phrasing, without = self._draw()
        tasks = self.evidence.bank.tasks
        if self.rng.random() < 0.4:
            text = self._called(self.rng.choice(tasks["former"]), relation)
        else:
            then = self.rng.choice(tasks["other_times"])
            text = _YEAR.sub("", f"{phrasing.rstrip('?. ')} {then}")
            if self.rng.random() < 0.3:
                text = re.sub(r"\b(is|are|does)\b", lambda m: _PAST[m.group()], text)
        return self._made(self._said(text), "time", subject, without)

    def _verdict(self) -> MadeUp:
        (subject, relation), _, without = self._draw()
        text = self.rng.choice(self.evidence.bank.tasks["verdicts"])
        text = re.sub(r"\bV\b", self.rng.choice(("it", "this", "12", "Paris", "so")), text)
        return self._made(self._called(text, relation), "verdict", subject, without)

    def _many(self) -> MadeUp:
        (subject, relation), _, without = self._draw()
        text = self.rng.choice(self.evidence.bank.tasks["over_many"])
        text = re.sub(r"\bY\b", lambda _: self._somebody(), self._called(text, relation))
        return self._made(text, "many", subject, without)

    def _stranger(self) -> MadeUp | None:
        (subject, _), phrasing, without = self._draw()
        words = self.matcher.table.subjects[subject].split() or [""]
        other = self._somebody().split()
        at = self.rng.randrange(len(words))
        words[at] = self.rng.choice(other) if self.rng.random() < 0.5 else self.rng.choice(_STRANGE)
        name = " ".join(words)
        if self.matcher.names.mentions(name) and any(
            m.sure >= 0.9 and m.end - m.start >= len(name) - 1
            for m in self.matcher.names.mentions(name)
        ):
            return None  # somebody is called so
        return MadeUp(prompt=fill(self._said(phrasing), name), without=without, kind="stranger")

    def _made(
        self, text: str, kind: str, subject: int, without: Without, relation: int | None = None
    ) -> MadeUp:
        prompt = fill(text, self._written(subject))
        if self.rng.random() < 0.15:
            prompt = prompt.lower()
        return MadeUp(prompt=prompt, without=without, kind=kind, subject=subject, relation=relation)

    def _somebody(self) -> str:
        return self.rng.choice(self.matcher.table.subjects)

    def _called(self, text: str, relation: int) -> str:
        return text.replace("{r}", called_as(self.evidence.relations[relation]))

    def _written(self, subject: int) -> str:
        """Draw a way to write the subject."""
        name = self.matcher.table.subjects[subject]
        draw, others = self.rng.random(), self._surfaces.get(subject, [])
        if draw < 0.25 and others:
            other = self.rng.choice(others)
            return other.title() if self.rng.random() < 0.5 else other
        if draw < 0.33 and len(name) >= 6:
            words = name.split()
            at = self.rng.randrange(len(words))
            words[at] = self._slip(words[at])
            return " ".join(words)
        if draw < 0.37:
            parts = [w for w in name.split() if self._is_part(w, subject)]
            return parts[-1] if parts else name
        return name.lower() if draw < 0.6 and len(name) > 3 else name

    def _is_part(self, word: str, subject: int) -> bool:
        found = self.matcher.names.mentions(word)
        return len(found) == 1 and found[0].subject == subject and found[0].kind == PARTIAL

    def _said(self, text: str) -> str:
        """Draw how a phrasing is written: small, without its mark, mistyped, politely."""
        rng = self.rng
        if rng.random() < 0.2:
            text = MASK.join(part.lower() for part in re.split(rf"\b{MASK}\b", text))
        if rng.random() < 0.3:
            text = text.rstrip("?.! ")
        elif rng.random() < 0.4 and not text.endswith(("?", ".")):
            text += "?"
        if rng.random() < 0.15:
            words = text.split()
            at = rng.randrange(len(words))
            if MASK not in words[at]:
                words[at] = self._slip(words[at])
                text = " ".join(words)
        if rng.random() < 0.22:
            text = rng.choice(_BEFORE) + text
        if rng.random() < 0.15:
            text += rng.choice(_AFTER)
        return text

    def _slip(self, word: str) -> str:
        """Return the word with a typing error: a letter lost, two changed places, one wrong."""
        if len(word) < 5:
            return word
        at, draw = self.rng.randrange(1, len(word) - 2), self.rng.random()
        if draw < 0.33:
            return word[:at] + word[at + 1 :]
        if draw < 0.66:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return word[:at] + self.rng.choice("abcdefghijklmnopqrstuvwxyz") + word[at + 1 :]


_PAST = {"is": "was", "are": "were", "does": "did"}


def adapted(facts: Sequence[AskedFact], seed: int = 0) -> Acceptance:
    """Return the acceptance that ships, moved by prompts made of these facts."""
    matcher = QuestionMatcher(facts)
    num_relations = len(matcher.table.relations)
    num_asked, num_silent = (
        min(each * num_relations, most)
        for each, most in zip(_OF_A_RELATION, _OF_A_TABLE, strict=True)
    )
    found = find_all(matcher, Maker(matcher, seed).make(num_asked, num_silent))
    shipped = load_acceptance()
    if not found:
        return shipped
    rows = [one.features for _, one in found]
    moved = fit(rows, [prompt.is_asked(one) for prompt, one in found], shipped)
    # Of tasks, other times and verdicts a table's own prompts show few: they count no less than
    # before. Three of 21 tasks about the reference facts were answered without this, else none.
    is_cue = np.isin(NAMES, CUES)
    return replace(
        moved, weight=np.where(is_cue, np.minimum(moved.weight, shipped.weight), moved.weight)
    )


def find_all(matcher: QuestionMatcher, made: Sequence[MadeUp]) -> list[tuple[MadeUp, Found]]:
    """Return the prompts of which a candidate was found, with it."""
    texts = [tidy(prompt.prompt) for prompt in made]
    mend = matcher.evidence.mend
    seen = [
        view
        for text in texts
        for span in {(m.start, m.end) for m in matcher.names.mentions(text)}
        for view in views(masked(text, *span), mend)
    ]
    words = {word for word in words_of(seen) if word not in STOP}
    matcher.evidence.encoder.prepare([*seen, *sorted(words)])
    found = [matcher.find(text, prompt.without) for text, prompt in zip(texts, made, strict=True)]
    return [(prompt, one) for prompt, one in zip(made, found, strict=True) if one is not None]
