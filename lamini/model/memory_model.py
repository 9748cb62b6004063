"""The memory model as users meet it: load, ask, generate, know where an answer came from.

Shape suffixes: B batch   L sequence   V vocabulary
"""

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from threading import RLock
from typing import Any

import torch

from lamini.backbone.experts import Reading
from lamini.backbone.memory import Attached, full_logits, pad_left, reading_of
from lamini.backbone.text import decode_answer, encode_prompt
from lamini.bank.bank import Bank, BankVersion
from lamini.bank.group_table import GroupTable
from lamini.config import DueTraining
from lamini.inline.due_keys import DueKeys
from lamini.inline.writing import Choice
from lamini.model.answer import Answer
from lamini.model.asked_routes import AskedRoutes
from lamini.model.prefill import Prefilled, first_states
from lamini.model.routing import Routing
from lamini.model.running_text import Mode, Passage, Prompt, RunningText, bare_value
from lamini.model.windows import OnTheWay
from lamini.router.frozen_router import FrozenRouter
from lamini.router.group_keys import GroupKeys, Route


class MemoryModel:
    """A frozen backbone, its router and its bank: one read set per prompt, or none."""

    def __init__(
        self,
        attached: Attached,
        router: FrozenRouter,
        bank: Bank,
        manifest: dict[str, Any],
        *,
        strict: bool = False,
        due_keys: DueKeys | None = None,
        beside: "MemoryModel | None" = None,
    ) -> None:
        """Answer from the bank; `beside`, which has the same layers, takes turns with this one."""
        self.attached = attached
        self.router = router
        self.encoder = router.encoder
        self.bank = bank
        self.strict = strict
        self.due_keys = due_keys
        """What tells that a value is due in running text; None: it was never learned."""
        self._alone: AbstractContextManager[Any] = RLock() if beside is None else beside._alone
        """What the memory layer reads stands beside it, so threads take turns."""
        self.reopen(manifest)

    def reopen(self, manifest: dict[str, Any]) -> None:
        """Answer from the bank version that `manifest` names from now on; the router stays."""
        with self._alone:
            self.bank.open(BankVersion(**manifest["bank"]))
            table, silent = self.bank.key_tables()
            self.routing = Routing.of(self.attached, self.router, table, silent, strict=self.strict)
            self._running_text: RunningText | None = None
            self.manifest = manifest

    @contextmanager
    def keyed(self, table: GroupTable, silent: GroupTable) -> Iterator[None]:
        """Route by these keys inside the block; nothing is written."""
        with self._alone:
            given = Routing.of(self.attached, self.router, table, silent, strict=self.strict)
            self._running_text = None  # it was made for the other keys
            with self._routed_by(given):
                yield
            self._running_text = None

    @contextmanager
    def _routed_by(self, routing: Routing) -> Iterator[None]:
        held, self.routing = self.routing, routing
        try:
            yield
        finally:
            self.routing = held

    @property
    def tokenizer(self) -> Any:
        return self.attached.backbone.tokenizer

    @property
    def table(self) -> GroupTable:
        """Every group that holds a fact."""
        return self.routing.table

    @property
    def silent(self) -> GroupTable:
        """The keys of retired facts, by which nothing is read."""
        return self.routing.silent

    @property
    def keys(self) -> GroupKeys:
        """What queries of prompts are compared with."""
        return self.routing.keys

    @property
    def asked(self) -> AskedRoutes | None:
        """The matcher of what is asked; None where no fact has a subject."""
        return self.routing.asked

    @torch.no_grad()
    def route(self, prompts: Sequence[str], *, cloze: bool = False) -> list[Route]:
        """Return where each prompt goes.

        What it asks for decides; for facts without a subject or relation, and in doubt, the nearest
        key, of each sentence of a long prompt, the best.
        """
        with self._alone:
            return self.routing.of_prompts(prompts, cloze=cloze)

    @torch.no_grad()
    def route_ids(self, ids: Sequence[list[int]]) -> list[Route]:
        """Return where each encoded question goes."""
        with self._alone:
            return self.routing.of_ids(ids)

    @torch.no_grad()
    def route_prompts(self, ids: Sequence[list[int]]) -> list[Route]:
        """Return where `forward` and `generate` send encoded prompts, whole chats among them."""
        with self._alone:
            return self.routing.of_encoded_prompts(ids)

    @torch.no_grad()
    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        *,
        prompt_length: Sequence[int] | None = None,
    ) -> torch.Tensor:
        """Return logits [B, L, V] of right-padded ids; reads memory only given `prompt_length`."""
        mask_BL = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        if prompt_length is None:
            with self._alone:
                return full_logits(self.attached, input_ids, mask_BL, None)
        place_L = torch.arange(input_ids.shape[1], device=input_ids.device)
        length_B1 = torch.tensor(prompt_length, device=input_ids.device)[:, None]
        prompts = zip(input_ids, prompt_length, strict=True)
        ids = [row[:length].tolist() for row, length in prompts]
        starts = [length - 1 for length in prompt_length]
        with self._alone:
            routes = self.routing.before_prefill(ids)
            with self._routing(input_ids, place_L < length_B1, starts, routes):
                logits: torch.Tensor = self.attached.backbone.model(
                    input_ids=input_ids, attention_mask=mask_BL, use_cache=False
                ).logits
        return logits

    __call__ = forward

    @torch.no_grad()
    def generate(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        *,
        question: Sequence[str] | None = None,
        groups: Sequence[int | None] | None = None,
        **options: Any,
    ) -> torch.Tensor:
        """Return generated ids, prompt included, as the backbone's own `generate` does.

        The prompt (left-padded) is routed, of a chat its last user turn, or `question` instead of
        it; `groups` overrides the router. `options` go to transformers' `generate`.
        """
        mask_BL = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        with self._alone:
            routes: list[Route | OnTheWay]
            if groups is not None:
                routes = [Route.given(group) for group in groups]
            elif question is not None:
                routes = [*self.route(question)]
            else:
                prompts = zip(input_ids, mask_BL.bool(), strict=True)
                ids = [row[mask].tolist() for row, mask in prompts]
                routes = self.routing.before_prefill(ids)
            return self._generate(input_ids, mask_BL, routes, options)

    def _generate(
        self,
        input_ids: torch.Tensor,
        mask_BL: torch.Tensor,
        routes: list[Route | OnTheWay],
        options: dict[str, Any],
    ) -> torch.Tensor:
        # Left-padded prompts all end in the last column: that is where memory begins.
        starts = [input_ids.shape[1] - 1] * len(input_ids)
        with self._routing(input_ids, mask_BL.bool(), starts, routes):
            return self.attached.backbone.model.generate(
                input_ids=input_ids,
                attention_mask=mask_BL,
                **{"pad_token_id": self.tokenizer.pad_token_id, **options},
            )

    @contextmanager
    def _routing(
        self,
        input_ids: torch.Tensor,
        prompt_BL: torch.Tensor,
        starts: Sequence[int],
        routes: list[Route | OnTheWay],
    ) -> Iterator[None]:
        """Decide the routes that are left, and let the memory layer read, inside the block.

        `starts` are the columns of the last prompt tokens.
        """
        reader = self.attached.reader

        def decide(states: Prefilled) -> None:
            decided = self.routing.in_prefill(routes, input_ids, prompt_BL, states)
            routes[:] = decided
            # Beams and several sequences per prompt: transformers repeats each row in place.
            copies = len(states.top_BLD) // len(decided)
            groups = [route.group for route in decided for _ in range(copies)]
            reader.current = self.reading(groups, [s for s in starts for _ in range(copies)])

        with first_states(self.attached, self.encoder, decide), reader.reading(None):
            yield

    def write(
        self,
        prompts: Sequence[Prompt],
        *,
        mode: Mode = "inline",
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> list[Passage]:
        """Return what the model writes, with the stretches that memory said and their facts.

        A prompt is a question or the messages of a chat. `mode` says how memory is read: the bare
        value (`answer`), in the backbone's own words (`inline`), as rows in the prompt (`context`),
        or both of these.

        Raises:
            ModeError: there are no due keys for `inline` or `both`.
        """
        streams = (
            self.stream(
                prompt, mode=mode, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed
            )
            for prompt in prompts
        )
        return [deque(stream, maxlen=1).pop() for stream in streams]

    def stream(
        self,
        prompt: Prompt,
        *,
        mode: Mode = "inline",
        max_new_tokens: int = 64,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> Generator[Passage]:
        """Yield what the model writes after each token, and last the whole; as `write` does.

        Of a passage its standing part only grows: the rest may be taken back for a value. Nothing
        else is answered before the last one was taken or the iterator closed.
        """
        choice = Choice(temperature=temperature, seed=seed)
        with self._alone:
            if mode == "answer":
                yield bare_value(self, prompt, max_new_tokens)
                return
            self._running_text = self._running_text or RunningText(self)
            yield from self._running_text.stream(prompt, mode, max_new_tokens, choice)

    def learn_due_keys(
        self, settings: DueTraining | None = None, excluded: Sequence[str] = ()
    ) -> DueKeys:
        """Learn what tells that a value is due from texts that the backbone writes; minutes.

        Of `excluded` subjects nothing is learned. Write them to the checkpoint by their `save`.
        """
        with self._alone:
            self.due_keys = RunningText(self).learn(settings or DueTraining(), excluded)
            self._running_text = None
        return self.due_keys

    def reading(self, groups: Sequence[int | None], starts: Sequence[int]) -> Reading | None:
        """Return the reading of a batch whose rows go to `groups`; None when no row reads."""
        rows = [row for row, group in enumerate(groups) if group is not None]
        if not rows:
            return None
        shift_NAD = self.bank.read([group for group in groups if group is not None])
        own = [starts[row] for row in rows]
        return reading_of(shift_NAD, rows, own, self.attached.backbone.device)

    def answer(
        self,
        prompts: Sequence[str],
        *,
        cloze: bool = False,
        groups: Sequence[int | None] | None = None,
        max_answer_tokens: int = 64,
        refusal: str | None = None,
        strict: bool | None = None,
    ) -> list[Answer]:
        """Return greedy answers with provenance; `groups` overrides the router (the oracle).

        A prompt that reads nothing gets the backbone's own answer, or `refusal`, unasked, if given.
        `strict` answers from memory only where no doubt is left; None: as the model was loaded.
        """
        strictly = self.strict if strict is None else strict
        with (
            self._alone,
            self._routed_by(self.routing.as_strict(strictly, self.router.strict_excess)),
        ):
            ids = [encode_prompt(self.tokenizer, prompt, cloze=cloze) for prompt in prompts]
            if groups is not None:
                routes: list[Route | OnTheWay] = [Route.given(group) for group in groups]
            else:
                routes = self.routing.before_prefill(
                    ids, [(prompt, not cloze) for prompt in prompts]
                )
            if refusal is not None:
                routes = [*self.routing.settled(ids, routes)]
            spoken = [
                i
                for i, route in enumerate(routes)
                if refusal is None or (isinstance(route, Route) and route.group is not None)
            ]
            said = self._said([ids[i] for i in spoken], spoken, routes, max_answer_tokens)
            return [
                Answer.of(
                    said.get(row, refusal or ""), route, self.table, self.bank.config.group_size
                )
                for row, route in enumerate(routes)
                if isinstance(route, Route)
            ]

    def _said(
        self,
        ids: list[list[int]],
        rows: Sequence[int],
        routes: list[Route | OnTheWay],
        max_answer_tokens: int,
    ) -> dict[int, str]:
        """Return the answers of these rows; their routes are filled in."""
        if not ids:
            return {}
        own = [routes[row] for row in rows]
        input_ids, mask_BL = pad_left(ids, self.attached.backbone)
        options = {"max_new_tokens": max_answer_tokens, "do_sample": False}
        out = self._generate(input_ids, mask_BL, own, options)
        for row, route in zip(rows, own, strict=True):
            routes[row] = route
        new = out[:, input_ids.shape[1] :].tolist()
        texts = [decode_answer(self.tokenizer, row) for row in new]
        return dict(zip(rows, texts, strict=True))
