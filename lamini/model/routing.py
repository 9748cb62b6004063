"""Which group each prompt reads: by what it asks for, else by the nearest key.

Nothing here changes: other keys, or another strictness, are another `Routing`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from lamini.backbone.chat_turns import question_of
from lamini.backbone.memory import Attached
from lamini.backbone.text import encode_prompt
from lamini.bank.group_table import GroupTable
from lamini.model.asked_routes import AskedRoutes, Doubt
from lamini.model.prefill import Prefilled, prompt_queries
from lamini.model.windows import OnTheWay, best, windows
from lamini.router.frozen_router import FrozenRouter
from lamini.router.group_keys import GroupKeys, Route
from lamini.router.query_encoder import QueryEncoder
from lamini.router.stream import encode_ids


@dataclass(frozen=True, kw_only=True, eq=False)
class Routing:
    """Decides which group each prompt reads, of those in one table of groups."""

    attached: Attached
    encoder: QueryEncoder
    table: GroupTable
    silent: GroupTable
    keys: GroupKeys
    asked: AskedRoutes | None
    """The matcher of what is asked; None where no fact has a subject."""
    by_key: Doubt
    """What there is to settle where there is no matcher: all facts are found by their keys."""
    is_strict: bool

    @classmethod
    def of(
        cls,
        attached: Attached,
        router: FrozenRouter,
        table: GroupTable,
        silent: GroupTable,
        *,
        strict: bool,
    ) -> "Routing":
        """Make ready what routes: the matcher of what is asked, and keys of all other facts."""
        told = [row for row, fact in enumerate(table.asked) if fact.subject]
        groups = table.group_index_G.tolist()
        others = frozenset(groups) - {groups[row] for row in told}
        facts = [table.asked[row] for row in told]
        asked = (
            AskedRoutes(
                [groups[row] for row in told], facts, silent.asked, router.acceptance, others
            )
            if told
            else None
        )
        return cls(
            attached=attached,
            encoder=router.encoder,
            table=table,
            silent=silent,
            keys=router.keys_of(table, silent, strict=strict),
            asked=asked,
            by_key=Doubt(others=others),
            is_strict=strict,
        )

    def as_strict(self, strict: bool, excess: float) -> "Routing":
        """Return the same routing, strict or not; `excess` is what the strict mode adds."""
        if strict == self.is_strict:
            return self
        return replace(self, keys=self.keys.raised(excess if strict else -excess), is_strict=strict)

    @property
    def tokenizer(self) -> Any:
        return self.attached.backbone.tokenizer

    def of_prompts(self, prompts: Sequence[str], *, cloze: bool) -> list[Route]:
        """Return where each prompt goes, as its words say, or of its sentences the best key."""
        routes = [self._asked_for(prompt) for prompt in prompts]
        pairs = zip(prompts, routes, strict=True)
        texts = [windows(prompt) for prompt, route in pairs if isinstance(route, Doubt)]
        nearest = iter(self._of_texts(texts, cloze))
        return [
            route.settled(best(next(nearest))) if isinstance(route, Doubt) else route
            for route in routes
        ]

    def of_ids(self, ids: Sequence[list[int]]) -> list[Route]:
        """Return where each encoded question goes."""
        routes = [self._asked_for(question_of(self.tokenizer, row)[0]) for row in ids]
        return self.settled(ids, routes)

    def of_encoded_prompts(self, ids: Sequence[list[int]]) -> list[Route]:
        """Return where encoded prompts go, whole chats among them."""
        return self.settled(ids, self.before_prefill(ids))

    def before_prefill(
        self, ids: Sequence[list[int]], asked: Sequence[tuple[str, bool]] | None = None
    ) -> list[Route | OnTheWay]:
        """Return where prompts go, as far as it is known before their prefill (`in_prefill`).

        That has the whole of a prompt that is encoded as training does it. Of a chat the last user
        turn decides, by itself: turns before it and a caller's system prompt are plain text.
        `asked` is what `question_of` says of the ids, where the caller knows it better.
        """
        if asked is None:
            asked = [question_of(self.tokenizer, row) for row in ids]
        known = [self._asked_for(text) if text else Route.of_nothing() for text, _ in asked]
        doubts = {row: route for row, route in enumerate(known) if isinstance(route, Doubt)}
        routes: list[Route | OnTheWay] = [
            route if isinstance(route, Route) else Route.of_nothing() for route in known
        ]
        for is_question in (False, True):
            rows = [row for row in doubts if asked[row][1] == is_question]
            whole = [
                ids[row] == encode_prompt(self.tokenizer, asked[row][0], cloze=not is_question)
                for row in rows
            ]
            texts = [
                windows(asked[row][0])[on_the_way:]
                for row, on_the_way in zip(rows, whole, strict=True)
            ]
            found = self._of_texts(texts, not is_question)
            for row, on_the_way, group in zip(rows, whole, found, strict=True):
                doubt = doubts[row]
                routes[row] = (
                    OnTheWay(doubt=doubt, sentences=tuple(group))
                    if on_the_way
                    else doubt.settled(best(group))
                )
        return routes

    def in_prefill(
        self,
        routes: Sequence[Route | OnTheWay],
        input_ids: torch.Tensor,
        prompt_BL: torch.Tensor,
        states: Prefilled,
    ) -> list[Route]:
        """Return the routes with those decided that the prompts' own states are to decide."""
        # Beams and several sequences per prompt: transformers repeats each row in place.
        copies = len(states.top_BLD) // len(routes)
        waiting = {i: route for i, route in enumerate(routes) if isinstance(route, OnTheWay)}
        found = {i: route for i, route in enumerate(routes) if isinstance(route, Route)}
        if rows := [*waiting]:
            asked = states.only([row * copies for row in rows])
            query_BK, texts = prompt_queries(
                self.attached, self.encoder, input_ids[rows], prompt_BL[rows], asked
            )
            for row, route in zip(rows, self.keys.route(query_BK, texts), strict=True):
                found[row] = waiting[row].settled(route)
        return [found[row] for row in range(len(routes))]

    def settled(
        self, ids: Sequence[list[int]], routes: Sequence[Route | Doubt | OnTheWay]
    ) -> list[Route]:
        """Return the routes with those filled in that the nearest key is left to settle."""
        pairs = zip(ids, routes, strict=True)
        waiting = [row for row, route in pairs if not isinstance(route, Route)]
        found = iter(self.nearest(waiting))
        return [
            route if isinstance(route, Route) else route.settled(next(found)) for route in routes
        ]

    def nearest(self, ids: Sequence[list[int]]) -> list[Route]:
        """Return the route of the key that is nearest to each encoded text."""
        if not ids:
            return []
        # The keys stay on the CPU: their search is by lists of cells.
        query_BK = encode_ids(self.attached, self.encoder, ids).cpu()
        return self.keys.route(query_BK, [question_of(self.tokenizer, row)[0] for row in ids])

    def _asked_for(self, text: str) -> Route | Doubt:
        """Return the route of what a text asks for, or that the nearest key is to settle it."""
        return self.asked.route(text, strict=self.is_strict) if self.asked else self.by_key

    def _of_texts(self, texts: Sequence[Sequence[str]], cloze: bool) -> list[list[Route]]:
        """Return the route of every text of every group."""
        ids = [
            encode_prompt(self.tokenizer, text, cloze=cloze) for group in texts for text in group
        ]
        routes = iter(self.nearest(ids))
        return [[next(routes) for _ in group] for group in texts]
