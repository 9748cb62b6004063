"""A frozen backbone with memory: put the memory layers on, run it with a read set, take them off.

Shape suffixes: B batch   L sequence   D hidden size   G experts in a block   V vocabulary
"""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import DynamicCache

from lamini.backbone import Backbone, trunk_view, upper_view
from lamini.chat_turns import opening_length
from lamini.config import MemoryConfig
from lamini.errors import AttachError
from lamini.experts import Experts, MemoryLayer, Reader, Reading

_LIKE_LENGTH_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class Attached:
    """A backbone whose top layers read memory, with its two views."""

    backbone: Backbone
    config: MemoryConfig
    reader: Reader
    trunk: nn.Module
    """ids -> hidden states below the memory layers."""
    upper: nn.Module
    """trunk states -> logits, through the memory layers."""

    @property
    def hidden_size(self) -> int:
        return self.backbone.hidden_size


def attach(backbone: Backbone, config: MemoryConfig) -> Attached:
    """Wrap the MLPs of the top layers; a refused call leaves the backbone as it was.

    Raises:
        AttachError: memory is already attached, or there are too few layers.
    """
    layers = backbone.layers
    if any(isinstance(layer.mlp, MemoryLayer) for layer in layers):
        raise AttachError("memory is already attached to this backbone; detach() it first")
    if not config.num_memory_layers < len(layers):
        raise AttachError(
            f"num_memory_layers={config.num_memory_layers} must be below the backbone's "
            f"{len(layers)} layers, so that a trunk remains"
        )
    reader = Reader()
    first = len(layers) - config.num_memory_layers
    for index, layer in enumerate(layers[first:]):
        mlp = layer.mlp
        assert isinstance(mlp, nn.Module)
        layer.mlp = MemoryLayer(mlp, index, reader)
    return Attached(
        backbone=backbone,
        config=config,
        reader=reader,
        trunk=trunk_view(backbone, config.num_memory_layers),
        upper=upper_view(backbone, config.num_memory_layers),
    )


def detach(attached: Attached) -> None:
    """Put the bare MLPs back, the same objects; the views read no memory any more either."""
    for layer in attached.backbone.layers:
        if isinstance(layer.mlp, MemoryLayer):
            layer.mlp = layer.mlp.base


@torch.no_grad()
def trunk_states(attached: Attached, ids: list[list[int]]) -> list[torch.Tensor]:
    """Return each text's trunk states [L, D], computed in right-padded batches of like length.

    What a chat template puts before every question is run once, not once a text.
    """
    states: list[torch.Tensor] = [torch.empty(0)] * len(ids)
    cuts = [opening_length(attached.backbone.tokenizer, row) for row in ids]
    for cut in sorted({*cuts}):  # 0, and the one length of the template's opening
        order = [i for i in range(len(ids)) if cuts[i] == cut]
        order.sort(key=lambda i: (len(ids[i]), i))
        before = _run_opening(attached, ids[order[0]][:cut]) if cut else None
        for start in range(0, len(order), _LIKE_LENGTH_ROWS):
            rows = order[start : start + _LIKE_LENGTH_ROWS]
            rest = [ids[i][cut:] for i in rows]
            for i, state_LD in zip(rows, _run_trunk(attached, rest, before), strict=True):
                states[i] = state_LD
    return states


@dataclass(frozen=True, kw_only=True)
class _Opening:
    """What the trunk made of a chat template's opening."""

    state_OD: torch.Tensor
    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    """Keys and values of each layer, of one row."""


def _run_opening(attached: Attached, opening: list[int]) -> _Opening:
    ids_1O = torch.tensor([opening], device=attached.backbone.device)
    cache = DynamicCache()
    done = attached.trunk(input_ids=ids_1O, past_key_values=cache, use_cache=True)
    pairs = [(layer.keys, layer.values) for layer in cache.layers]
    return _Opening(
        state_OD=done.last_hidden_state[0],
        cache=tuple(
            (keys, values) for keys, values in pairs if keys is not None and values is not None
        ),
    )


def _run_trunk(
    attached: Attached, ids: list[list[int]], before: _Opening | None
) -> list[torch.Tensor]:
    """Return the trunk states [L, D] of one batch, those of what stands before it included."""
    ids_BL, mask_BL = pad_right(ids, attached.backbone)
    if before is None:
        hidden_BLD = attached.trunk(
            input_ids=ids_BL, attention_mask=mask_BL, use_cache=False
        ).last_hidden_state
        return [hidden_BLD[row, : len(text)].clone() for row, text in enumerate(ids)]
    size = (len(ids), -1, -1, -1)
    cache = DynamicCache(tuple((k.expand(size), v.expand(size)) for k, v in before.cache))
    whole_BL = torch.cat([mask_BL.new_ones(len(ids), len(before.state_OD)), mask_BL], dim=1)
    hidden_BLD = attached.trunk(
        input_ids=ids_BL, attention_mask=whole_BL, past_key_values=cache, use_cache=True
    ).last_hidden_state
    return [
        torch.cat([before.state_OD, hidden_BLD[row, : len(text)]]) for row, text in enumerate(ids)
    ]


def pad_right(ids: list[list[int]], backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and attention mask [B, L], int64, padded at the end."""
    width = max(map(len, ids))
    pad = backbone.tokenizer.pad_token_id
    ids_BL = torch.tensor([row + [pad] * (width - len(row)) for row in ids])
    mask_BL = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in ids])
    return ids_BL.to(backbone.device), mask_BL.to(backbone.device)


def pad_left(ids: list[list[int]], backbone: Backbone) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and attention mask [B, L], int64, padded at the start, as generation wants it."""
    width = max(map(len, ids))
    pad = backbone.tokenizer.pad_token_id
    ids_BL = torch.tensor([[pad] * (width - len(row)) + row for row in ids])
    mask_BL = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in ids])
    return ids_BL.to(backbone.device), mask_BL.to(backbone.device)


def full_logits(
    attached: Attached,
    ids_BL: torch.Tensor,
    mask_BL: torch.Tensor,
    reading: Reading | None,
) -> torch.Tensor:
    """Return logits [B, L, V] of the whole stack: the plain path that every fast one equals."""
    with attached.reader.reading(reading):
        logits: torch.Tensor = attached.backbone.model(
            input_ids=ids_BL, attention_mask=mask_BL, use_cache=False
        ).logits
    return logits


def reading_of(
    experts: Experts, rows: list[int], mask_BL: torch.Tensor | None, device: torch.device
) -> Reading:
    """Return the reading of the given rows of a batch, on `device`."""
    rows_N = torch.tensor(rows, dtype=torch.int64, device=device)
    mask_BL = None if mask_BL is None else mask_BL.to(device)
    return Reading(rows_N=rows_N, experts=experts.to(device), mask_BL=mask_BL)


@dataclass(frozen=True, kw_only=True)
class AnswerBatch:
    """Prompts and answers for the upper part: prompt keys/values cached, answer states cut out."""

    cache: tuple[tuple[torch.Tensor, torch.Tensor], ...]
    """Keys and values of each memory layer at prompt positions 0..P-2, left-padded."""
    state_BAD: torch.Tensor
    """Trunk states from the last prompt token to the last answer token but one."""
    mask_BL: torch.Tensor
    """Attention mask over cached and answer positions."""
    position_BA: torch.Tensor
    target_BA: torch.Tensor
    """Answer token ids, -100 where padded."""

    def only(self, rows: torch.Tensor) -> "AnswerBatch":
        """Return the given rows alone."""
        return AnswerBatch(
            cache=tuple((keys[rows], values[rows]) for keys, values in self.cache),
            state_BAD=self.state_BAD[rows],
            mask_BL=self.mask_BL[rows],
            position_BA=self.position_BA[rows],
            target_BA=self.target_BA[rows],
        )


@torch.no_grad()
def prepare_answers(
    attached: Attached, prompts: list[list[int]], answers: list[list[int]]
) -> AnswerBatch:
    """Run trunk and prompt once, without experts, and keep what answer positions need."""
    whole = [p + a[:-1] for p, a in zip(prompts, answers, strict=True)]
    states = trunk_states(attached, whole)
    device, width = attached.backbone.device, max(map(len, answers))
    cuts = [len(prompt) - 1 for prompt in prompts]
    past = max(cuts)
    state_BAD = states[0].new_zeros(len(whole), width, attached.hidden_size)
    mask_BL = torch.zeros(len(whole), past + width, dtype=torch.int64, device=device)
    position_BA = torch.zeros(len(whole), width, dtype=torch.int64, device=device)
    target_BA = torch.full((len(whole), width), -100, dtype=torch.int64, device=device)
    for row, (cut, answer) in enumerate(zip(cuts, answers, strict=True)):
        state_BAD[row, : len(answer)] = states[row][cut:]
        mask_BL[row, past - cut : past + len(answer)] = 1
        position_BA[row] = torch.arange(cut, cut + width)
        target_BA[row, : len(answer)] = torch.tensor(answer)
    return AnswerBatch(
        cache=_prompt_cache(
            attached, [state[:cut] for state, cut in zip(states, cuts, strict=True)]
        ),
        state_BAD=state_BAD,
        mask_BL=mask_BL,
        position_BA=position_BA,
        target_BA=target_BA,
    )


def _prompt_cache(
    attached: Attached, states: list[torch.Tensor]
) -> tuple[tuple[torch.Tensor, torch.Tensor], ...]:
    """Return keys and values of each memory layer for trunk states [P, D], left-padded as one."""
    past = max(map(len, states))
    whole: list[tuple[torch.Tensor, torch.Tensor]] = []
    order = sorted((i for i in range(len(states)) if len(states[i])), key=lambda i: len(states[i]))
    # In batches of like length, as the trunk: padding would cost more than the work itself.
    for start in range(0, len(order), _LIKE_LENGTH_ROWS):
        rows = order[start : start + _LIKE_LENGTH_ROWS]
        width = len(states[rows[-1]])
        state_BPD = states[0].new_zeros(len(rows), width, attached.hidden_size)
        mask_BP = torch.zeros(len(rows), width, dtype=torch.int64, device=state_BPD.device)
        for b, i in enumerate(rows):
            state_BPD[b, width - len(states[i]) :] = states[i]
            mask_BP[b, width - len(states[i]) :] = 1
        cache = DynamicCache()
        with attached.reader.reading(None):
            _decoder(attached)(
                inputs_embeds=state_BPD,
                attention_mask=mask_BP,
                position_ids=(torch.cumsum(mask_BP, 1) - 1).clamp(min=0),
                past_key_values=cache,
                use_cache=True,
            )
        for index, layer in enumerate(cache.layers):
            assert layer.keys is not None
            assert layer.values is not None
            if len(whole) <= index:
                shape = (len(states), layer.keys.shape[1], past, layer.keys.shape[3])
                whole.append((layer.keys.new_zeros(shape), layer.values.new_zeros(shape)))
            whole[index][0][rows, :, past - width :] = layer.keys
            whole[index][1][rows, :, past - width :] = layer.values
    return tuple(whole)


def answer_logits(attached: Attached, batch: AnswerBatch, reading: Reading | None) -> torch.Tensor:
    """Return logits [B, A, V] at the answer positions: the fast path, equal to the plain one."""
    cache = DynamicCache(batch.cache) if batch.cache else DynamicCache()
    with attached.reader.reading(reading):
        logits: torch.Tensor = attached.upper(
            inputs_embeds=batch.state_BAD,
            attention_mask=batch.mask_BL,
            position_ids=batch.position_BA,
            past_key_values=cache,
            use_cache=True,
        ).logits
    return logits


def _decoder(attached: Attached) -> nn.Module:
    upper = attached.upper
    return getattr(upper, attached.backbone.model.base_model_prefix)
