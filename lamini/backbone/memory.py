"""A frozen backbone with memory: put the memory layer on, run it with a read set, take it off.

Shape suffixes: B batch   L sequence   D hidden size   A answer positions   V vocabulary
    N rows that read   R rows of states
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from lamini.backbone.backbone import Backbone, final_norm, head_view, put_final_norm, stack_view
from lamini.backbone.experts import MemoryLayer, Reader, Reading
from lamini.config import MemoryConfig
from lamini.errors import AttachError

LAYERS_ABOVE_TRUNK = 2
"""The router reads states from below the last layers: these are about the next token alone."""


@dataclass(frozen=True, kw_only=True)
class Attached:
    """A backbone that reads memory at its top, with its views."""

    backbone: Backbone
    config: MemoryConfig
    reader: Reader
    trunk: nn.Module
    """ids -> the states that the router reads."""
    stack: nn.Module
    """ids -> the states that experts are added to."""
    head: nn.Module
    """The latter -> logits; reads no memory."""
    hook: RemovableHandle

    @property
    def hidden_size(self) -> int:
        return self.backbone.hidden_size

    @property
    def num_trunk_layers(self) -> int:
        return num_trunk_layers(self.backbone)

    def logits(self, state_RD: torch.Tensor) -> torch.Tensor:
        """Return logits [R, V] of states at the top, experts added: the fast path's end."""
        logits_1RV: torch.Tensor = self.head(inputs_embeds=state_RD[None]).logits
        return logits_1RV[0]


def num_trunk_layers(backbone: Backbone) -> int:
    """Return how many decoder layers lie below the states that the router reads."""
    return max(1, len(backbone.layers) - LAYERS_ABOVE_TRUNK)


def attach(backbone: Backbone, config: MemoryConfig) -> Attached:
    """Wrap the final norm; a refused call leaves the backbone as it was.

    Raises:
        AttachError: memory is already attached, or there are too few layers.
        BackboneError: the stack ends in no norm.
    """
    norm = final_norm(backbone)
    if isinstance(norm, MemoryLayer):
        raise AttachError("memory is already attached to this backbone; detach() it first")
    if len(backbone.layers) < 2:
        raise AttachError("the backbone has one decoder layer; the router needs one below the last")
    reader = Reader()
    attached = Attached(
        backbone=backbone,
        config=config,
        reader=reader,
        trunk=stack_view(backbone, num_trunk_layers(backbone)),
        stack=stack_view(backbone, len(backbone.layers)),
        head=head_view(backbone),
        hook=backbone.model.register_forward_pre_hook(reader.see_call, with_kwargs=True),
    )
    put_final_norm(backbone, MemoryLayer(norm, reader))
    return attached


def detach(attached: Attached) -> None:
    """Put the bare final norm back, the same object."""
    norm = final_norm(attached.backbone)
    if isinstance(norm, MemoryLayer):
        put_final_norm(attached.backbone, norm.base)
    attached.hook.remove()


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
    shift_NAD: torch.Tensor, rows: Sequence[int], starts: Sequence[int], device: torch.device
) -> Reading:
    """Return the reading of the given rows of a batch, on `device`.

    `starts` are the columns of their last prompt tokens.
    """
    return Reading(
        rows_N=torch.tensor(rows, dtype=torch.int64, device=device),
        shift_NAD=shift_NAD.to(device),
        start_N=torch.tensor(starts, dtype=torch.int64, device=device),
    )
