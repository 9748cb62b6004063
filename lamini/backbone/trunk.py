"""Run the decoder layers over texts: no expert touches them, so it is done once for each text.

Shape suffixes: B batch   L sequence   D hidden size   O tokens of an opening   N layers
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import get_ident
from typing import Any

import torch
from torch import nn
from transformers import DynamicCache

from lamini.backbone.chat_turns import opening_length
from lamini.backbone.like_lengths import like_lengths
from lamini.backbone.memory import Attached, pad_right

_PADDING = 256


def trunk_states(attached: Attached, ids: list[list[int]]) -> list[torch.Tensor]:
    """Return each text's trunk states [L, D]."""
    return run_trunk(attached, ids)[0]


def run_trunk(
    attached: Attached, ids: list[list[int]], depths: Sequence[int] = ()
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return each text's trunk states [L, D], and its last token's states [N, D] at given depths.

    A depth counts the layers below.
    """
    return _run(attached, attached.trunk, ids, depths, [0] * len(ids))


def top_states(attached: Attached, ids: list[list[int]], kept: Sequence[int]) -> list[torch.Tensor]:
    """Return each text's states above the last layer, those from its token `kept` on."""
    return _run(attached, attached.stack, ids, (), kept)[0]


@torch.no_grad()
def _run(
    attached: Attached,
    stack: nn.Module,
    ids: list[list[int]],
    depths: Sequence[int],
    kept: Sequence[int],
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Run texts in right-padded batches of like length.

    What a chat template puts before every question is run once, not once a text.
    """
    states: list[torch.Tensor] = [torch.empty(0)] * len(ids)
    lasts: list[torch.Tensor] = [torch.empty(0)] * len(ids)
    cuts = [opening_length(attached.backbone.tokenizer, row) for row in ids]
    for cut in sorted({*cuts}):  # 0, and the one length of the template's opening
        alike = [i for i in range(len(ids)) if cuts[i] == cut]
        before = _run_opening(attached, stack, ids[alike[0]][:cut]) if cut else None
        for batch in like_lengths([len(ids[i]) - cut for i in alike], padding=_PADDING):
            rows = [alike[place] for place in batch]
            done = _run_batch(attached, stack, [ids[i][cut:] for i in rows], before, depths)
            for i, state_LD, last_ND in zip(rows, *done, strict=True):
                states[i], lasts[i] = state_LD[kept[i] :].clone(), last_ND
    return states, lasts


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """What the trunk made of a chat template's opening."""

    state_OD: torch.Tensor
    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    """Keys and values of each layer, of one row."""


def _run_opening(attached: Attached, stack: nn.Module, opening: list[int]) -> _Opening:
    ids_1O = torch.tensor([opening], device=attached.backbone.device)
    cache = DynamicCache()
    done = stack(input_ids=ids_1O, past_key_values=cache, use_cache=True)
    pairs = [(layer.keys, layer.values) for layer in cache.layers]
    return _Opening(
        state_OD=done.last_hidden_state[0],
        cache=tuple(
            (keys, values) for keys, values in pairs if keys is not None and values is not None
        ),
    )


def _run_batch(
    attached: Attached,
    stack: nn.Module,
    ids: list[list[int]],
    before: _Opening | None,
    depths: Sequence[int],
) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
    """Return states and last states of one batch, those of what stands before included."""
    ids_BL, mask_BL = pad_right(ids, attached.backbone)
    given: dict[str, Any] = {"attention_mask": mask_BL, "use_cache": False}
    if before is not None:
        size = (len(ids), -1, -1, -1)
        cache = DynamicCache(tuple((k.expand(size), v.expand(size)) for k, v in before.cache))
        whole_BL = torch.cat([mask_BL.new_ones(len(ids), len(before.state_OD)), mask_BL], dim=1)
        given = {"attention_mask": whole_BL, "past_key_values": cache, "use_cache": True}
    with watched(attached, depths) as seen:
        top_BLD = stack(input_ids=ids_BL, **given).last_hidden_state
    states = [top_BLD[row, : len(text)] for row, text in enumerate(ids)]
    if before is not None:
        states = [torch.cat([before.state_OD, state_LD]) for state_LD in states]
    last_B = torch.tensor([len(text) - 1 for text in ids], device=top_BLD.device)
    return states, [*last_states(seen, top_BLD, last_B, depths)]


@contextmanager
def watched(attached: Attached, depths: Sequence[int]) -> Iterator[dict[int, torch.Tensor]]:
    """Keep what the layers at these depths are given inside the block, [B, L, D] each.

    The trunk's own depth is not among them: nothing in it stands above its last layer. Of this
    thread alone: another one may run the same layers meanwhile.
    """
    seen: dict[int, torch.Tensor] = {}
    thread = get_ident()

    def keep(depth: int) -> Any:
        def hook(layer: nn.Module, given: Any, named: Any) -> None:
            if get_ident() == thread:
                seen[depth] = given_states(given, named)

        return hook

    trunk = attached.backbone.layers[: attached.num_trunk_layers]
    handles = [
        trunk[depth].register_forward_pre_hook(keep(depth), with_kwargs=True)
        for depth in {*depths}
        if depth < len(trunk)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def given_states(given: tuple[Any, ...], named: dict[str, Any]) -> torch.Tensor:
    """Return the hidden states [B, L, D] among a decoder layer's arguments."""
    state_BLD: torch.Tensor = given[0] if given else named["hidden_states"]
    return state_BLD


def last_states(
    seen: dict[int, torch.Tensor],
    top_BLD: torch.Tensor,
    last_B: torch.Tensor,
    depths: Sequence[int],
) -> torch.Tensor:
    """Return the states [B, N, D] of each row's token `last_B` at these depths."""
    row_B = torch.arange(len(last_B), device=last_B.device)
    parts = [seen.get(depth, top_BLD)[row_B, last_B] for depth in depths]
    return torch.stack(parts, dim=1) if parts else top_BLD.new_empty(len(last_B), 0)
