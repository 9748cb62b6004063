"""Which facts a text may come to state: those of the subjects that it names."""

import re
from collections.abc import Sequence

from lamini.asked.asking import SURE, QuestionMatcher
from lamini.asked.linking import Mention
from lamini.asked.phrase_bank import called_as
from lamini.asked.surfaces import FUZZY
from lamini.asked.text import plain

_JOINED = re.compile(
    r"^(?:'s)?\s*(?:,|&|\||and|or|vs\.?|versus|with|\s)*\s*(?:the \w+ of |that of |the )?$"
)
_ELSE = re.compile(r"\b(?:novel|fiction\w*|imagin\w*|pretend|poem|haiku|translat\w*)\b", re.I)
"""Tasks whose text may say what is not so, or must say what is given."""

Said = tuple[int, int, int]
"""Subject, relation, and where in the text its value was said."""


class Arming:
    """Finds the fact that is due, given the relation, from the words of the text so far."""

    def __init__(self, matcher: QuestionMatcher) -> None:
        self._table = matcher.table
        self._names = matcher.names
        bank = matcher.evidence.bank
        self._cues = []
        self._heads = []
        for relation in self._table.relations:
            head = re.escape(plain(called_as(relation)).split()[-1])
            # A text that begins with "Name ..." or "State ..." asks for something.
            self._heads.append(re.compile(rf"(?<=\w\s)(?<!^){head}s?\b"))
            named = [concept.named for concept in bank.concepts_of(relation)[:1]]
            called = re.compile(re.escape(plain(called_as(relation))))
            self._cues.append([called, *named])

    @property
    def relations(self) -> list[str]:
        return self._table.relations

    def fact(self, subject: int, relation: int) -> int | None:
        """Return the row of the fact about both."""
        return self._table.fact_of.get((subject, relation))

    def mentions(self, text: str) -> list[Mention]:
        """Return the sure mentions of subjects, in the order of the text."""
        found = self._names.mentions(text) if text else []
        sure = [m for m in found if m.sure >= SURE and m.kind < FUZZY]
        return sorted(sure, key=lambda m: m.start)

    def wants_facts(self, prompt: str) -> bool:
        """Return whether facts may be said at all, or fiction and translations are asked for."""
        return _ELSE.search(prompt) is None

    def is_named(self, relation: int, sentence: str) -> bool:
        """Return whether a sentence speaks of the relation."""
        return any(cue.search(plain(sentence)) for cue in self._cues[relation])

    def asked_for(self, turns: Sequence[str]) -> list[int]:
        """Return the relations that the last of the turns to name any speaks of.

        In a turn that names one, the last word of what others are called names these too: "its
        code".
        """
        every = range(len(self._table.relations))
        for turn in reversed(turns):
            if any(self.is_named(relation, turn) for relation in every):
                said = plain(turn)
                return [r for r in every if self.is_named(r, turn) or self._heads[r].search(said)]
        return []

    def due(
        self,
        relation: int,
        prompt: tuple[str, Sequence[Mention]],
        text: str,
        said: Sequence[Said],
    ) -> tuple[int, int] | None:
        """Return subject and row of the fact whose value is due, if there is one.

        Of subjects that stand together it is the first whose value has not been said.
        """
        mentions = self.mentions(text)
        group = _together(text, mentions) if mentions else _together(*prompt)
        since = group[0].start if mentions and group else 0
        told = {subject for subject, rel, at in said if rel == relation and at >= since}
        for mention in group:
            row = self.fact(mention.subject, relation)
            if row is not None and mention.subject not in told:
                return mention.subject, row
        return None


def _together(text: str, mentions: Sequence[Mention]) -> list[Mention]:
    """Return the last mention, and those that it is joined to."""
    group = list(mentions[-1:])
    for earlier in reversed(mentions[:-1]):
        if not _JOINED.match(text[earlier.end : group[0].start]):
            break
        if all(earlier.subject != m.subject for m in group):
            group.insert(0, earlier)
    return group
