"""Which fact a prompt asks for, or why none is read.

Who it is about (linking) x what is asked (relations) x whether the value is asked for (features),
weighed by one fitted probability (acceptance). Factorised, a question needs to be known neither of
its subject nor of its relation, and vectors are kept for relations, not for facts.

Shape suffixes: V views   R relations   S subjects
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise

import numpy as np

from lamini.asked.acceptance import THRESHOLD, Acceptance, load_acceptance
from lamini.asked.cues import Cues
from lamini.asked.encoder import Encoder, load_encoder
from lamini.asked.features import CUES, NAMES, Candidate, features
from lamini.asked.linking import EVERYDAY, Mention, Names
from lamini.asked.phrase_bank import called_as, load_phrase_bank
from lamini.asked.relations import RelationEvidence, Without
from lamini.asked.surfaces import FUZZY, PARTIAL
from lamini.asked.table import AskedFact, FactTable
from lamini.asked.text import plain
from lamini.asked.wording import (
    MASK,
    carried,
    clauses,
    cleaned,
    fill,
    follows,
    has_mask,
    joins,
    masked,
    questions,
    referring,
    sentences,
    things,
    tidy,
    views,
)

SURE = 0.9
_NEAR_FOREIGN = NAMES.index("near_foreign")
_VETOES = [NAMES.index(name) for name in CUES]
_DOUBTED = 0.02
"""Probability from which a key may confirm a fact. Of 5,810 search queries 8 more are read with
none, 4 with this."""
_EVERYDAY = 0.4
"""Probability at most where the subject is a word like any other: a key must name it as well."""
_FOREIGN = 0.1
"""Probability at most where other words than the relation's are nearer by far."""
_SPANS = 6
_LOOKED_AT = 12
"""Of a long text, the last sentences."""
_TIE = 1e-6
_LINK, _KIND, _HELD, _LETTER = 0.12, 0.1, 0.04, 0.002
"""What a sure mention, its kind, a fact behind it and its length add to a candidate's score."""
_CALLED = 0.06
"""What the words that tell a relation's name from its siblings' add, all of them named."""
_HAS = 0.02
"""What a fact adds to a relation among those of one subject."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a prompt was taken to ask for."""

    fact: int | None
    """Row of the fact read; None where nothing is."""
    probability: float
    """That the prompt asks for the value of the fact named here."""
    subject: str = ""
    relation: str = ""
    reason: str = ""
    """Why nothing is read, as a sentence for the person who asked; empty where a fact is."""
    nearest: int | None = None
    """Row of the best fact, also when it is not read."""
    is_doubtful: bool = False
    """Refused by its probability alone, which is not next to none: nothing in the prompt asks for
    something else than a value, so that evidence of another sort may settle it."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The best candidate of a prompt with its features."""

    candidate: Candidate
    features: np.ndarray
    fact: int | None
    """None where the subject has no value of the relation: a hole."""
    declared: bool
    """Asked in the very words that the table declares, for one subject that is surely named."""
    rivals: tuple[int, ...]
    """Other subjects that the mention may mean as well, for what is asked."""

    @property
    def is_foreign(self) -> bool:
        """Whether it is nearly said in the words of what no relation of the table tells."""
        return not self.declared and self.features[_NEAR_FOREIGN] > 0

    @property
    def is_doubtful(self) -> bool:
        """Whether nothing but its probability speaks against a fact that there is."""
        plainly = not (self.is_foreign or self.rivals or self.features[_VETOES].any())
        return (
            self.fact is not None
            and plainly
            and self.candidate.mention.kind < FUZZY
            and not _holds_a_quote(self.candidate.text)
        )


class QuestionMatcher:
    """Decides for prompts which fact of a table they ask for."""

    def __init__(
        self,
        facts: Sequence[AskedFact],
        *,
        retired: Sequence[AskedFact] = (),
        acceptance: Acceptance | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        """Index the facts; without an `acceptance` that of no table in particular is used.

        What is asked in the words of a relation that `retired` facts alone told reads nothing.
        """
        self.table = FactTable(facts)
        encoder = encoder or load_encoder()
        self.evidence = RelationEvidence(self.table, load_phrase_bank(), encoder, retired)
        asked = frozenset(self.evidence.bank.words)
        self.names = Names(self.table.subjects, self.table.names, encoder.words, asked)
        self._verbatim = {
            plain(prompt): row
            for row, fact in enumerate(facts)
            for prompt in fact.phrasings
            if not has_mask(prompt)
        }
        """Facts by prompts that call their subject otherwise."""
        self._acceptance = acceptance

    @cached_property
    def acceptance(self) -> Acceptance:
        return self._acceptance or load_acceptance()

    def ask(self, prompt: str) -> Asked:
        """Return which fact the prompt asks for."""
        text = tidy(prompt)
        if (row := self._verbatim.get(plain(cleaned(text)))) is not None:
            fact = self.table.facts[row]
            return Asked(
                fact=row,
                probability=1.0,
                subject=fact.subject,
                relation=fact.relation,
                nearest=row,
            )
        if len(sentences(text)) > 1:
            named = [(m.start, m.end) for m in self.names.mentions(text) if m.kind < FUZZY]
            if len(parts := sentences(text, named)) > 1:
                return self._within(parts)
        asked, found = self._one(text)
        several = self._several(text, found) if found else []
        if len(several) > 1:
            return replace(asked, fact=None, reason=_one_at_a_time(several), is_doubtful=False)
        return self._whole(asked, found)

    def carried_on(self, before: Asked, text: str) -> str:
        """Return what a turn of a conversation asks for, given what the turn before asked for.

        "and of Peru?" asks for what was asked before; "and its capital?" asks of whom that was.
        """
        turn = tidy(text)
        found = self.find(turn)
        if found is None:
            return (before.subject and carried(turn, before.subject)) or text
        at = found.candidate.mention
        if before.relation and follows(masked(turn, at.start, at.end)):
            known = self.evidence.own[before.relation]
            asked = known[0] if known else f"What is the {called_as(before.relation)} of {MASK}?"
            return fill(asked, self.table.subjects[at.subject])
        return text

    def _within(self, sentences_in_order: Sequence[str]) -> Asked:
        """Return what several sentences ask for: one of them, or two that stand together.

        A task that stands beside the question is what is wanted, not the bare value.
        """
        parts = sentences_in_order[-_LOOKED_AT:]
        passages = [*parts, *(f"{one} {two}" for one, two in pairwise(parts))]
        asked = [self._whole(*self._one(passage)) for passage in passages]
        read = {(one.subject, one.relation): one for one in asked if one.fact is not None}
        best = max(asked, key=lambda one: one.probability)
        if len(read) > 1:
            listed = [f"{called_as(relation)} of {subject}" for subject, relation in read]
            return replace(best, fact=None, reason=_one_at_a_time(listed))
        if len(read) == 1:
            (best,) = read.values()
            at = next(i for i, one in enumerate(asked) if one is best) % len(parts)
            if any(Cues.of(part).task for part in parts[max(0, at - 1) : at + 2]):
                reason = (
                    f"This asks for more than the {called_as(best.relation)} of {best.subject}."
                )
                return replace(best, fact=None, reason=reason)
        if best.is_doubtful and any(Cues.of(part).task for part in parts):
            return replace(best, is_doubtful=False)
        return best

    def _several(self, text: str, found: Found) -> list[str]:
        """Return the facts that a text asks for at once: of subjects or clauses that it joins."""
        main = found.candidate.mention
        asked_for: list[str] = []
        for other in found.candidate.others:
            first, second = sorted((main, other), key=lambda m: m.start)
            apart = first.end <= second.start and other.sure >= SURE and other.kind < FUZZY
            if apart and joins(text[first.end : second.start]):
                asked, _ = self._one(text[: first.end] + text[second.end :])
                if asked.fact is not None:
                    called = called_as(asked.relation)
                    subjects = (self.table.subjects[m.subject] for m in (first, second))
                    asked_for += [f"{called} of {subject}" for subject in subjects]
        name = text[main.start : main.end]
        for part in questions(text):
            meant = part if self.names.mentions(part) else fill(referring(part), name)
            asked, _ = self._one(meant)
            if asked.fact is not None:
                asked_for.append(f"{called_as(asked.relation)} of {asked.subject}")
        return list(dict.fromkeys(asked_for))

    def _whole(self, asked: Asked, found: Found | None) -> Asked:
        """Return it refused where it is but half of what is asked for, or one of several."""
        if found is None or found.declared or not (asked.is_doubtful or asked.fact is not None):
            return asked
        reason = self._half(found) or self._underspecified(found)
        return replace(asked, fact=None, reason=reason, is_doubtful=False) if reason else asked

    def _half(self, found: Found) -> str:
        """Return what to say where a text asks for several things of one subject, else nothing.

        What joins two words of one relation ("money and currency") asks for one thing.
        """
        best = found.candidate
        name = best.text[best.mention.start : best.mention.end]
        parts = things(best.views[best.view])
        told = {thing: self._one(fill(view, name))[0] for thing, view in parts.items()}
        told |= {part: self._one(part)[0] for part in clauses(best.text)}
        read = {one.fact: called_as(one.relation) for one in told.values() if one.fact is not None}
        known = self.evidence.said_of(best.relation)
        missing = [
            thing
            for thing, one in told.items()
            if one.fact is None and not {*plain(thing).split()} <= known
        ]
        if not read or len(read) + len(missing) < 2:
            return ""
        subject = self.table.subjects[best.mention.subject]
        if not missing:
            return _one_at_a_time([f"{called} of {subject}" for called in read.values()])
        return (
            f"This asks for more than the {' and '.join(read.values())} of {subject}: memory holds "
            f"no answer to {' and '.join(map(repr, missing))}. Ask for one at a time."
        )

    def _underspecified(self, found: Found) -> str:
        """Return the question back where several facts are asked for in the words of this one."""
        best = found.candidate
        held = np.flatnonzero(self.table.has_SR[best.mention.subject])
        meant = self.evidence.equally_said(
            best.views[best.view], best.near.best_VR[best.view], held
        )
        if best.relation not in meant or len(meant) < 2:
            return ""
        names = [called_as(self.table.relations[row]) for row in meant]
        subject = self.table.subjects[best.mention.subject]
        return f"Of {subject} that may be its {_listed(names)}. Name the one that you mean."

    def _one(self, text: str) -> tuple[Asked, Found | None]:
        """Return what a text asks for if it asks for one thing, and how that was found."""
        found = self.find(text)
        if found is None:
            return Asked(fact=None, probability=0.0, reason=self._unnamed(text)), None
        subject = self.table.subjects[found.candidate.mention.subject]
        relation = self.table.relations[found.candidate.relation]
        probability = 1.0 if found.declared else self._probability(found)
        if found.is_foreign:
            probability = min(probability, _FOREIGN)
        known = Asked(
            fact=found.fact,
            probability=probability,
            subject=subject,
            relation=relation,
            nearest=found.fact,
        )
        if found.candidate.mention.sure == EVERYDAY and not found.declared:
            probability = min(probability, _EVERYDAY)
            known = replace(known, probability=probability)
        if follows(masked(text, found.candidate.mention.start, found.candidate.mention.end)):
            reason = self._and_holds(f"This does not say what is asked about {subject}.", found)
            return replace(known, fact=None, probability=0.0, reason=reason), found
        if self._asks_of_value(found):
            reason = (
                f'This is to be made of the value of "{called_as(relation)}" of {subject}; memory '
                "states the value alone."
            )
            return replace(known, fact=None, probability=0.0, reason=reason), found
        if probability >= THRESHOLD and found.fact is not None and not found.rivals:
            return known, found
        reason = self._reason(text, found, probability)
        is_doubtful = probability >= _DOUBTED and found.is_doubtful
        return replace(known, fact=None, reason=reason, is_doubtful=is_doubtful), found

    def _asks_of_value(self, found: Found) -> bool:
        """Whether it is asked what to make of the value, in no words of the relation."""
        known = self.evidence.said_of(found.candidate.relation)
        asked = Cues.of(found.candidate.views[0]).of_value
        return not found.declared and any(not {*words.split()} <= known for words in asked)

    def find(self, text: str, without: Without | None = None) -> Found | None:
        """Return the best candidate of a tidy text; None where it names no subject."""
        mentions = self.names.mentions(text)
        scored = [
            (score, candidate)
            for span, at in _by_span(mentions)[:_SPANS]
            for score, candidate in self._candidates(text, span, at, mentions, without)
        ]
        if not scored:
            return None
        score, best = max(scored, key=lambda pair: pair[0])
        rivals = {
            c.mention.subject
            for s, c in scored
            if s > score - _TIE and c.mention.subject != best.mention.subject
        }
        best = replace(best, num_rivals=len(rivals))
        alive = (without or Without()).alive(self.evidence)
        return Found(
            candidate=best,
            features=features(best, self.evidence, alive),
            fact=self._fact(best.mention.subject, best.relation, without),
            declared=without is None and not rivals and self._is_declared(best),
            rivals=tuple(sorted(rivals)),
        )

    def _candidates(
        self,
        text: str,
        span: tuple[int, int],
        at: Sequence[Mention],
        mentions: Sequence[Mention],
        without: Without | None,
    ) -> Iterator[tuple[float, Candidate]]:
        """Yield each subject of a mention with the relation that it is most likely asked for."""
        seen = views(masked(text, *span), self.evidence.mend)
        near = self.evidence.near(seen, without)
        for mention in at:
            has_R = self._has(mention.subject, without)
            siblings_R = self.table.beside_RR[has_R].any(0)
            if without and without.relation is not None:
                siblings_R = siblings_R & (np.arange(len(siblings_R)) != without.relation)
            if not siblings_R.any():
                continue
            score_VR = (
                near.score_VR + _HAS * has_R + _CALLED * self.evidence.named(seen, siblings_R)
            )
            score_VR = np.where(siblings_R, score_VR, -2.0)
            view, relation = np.unravel_index(int(score_VR.argmax()), score_VR.shape)
            named = _LINK * mention.sure * (1 - _KIND * mention.kind)
            named += _HELD * has_R[relation] + _LETTER * (span[1] - span[0])
            score = float(score_VR[view, relation]) + named
            yield (
                score,
                Candidate(
                    text=text,
                    mention=mention,
                    others=tuple(mentions),
                    num_rivals=0,
                    views=seen,
                    view=int(view),
                    relation=int(relation),
                    near=near,
                    siblings=siblings_R,
                ),
            )

    def _has(self, subject: int, without: Without | None) -> np.ndarray:
        has_R: np.ndarray = self.table.has_SR[subject]
        if without and without.relation is not None:
            has_R = has_R & (np.arange(len(has_R)) != without.relation)
        return has_R

    def _fact(self, subject: int, relation: int, without: Without | None) -> int | None:
        if without and without.relation == relation:
            return None
        return self.table.fact_of.get((subject, relation))

    def _is_declared(self, found: Candidate) -> bool:
        whole = plain(found.views[0])
        known = self.evidence.declared.get(whole)
        mention = found.mention
        as_written = found.text[mention.start : mention.end] == self.table.subjects[mention.subject]
        sure = as_written or (mention.sure >= SURE and mention.kind < FUZZY)
        return sure and known == found.relation

    def _probability(self, found: Found) -> float:
        return self.acceptance.probability(found.features)

    def _unnamed(self, text: str) -> str:
        near = self.names.nearest(text)
        meant = f" Did you mean {_listed(near)}?" if near else ""
        return f"This names nothing that memory holds a fact about.{meant}"

    def _reason(self, text: str, found: Found, probability: float) -> str:
        subject = self.table.subjects[found.candidate.mention.subject]
        called = called_as(self.table.relations[found.candidate.relation])
        if probability >= THRESHOLD and found.rivals:
            both = [subject, *(self.table.subjects[row] for row in found.rivals)]
            return f"Several are called so: {_listed(both)}. Name the one that you mean."
        if found.candidate.mention.kind in (FUZZY, PARTIAL) and probability < THRESHOLD:
            return f"Did you mean {subject}? Ask again with the whole name."
        if probability >= THRESHOLD:
            return self._and_holds(f'Memory holds nothing for "{called}" of {subject}.', found)
        cues = Cues.of(cleaned(text))
        if cues.year or cues.times:
            return (
                f"Memory holds the {called} of {subject} as it is now, not for another time."
                if found.fact is not None
                else f"Memory holds nothing for another time. {self._holds(found)}"
            )
        return self._and_holds(f"Memory holds no answer to this about {subject}.", found)

    def _and_holds(self, sentence: str, found: Found) -> str:
        """Say what is held besides, after a sentence that may end in a name such as Adobe Inc."""
        said = sentence[:-1] if sentence.endswith("..") else sentence
        return f"{said} {self._holds(found)}"

    def _holds(self, found: Found) -> str:
        row = found.candidate.mention.subject
        held = [called_as(self.table.relations[r]) for r in np.flatnonzero(self.table.has_SR[row])]
        return f"Of {self.table.subjects[row]} it knows: {', '.join(held)}."


def _holds_a_quote(text: str) -> bool:
    """Whether a part of the text is quoted; a question that is quoted as a whole is asked."""
    return Cues.of(text).quoted and text[:1] not in ('"', "\u201c")


def _one_at_a_time(several: Sequence[str]) -> str:
    listed = ", ".join(several)
    return f"This asks for {len(several)} things: {listed}. Ask for one at a time."


def _by_span(mentions: Sequence[Mention]) -> list[tuple[tuple[int, int], list[Mention]]]:
    ordered = sorted(mentions, key=lambda m: (m.start - m.end, m.start, m.kind, m.subject))
    return [(span, [*at]) for span, at in groupby(ordered, key=lambda m: (m.start, m.end))]


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} or {names[-1]}"
