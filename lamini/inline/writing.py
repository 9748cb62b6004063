"""The backbone writes; where a value that memory holds has just begun, memory says it instead.

Every token is the backbone's own choice. If its text so far names a subject, the token's states
tell whether a value began with it (`due_keys`); if so it is taken back, its keys and values with
it, and the fact's experts say the value, token by token, from the states that are there. Experts
act above the last layer, so no cache ever holds them: outside a span all logits are the backbone's
own on the same text, bit for bit. Rows are written one by one, so none knows of another.

Shape suffixes: B batch (of one)   L sequence   D hidden size   A answer positions   R relations
    V vocabulary
"""

import re
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import torch
from torch.nn.functional import cross_entropy, normalize
from transformers import DynamicCache

from lamini.backbone.backbone import final_norm
from lamini.backbone.memory import Attached
from lamini.backbone.trunk import given_states
from lamini.inline.arming import Arming, Said
from lamini.inline.caches import kept, shortened
from lamini.inline.due_keys import DueKeys

_OPENING = re.compile(r"^[\s\"'`*(\[{|:=<]*")
"""What may stand before a value in the token that begins it."""
_NEGATION = re.compile(r"\b(?:not|never|no longer|n't)(?: the| a| an)?\W*$", re.I)
_SENTENCE = re.compile(r"[.?!]\s|\n")
_ENDS = re.compile(r"[.?!]\s*$|\n\s*$")
_ARTICLES = ("", "the", "a", "an", "called", "known", "as", "also", "in", "by", "is", "and")
_SECOND = 0.35
"""How far below its threshold a due key may lie, of the threshold itself, where a sentence names
the relation and ended without its value."""
_STEPS, _STEP, _NEAR = 24, 2.0, 0.05

FinishReason = Literal["stop", "length"]
"""The backbone ended the text; it has as many tokens as it may have."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A fact's value as its experts say it."""

    fact: int
    """Row of the fact."""
    text: str
    ids: tuple[int, ...]
    shift_AD: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of a text that memory said."""

    start: int
    end: int
    fact: int
    score: float
    """By how much the due key lay above its threshold; below zero: a sentence's second chance."""
    instead_of: str
    """The token with which the backbone began it."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """A text with its spans."""

    text: str
    ids: tuple[int, ...]
    spans: tuple[Span, ...]
    num_taken_back: int
    """Tokens of the backbone's own that were taken back."""
    from_memory: tuple[tuple[int, int], ...]
    """The same stretches in tokens: from, to."""
    num_standing: int
    """Characters of the text that will not be taken back any more: all of a finished one."""
    finish_reason: FinishReason | None
    """What ended it; None while it is being written."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How the backbone's own tokens are chosen; values are always said greedily."""

    temperature: float = 0.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What the backbone makes of the text up to a token."""

    logits_V: torch.Tensor
    top_D: torch.Tensor
    """Above the last layer: what an expert is added to."""
    before_D: torch.Tensor
    after_D: torch.Tensor


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What was seen where a token might have begun a value."""

    place: _Place
    """Before the token."""
    score_R: torch.Tensor
    start: int
    """Characters of the text before the token."""


@dataclass(kw_only=True)
class _Text:
    """A text as it is being written."""

    prompt: str
    mentions: list[Any]
    choice: torch.Generator
    cache: DynamicCache
    place: _Place
    ids: list[int] = field(default_factory=list)
    looked_at: dict[int, _Look] = field(default_factory=dict)
    """By token."""
    spans: list[Span] = field(default_factory=list)
    from_memory: list[tuple[int, int]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    tried: set[int] = field(default_factory=set)
    num_taken_back: int = 0


class Gate:
    """What decides that a value is due, and which fact's."""

    def __init__(
        self, arming: Arming, keys: DueKeys, value_of: Callable[[int], Value | None]
    ) -> None:
        """`value_of` says the value of the fact at a row; None where nothing may be said of it."""
        self.arming = arming
        self.keys = keys
        self.value_of = value_of
        self.relations = [
            arming.relations.index(relation) if relation in arming.relations else None
            for relation in keys.relations
        ]
        """By key: the row of its relation; None where no fact has it any more."""


class Writer:
    """Writes texts, with inline memory where there is a gate."""

    def __init__(self, attached: Attached, gate: Gate | None) -> None:
        self._attached = attached
        self._gate = gate
        self._tokenizer = attached.backbone.tokenizer
        self._depths = due_depths(attached)

    def write(
        self, ids: list[int], prompt: str, *, max_new_tokens: int, choice: Choice | None = None
    ) -> Written:
        """Return what follows the encoded prompt; `prompt` is what of it people said."""
        written = self.stream(ids, prompt, max_new_tokens=max_new_tokens, choice=choice)
        return deque(written, maxlen=1).pop()

    @torch.no_grad()
    def stream(
        self, ids: list[int], prompt: str, *, max_new_tokens: int, choice: Choice | None = None
    ) -> Iterator[Written]:
        """Yield the text after each step, and last the whole one; its standing part only grows."""
        choice = choice or Choice()
        gate = self._gate if self._gate and self._gate.arming.wants_facts(prompt) else None
        with watched_states(self._attached, self._depths) as seen:

            def feed(more: list[int], cache: DynamicCache) -> _Place:
                return self._feed(more, cache, seen)

            cache = DynamicCache(config=self._attached.backbone.model.config)
            text = _Text(
                prompt=prompt,
                mentions=gate.arming.mentions(prompt) if gate else [],
                choice=torch.Generator().manual_seed(choice.seed),
                cache=cache,
                place=feed(ids, cache),
            )
            after_span = False
            finish_reason: FinishReason = "length"
            while len(text.ids) < max_new_tokens:
                own = self._chosen(text, choice.temperature, after_span)
                ends = own in self._ends
                ahead, begun = kept(text.cache), None
                if not ends:
                    begun = feed([own], ahead)
                due = self._due(gate, text, own, begun) if gate else None
                after_span = due is not None and self._say(text, due, feed)
                if not after_span and begun is None:
                    finish_reason = "stop"
                    break
                if not after_span and begun is not None:
                    text.ids.append(own)
                    text.place, text.cache = begun, ahead
                yield self._so_far(text)
        whole = self._so_far(text)
        yield replace(whole, num_standing=len(whole.text), finish_reason=finish_reason)

    def _so_far(self, text: _Text) -> Written:
        whole = self._decoded(text.ids)
        pending = [look.start for look in self._open(text, whole).values()]
        return Written(
            text=whole,
            ids=tuple(text.ids),
            spans=tuple(text.spans),
            num_taken_back=text.num_taken_back,
            from_memory=tuple(text.from_memory),
            num_standing=min(pending, default=len(whole)),
            finish_reason=None,
        )

    def _feed(self, ids: list[int], cache: DynamicCache, seen: dict[str, torch.Tensor]) -> _Place:
        model = self._attached.backbone.model
        ids_BL = torch.tensor([ids], device=self._attached.backbone.device)
        logits = model(
            input_ids=ids_BL, past_key_values=cache, use_cache=True, logits_to_keep=1
        ).logits
        top, before, after = (seen[name][0, -1] for name in ("top", "before", "after"))
        return _Place(logits_V=logits[0, -1], top_D=top, before_D=before, after_D=after)

    def _chosen(self, text: _Text, temperature: float, after_span: bool) -> int:
        logits_V = text.place.logits_V.float().cpu()
        if after_span:
            logits_V = logits_V.masked_fill(self._continuing[: len(logits_V)], -torch.inf)
        if temperature <= 0:
            return int(logits_V.argmax())
        likely_V = (logits_V / temperature).softmax(-1)
        return int(torch.multinomial(likely_V, 1, generator=text.choice))

    def _due(self, gate: Gate, text: _Text, own: int, begun: _Place | None) -> "_Due | None":
        """Return the fact whose value begins with the token, or lacks where a sentence ended."""
        if not (text.mentions or gate.arming.mentions(self._decoded(text.ids))):
            return None
        first = self._first(gate, text, own, begun) if begun else None
        return first or self._second(gate, text, own)

    def _first(self, gate: Gate, text: _Text, own: int, begun: _Place) -> "_Due | None":
        """Return the fact whose value the token begins."""
        score_R = gate.keys.scores(text.place.before_D[None], begun.after_D[None])[0]
        at = len(text.ids)
        text.looked_at[at] = _Look(
            place=text.place, score_R=score_R, start=len(self._decoded(text.ids))
        )
        for score, row in zip(*(x.tolist() for x in score_R.sort(descending=True)), strict=True):
            if score <= 0:
                return None
            if found := self._fact(gate, text, at, own, row, score):
                return found
        return None

    def _fact(
        self, gate: Gate, text: _Text, at: int, own: int, key: int, score: float
    ) -> "_Due | None":
        """Return the fact of a relation if it may be said in place of the token."""
        relation = gate.relations[key]
        so_far = self._decoded(text.ids[:at])
        begins = self._decoded([*text.ids[:at], own])[len(so_far) :]
        bare = _OPENING.sub("", begins)
        inside_word = so_far[-1:].isalpha() and begins[:1].isalpha()
        if relation is None or inside_word or _NEGATION.search(so_far):
            return None
        if bare.strip().casefold() in _ARTICLES:
            return None
        said = [s for s in text.said if s[2] < len(so_far)]
        found = gate.arming.due(relation, (text.prompt, text.mentions), so_far, said)
        value = gate.value_of(found[1]) if found else None
        if found is None or value is None:
            return None
        return _Due(
            at=at, own=own, value=value, subject=found[0], relation=relation, score=score,
            opening=begins[: len(begins) - len(bare)],
        )  # fmt: skip

    def _second(self, gate: Gate, text: _Text, own: int) -> "_Due | None":
        """Return the likeliest place for a value that a finished sentence names and lacks."""
        whole = self._decoded(text.ids)
        if not (own in self._ends or _ENDS.search(whole)):
            return None
        start = _last_sentence(whole)
        sentence = whole[start:]
        if start in text.tried or not sentence.strip():
            return None
        best: _Due | None = None
        for at, look in self._open(text, whole).items():
            for key, score in enumerate(look.score_R.tolist()):
                least = -_SECOND * abs(float(gate.keys.threshold_R[key]))
                relation = gate.relations[key]
                if relation is None or score <= least or (best and score <= best.score):
                    continue
                if not gate.arming.is_named(relation, sentence):
                    continue
                if any(r == relation and begin >= start for _, r, begin in text.said):
                    continue
                best = self._fact(gate, text, at, text.ids[at], key, score) or best
        text.tried.add(start)
        return best

    def _open(self, text: _Text, whole: str) -> dict[int, _Look]:
        """Return where a second chance may begin: in the last sentence, until it had one.

        What was seen in sentences before it is forgotten.
        """
        start = _last_sentence(whole)
        text.looked_at = {at: look for at, look in text.looked_at.items() if look.start >= start}
        if start in text.tried:
            return {}
        said = {i for first, last in text.from_memory for i in range(first, last)}
        return {
            at: look for at, look in text.looked_at.items() if at < len(text.ids) and at not in said
        }

    def _say(
        self, text: _Text, due: "_Due", feed: Callable[[list[int], DynamicCache], _Place]
    ) -> bool:
        """Say the value from where its token began; False, and nothing is done, if it cannot be."""
        back = len(text.ids) - due.at
        place = text.looked_at[due.at].place if back else text.place
        cache = shortened(text.cache, back) if back else kept(text.cache)
        if cache is None:
            return False
        so_far = self._decoded(text.ids[: due.at])
        spoken = self._spoken(due, so_far)
        if not spoken:
            return False
        said: list[int] = []
        for index, token in enumerate(spoken):
            if not self._says(place.top_D, due.value, index, token):
                return False
            said.append(token)
            place = feed([token], cache)
        whole = self._decoded([*text.ids[: due.at], *said])
        start = len(whole) - len(due.value.text)
        if whole[start:] != due.value.text:
            return False
        text.ids[due.at :] = said
        text.spans = [span for span in text.spans if span.end <= len(so_far)]
        text.from_memory = [both for both in text.from_memory if both[1] <= due.at]
        text.said = [one for one in text.said if one[2] < len(so_far)]
        text.looked_at = {at: seen for at, seen in text.looked_at.items() if at < due.at}
        text.num_taken_back += back or 1
        text.spans.append(
            Span(
                start=start,
                end=len(whole),
                fact=due.value.fact,
                score=due.score,
                instead_of=self._tokenizer.decode([due.own]),
            )
        )
        text.from_memory.append((due.at, len(text.ids)))
        text.said.append((due.subject, due.relation, len(so_far)))
        text.place, text.cache = place, cache
        return True

    def _spoken(self, due: "_Due", so_far: str) -> tuple[int, ...]:
        """Return the tokens that are to be said: in the dress of the backbone's own token."""
        rest = due.value.text[_written(so_far, due.value.text) :]
        if rest == due.value.text and due.opening == " ":
            return due.value.ids
        opening = due.opening if rest == due.value.text else ""
        ids = self._tokenizer.encode(
            opening + rest, add_special_tokens=False, split_special_tokens=True
        )
        return tuple(int(i) for i in ids) if rest else ()

    def _says(self, top_D: torch.Tensor, value: Value, index: int, token: int) -> bool:
        """Return whether memory decides on the token: by its expert, else by a step at this place.

        An expert is of a value after a space; in brackets or quotes its tokens are others.
        """
        ids = value.ids
        if index < len(ids) and ids[index] == token and index < len(value.shift_AD):
            shift_D = value.shift_AD[index].to(top_D)
            if int(self._attached.logits((top_D + shift_D)[None])[0].argmax()) == token:
                return True
        return decided(self._attached, top_D, token)

    def _decoded(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True)).rstrip("\ufffd")

    @cached_property
    def _ends(self) -> frozenset[int]:
        model = self._attached.backbone.model
        given = getattr(model.generation_config, "eos_token_id", None)
        known = given if isinstance(given, list) else [given]
        return frozenset([*known, self._tokenizer.eos_token_id]) - {None}

    @cached_property
    def _continuing(self) -> torch.Tensor:
        """Tokens that go on with a word."""
        size = self._attached.backbone.model.config.get_text_config().vocab_size
        words = self._tokenizer.batch_decode([[i] for i in range(min(size, len(self._tokenizer)))])
        goes_on = [word[:1].isalnum() and i not in self._ends for i, word in enumerate(words)]
        return torch.tensor(goes_on + [False] * (size - len(goes_on)))


@dataclass(frozen=True, kw_only=True)
class _Due:
    """A value that is to be said in place of the token at `at`."""

    at: int
    own: int
    value: Value
    subject: int
    relation: int
    score: float
    opening: str


def due_depths(attached: Attached) -> tuple[int, int]:
    """Return the depths of the states before a token and on it: two thirds, and half."""
    layers = len(attached.backbone.layers)
    return layers * 2 // 3, layers // 2


@contextmanager
def watched_states(
    attached: Attached, depths: tuple[int, int]
) -> Iterator[dict[str, torch.Tensor]]:
    """Keep the states [B, L, D] at both depths and at the top of each call inside the block."""
    seen: dict[str, torch.Tensor] = {}

    def keep(name: str) -> Any:
        def hook(layer: Any, given: Any, named: Any) -> None:
            seen[name] = given_states(given, named)

        return hook

    layers = attached.backbone.layers
    places = (("before", layers[depths[0]]), ("after", layers[depths[1]]))
    handles = [
        module.register_forward_pre_hook(keep(name), with_kwargs=True)
        for name, module in (*places, ("top", final_norm(attached.backbone)))
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def decided(attached: Attached, top_D: torch.Tensor, token: int) -> bool:
    """Return whether gradient steps on a shift of this one state make the head say the token."""
    shift_D = torch.zeros_like(top_D)
    wanted = torch.tensor([token], device=top_D.device)
    for _ in range(_STEPS):
        with torch.enable_grad():
            state_D = (top_D + shift_D).requires_grad_()
            logits_V = attached.logits(state_D[None]).float()
            loss = cross_entropy(logits_V, wanted)
            (uphill_D,) = torch.autograd.grad(loss, state_D)
        if float(loss.detach()) < _NEAR:
            return True
        shift_D = shift_D - _STEP * top_D.norm() * normalize(uphill_D, dim=-1)
    return int(logits_V.detach()[0].argmax()) == token


def _last_sentence(text: str) -> int:
    """Return where the last sentence with words in it begins, finished or not."""
    return max((m.end() for m in _SENTENCE.finditer(text.rstrip()[:-1])), default=0)


def _written(text: str, value: str) -> int:
    """Return how many characters of the value the text ends with: "+" or "Kingdom of"."""
    for size in range(len(value) - 1, 0, -1):
        begun = text.endswith(value[:size]) and (size > 1 or not value[0].isalnum())
        if begun and not (text[-size - 1 : -size].isalnum() and value[0].isalnum()):
            return size
    return 0
