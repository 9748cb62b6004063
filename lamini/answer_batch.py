"""Prompts with their answers, made ready for the memory layers: what never changes is done once.

Shape suffixes: B batch   L sequence   D hidden size   A answer tokens   P prompt tokens
    V vocabulary
"""

from dataclasses import dataclass

import torch
from torch import nn
from transformers import DynamicCache

from lamini.experts import Reading
from lamini.like_lengths import LIKE_LENGTH_ROWS
from lamini.memory import Attached
from lamini.trunk import trunk_states


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
    for start in range(0, len(order), LIKE_LENGTH_ROWS):
        rows = order[start : start + LIKE_LENGTH_ROWS]
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
