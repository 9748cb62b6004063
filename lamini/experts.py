"""Memory experts beside a frozen MLP: y = mlp(x) + sum_k up_k * silu(down_k . x).

Shape suffixes in this file:
    B batch   L sequence   D hidden size   N rows of the batch that read
    G experts in a group's block

Source: Li et al. 2024, arXiv:2406.17642 (a mixture of memory experts beside a frozen backbone); He
2024, arXiv:2407.04153 (experts of one hidden neuron). We depart: the read set is decided once per
prompt, not per token, and a prompt reads the experts of one group with weight 1, or none. The
paper's own form, weights over experts that facts share, is the second mode (`shared_tuning`).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import pad, silu


@dataclass(frozen=True, kw_only=True)
class Experts:
    """The experts that the reading rows of one batch use, for every memory layer (bottom first)."""

    down_NGD: tuple[torch.Tensor, ...]
    up_NGD: tuple[torch.Tensor, ...]

    def to(self, device: torch.device) -> "Experts":
        """Return them on `device`; where they are there already, the same tensors."""
        return Experts(
            down_NGD=tuple(down.to(device) for down in self.down_NGD),
            up_NGD=tuple(up.to(device) for up in self.up_NGD),
        )

    def only(self, rows: torch.Tensor) -> "Experts":
        """Return those of the given rows alone."""
        return Experts(
            down_NGD=tuple(down[rows] for down in self.down_NGD),
            up_NGD=tuple(up[rows] for up in self.up_NGD),
        )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one call reads: which rows, which experts, from which position on."""

    rows_N: torch.Tensor
    """Rows of the batch that read memory, ascending; all others stay the backbone's bit for bit."""
    experts: Experts
    mask_BL: torch.Tensor | None
    """True from the last prompt token on; None where every position of the call reads."""
    weight_NG: torch.Tensor | None = None
    """Weight of each expert read, in the shared mode; None: a group of its own, all of weight 1."""


class Reader:
    """Holds the reading of the call in progress; one is shared by a model's memory layers."""

    def __init__(self) -> None:
        self.current: Reading | None = None

    @contextmanager
    def reading(self, reading: Reading | None) -> Iterator[None]:
        """Let the memory layers read `reading` inside the block (None: nothing)."""
        before, self.current = self.current, reading
        try:
            yield
        finally:
            self.current = before


class MemoryLayer(nn.Module):
    """A frozen MLP plus the experts of the reading in progress; without one, the very MLP."""

    def __init__(self, base: nn.Module, layer_index: int, reader: Reader) -> None:
        super().__init__()
        self.base = base
        self.layer_index = layer_index
        self.reader = reader

    def forward(self, x_BLD: torch.Tensor) -> torch.Tensor:
        y_BLD: torch.Tensor = self.base(x_BLD)
        reading = self.reader.current
        if reading is None or not len(reading.rows_N):
            return y_BLD
        # All rows in order, as mostly in generation: nothing to pick, nothing to scatter.
        all_read = len(reading.rows_N) == len(x_BLD)
        x_NLD = x_BLD if all_read else x_BLD[reading.rows_N]
        delta_NLD = apply_experts(
            x_NLD,
            reading.experts.down_NGD[self.layer_index],
            reading.experts.up_NGD[self.layer_index],
            reading.weight_NG,
        )
        mask_BL = reading.mask_BL
        # In generation the first call holds the prompt; later ones are answer tokens alone, or,
        # without a cache, the prompt again and the answer so far after it.
        if mask_BL is not None and mask_BL.shape[1] <= x_BLD.shape[1]:
            more = x_BLD.shape[1] - mask_BL.shape[1]
            mask_NL = pad(mask_BL[reading.rows_N], (0, more), value=True)
            delta_NLD = delta_NLD.where(mask_NL[..., None], 0.0)
        if all_read:
            return y_BLD + delta_NLD.to(y_BLD.dtype)
        return y_BLD.index_add(0, reading.rows_N, delta_NLD.to(y_BLD.dtype))


def apply_experts(
    x_NLD: torch.Tensor,
    down_NGD: torch.Tensor,
    up_NGD: torch.Tensor,
    weight_NG: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the sum of w_g * up_g * silu(down_g . x) over the experts that each row reads."""
    hidden_NLG = silu(torch.bmm(x_NLD.to(down_NGD.dtype), down_NGD.transpose(1, 2)))
    if weight_NG is not None:
        hidden_NLG = hidden_NLG * weight_NG[:, None].to(hidden_NLG.dtype)
    return torch.bmm(hidden_NLG, up_NGD)


def pack(down_MGD: Sequence[torch.Tensor], up_MGD: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return one group's experts as rows [G, expert_width]: per layer its down, then its up."""
    layers = zip(down_MGD, up_MGD, strict=True)
    return torch.cat([part for layer in layers for part in layer], dim=-1).detach()


def unpack(block_NGW: torch.Tensor, num_memory_layers: int, hidden_size: int) -> Experts:
    """Return stored rows [N, G, expert_width] as the experts of N reading rows."""
    parts = block_NGW.split(hidden_size, dim=-1)
    return Experts(
        down_NGD=tuple(parts[2 * layer] for layer in range(num_memory_layers)),
        up_NGD=tuple(parts[2 * layer + 1] for layer in range(num_memory_layers)),
    )
