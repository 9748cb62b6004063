"""The windows of a long prompt: what the router scores, the best of which decides."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from lamini.model.asked_routes import Doubt
from lamini.router.group_keys import Route

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+|\n+")
_ABBREVIATED = re.compile(r"(?:^|[^\w.])(?:[A-Z][a-z]{0,2}|[a-z]|(?:\w\.)+\w)\.$")
"""St. Vincent, Acme Inc. billing, J. R. Smith, the U.S. dollar: no sentence ends there."""


def windows(prompt: str) -> list[str]:
    """Return the texts the router scores for a prompt: the whole, and each of several sentences."""
    sentences: list[str] = []
    for part in _SENTENCE_END.split(prompt):
        if sentences and _ABBREVIATED.search(sentences[-1]):
            sentences[-1] += f" {part}"
        else:
            sentences.append(part)
    sentences = [sentence.strip() for sentence in sentences if sentence.strip()]
    return [prompt, *sentences] if len(sentences) > 1 else [prompt]


def best(routes: Sequence[Route]) -> Route:
    """Return the route furthest above what its key needs; of equal ones the first."""
    return max(routes, key=lambda route: route.excess)


@dataclass(frozen=True, kw_only=True)
class OnTheWay:
    """A prompt that is routed as a whole in its own prefill, for that runs the trunk anyway."""

    doubt: Doubt
    sentences: tuple[Route, ...]
    """Routes of its sentences, found before; none where it is one sentence."""

    def settled(self, whole: Route) -> Route:
        """Return where the prompt goes, now that its whole has a route as well."""
        return self.doubt.settled(best([whole, *self.sentences]))
