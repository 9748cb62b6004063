"""The read sets that questions in people's words get: the matcher's decisions as routes.

Facts with a subject and a relation are asked for by them. All others (statements to complete, plain
questions with answers) have neither, and are found by the nearest key (`lamini.router.group_keys`).
The same keys settle a question whose words are near to a fact's, but not near enough: where the
nearest key is that fact's, it is read.
"""

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from lamini.asked.acceptance import STRICT_THRESHOLD, THRESHOLD, Acceptance
from lamini.asked.asking import Asked, QuestionMatcher
from lamini.asked.encoder import KEPT_CHARACTERS
from lamini.asked.table import AskedFact
from lamini.router.group_keys import Route

_KEPT = 10_000


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A prompt that words alone do not settle: the nearest key is asked."""

    refused: Route | None = None
    """What the words say; it stands where the key says nothing to the point."""
    candidate: int | None = None
    """The group that the words are nearest to, if a key may confirm it."""
    others: Collection[int]
    """Groups of facts that have no subject and relation, which keys alone find."""

    def settled(self, nearest: Route) -> Route:
        """Return where the prompt goes, given the route of the nearest key.

        Two sorts of evidence that name one fact are enough; a key by itself cannot tell a sibling
        relation or another task from what is asked.
        """
        group = nearest.group
        if group is not None and (group == self.candidate or group in self.others):
            return nearest
        return self.refused or replace(nearest, group=None)


class AskedRoutes:
    """Routes of the facts of a table that have a subject and a relation."""

    def __init__(
        self,
        groups: Sequence[int],
        facts: Sequence[AskedFact],
        retired: Sequence[AskedFact],
        acceptance: Acceptance,
        others: Collection[int] = frozenset(),
    ) -> None:
        """Index the facts, each with its group; what only retired ones told is not asked for.

        `others` are the groups of facts without subject or relation.
        """
        self.groups = list(groups)
        self.others = others
        self.matcher = QuestionMatcher(facts, retired=retired, acceptance=acceptance)
        self._known: OrderedDict[str, Asked] = OrderedDict()

    def ask(self, prompt: str) -> Asked:
        """Return what the prompt asks for; what was asked lately is remembered, if it is short."""
        if len(prompt) > KEPT_CHARACTERS:
            return self.matcher.ask(prompt)
        if prompt not in self._known:
            self._known[prompt] = self.matcher.ask(prompt)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[prompt]

    def carried_on(self, before: str, prompt: str) -> str:
        """Return what a turn of a conversation asks for, given the prompt before it."""
        return self.matcher.carried_on(self.ask(before), prompt)

    def route(self, prompt: str, *, strict: bool = False) -> Route | Doubt:
        """Return the group that the prompt reads, or none, with what it was taken to ask for.

        A doubt is for the nearest key to settle; the strict mode leaves it refused.
        """
        asked = self.ask(prompt)
        needed = STRICT_THRESHOLD if strict else THRESHOLD
        nearest = None if asked.nearest is None else self.groups[asked.nearest]
        reads = asked.fact is not None and asked.probability >= needed
        route = Route(
            group=nearest if reads else None,
            nearest_group=nearest,
            score=asked.probability,
            excess=asked.probability - needed,
            margin=abs(asked.probability - needed),
            reason=asked.reason,
        )
        may_confirm = asked.is_doubtful and not strict
        if reads or not (may_confirm or self.others):
            return route
        return Doubt(refused=route, candidate=nearest if may_confirm else None, others=self.others)
