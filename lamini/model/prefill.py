"""Routing inside the prefill: the first layer above the trunk is given the prompt's trunk states.

So deciding where a prompt goes costs no pass of its own.

Shape suffixes: B batch   L sequence   D hidden size   N depths   K key width
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from lamini.backbone.memory import Attached
from lamini.backbone.trunk import given_states, last_states, watched
from lamini.router.query_encoder import QueryEncoder
from lamini.router.stream import Encoded, depths, encode_rows


@dataclass(frozen=True, kw_only=True)
class Prefilled:
    """What the trunk made of the prompts of a batch."""

    top_BLD: torch.Tensor
    below: dict[int, torch.Tensor]
    """States [B, L, D] at the other depths that queries are made of."""

    def only(self, rows: Sequence[int]) -> "Prefilled":
        """Return the given rows alone."""
        below = {depth: state_BLD[rows] for depth, state_BLD in self.below.items()}
        return Prefilled(top_BLD=self.top_BLD[rows], below=below)


@contextmanager
def first_states(
    attached: Attached, encoder: QueryEncoder, then: Callable[[Prefilled], None]
) -> Iterator[None]:
    """Call `then` once inside the block, when the trunk has run and no layer above it has yet.

    Later steps of a generation do not call it again.
    """
    done = False
    with watched(attached, depths(attached, encoder.config)) as seen:

        def once(layer: Any, given: Any, named: Any) -> None:
            nonlocal done
            if not done:
                done = True
                then(Prefilled(top_BLD=given_states(given, named), below={**seen}))

        first = attached.backbone.layers[attached.num_trunk_layers]
        handle = first.register_forward_pre_hook(once, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()


def prompt_queries(
    attached: Attached,
    encoder: QueryEncoder,
    ids_BL: torch.Tensor,
    prompt_BL: torch.Tensor,
    states: Prefilled,
) -> tuple[torch.Tensor, list[str]]:
    """Return the queries [B, K] of prompts, whose tokens are those in `prompt_BL`, and their texts.

    On the CPU, where the keys are: their search is by lists of cells.
    """
    place_L = torch.arange(prompt_BL.shape[1], device=prompt_BL.device)
    last_B = (prompt_BL * place_L).argmax(1)
    wanted = depths(attached, encoder.config)
    encoded = Encoded.of(
        attached.backbone.tokenizer,
        [ids[mask].tolist() for ids, mask in zip(ids_BL, prompt_BL, strict=True)],
        [top[mask] for top, mask in zip(states.top_BLD, prompt_BL, strict=True)],
        [*last_states(states.below, states.top_BLD, last_B, wanted)],
    )
    rows = range(len(ids_BL))
    return encode_rows(encoder, encoded, rows).cpu(), encoded.texts(rows)
