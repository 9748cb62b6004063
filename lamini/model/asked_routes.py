"""The read sets that questions in people's words get: the matcher's decisions as routes.

Facts with a subject and a relation are asked for by them. All others (statements to complete, plain
questions with answers) have neither, and are found by the nearest key (`lamini.router.group_keys`).
"""

from collections import OrderedDict
from collections.abc import Sequence

from lamini.asked.acceptance import THRESHOLD, Acceptance
from lamini.asked.asking import Asked, QuestionMatcher
from lamini.asked.table import AskedFact
from lamini.router.group_keys import Route

_KEPT = 10_000
STRICT = 0.9
"""Probability from which the strict mode reads."""


class AskedRoutes:
    """Routes of the facts of a table that have a subject and a relation."""

    def __init__(
        self,
        groups: Sequence[int],
        facts: Sequence[AskedFact],
        retired: Sequence[AskedFact],
        acceptance: Acceptance,
    ) -> None:
        """Index the facts, each with its group; what only retired ones told is not asked for."""
        self._groups = list(groups)
        self._matcher = QuestionMatcher(facts, retired=retired, acceptance=acceptance)
        self._known: OrderedDict[str, Asked] = OrderedDict()

    def ask(self, prompt: str) -> Asked:
        """Return what the prompt asks for; what was asked lately is remembered."""
        if prompt not in self._known:
            self._known[prompt] = self._matcher.ask(prompt)
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return self._known[prompt]

    def route(self, prompt: str, *, strict: bool = False) -> Route:
        """Return the group that the prompt reads, or none, with what it was taken to ask for."""
        asked = self.ask(prompt)
        needed = STRICT if strict else THRESHOLD
        nearest = None if asked.nearest is None else self._groups[asked.nearest]
        reads = asked.fact is not None and asked.probability >= needed
        return Route(
            group=nearest if reads else None,
            nearest_group=nearest,
            score=asked.probability,
            excess=asked.probability - needed,
            margin=abs(asked.probability - needed),
            reason=asked.reason,
        )
