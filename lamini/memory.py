"""A frozen backbone with memory: put the memory layers on, run it with a read set, take them off.

Shape suffixes: B batch   L sequence   D hidden size   G experts in a block   V vocabulary
"""

from dataclasses import dataclass

import torch
from torch import nn

from lamini.backbone import Backbone, trunk_view, upper_view
from lamini.config import MemoryConfig
from lamini.errors import AttachError
from lamini.experts import Experts, MemoryLayer, Reader, Reading


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
