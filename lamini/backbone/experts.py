"""Memory experts: the i-th expert of the read group is added at answer position i.

An expert is a shift of the residual stream at the top of the backbone, before the final norm. No
layer stands above it, so nothing that it adds enters a cache, and every answer position is a small
problem of its own. Whoever reads knows where in the answer it stands; nothing is guessed from the
state.

Shape suffixes: B batch   L sequence   D hidden size   N rows of the batch that read
    A answer positions   P pairs of a row and a column that get a shift

Source: Li et al. 2024, arXiv:2406.17642 (a mixture of memory experts beside a frozen backbone). We
depart: a prompt reads the experts of one group, in order, or none; they have no keys and no weights
(decisions/0015). The paper's own form, weighted experts that facts share, is kept for the studies
(`shared_tuning`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one call reads: which rows, which experts, and where their answers begin."""

    rows_N: torch.Tensor
    """Rows of the batch that read memory; all others stay the backbone's bit for bit."""
    shift_NAD: torch.Tensor
    """What is added at each answer position; past the last one nothing is."""
    start_N: torch.Tensor
    """Column of the last prompt token, counted over all calls: it predicts the first answer token.
    """

    def shifted(self, x_BLD: torch.Tensor, first_column: int) -> torch.Tensor:
        """Return the states of the columns from `first_column` on, with the experts added."""
        column_L = torch.arange(x_BLD.shape[1], device=x_BLD.device) + first_column
        position_NL = column_L - self.start_N[:, None]
        read_NL = (position_NL >= 0) & (position_NL < self.shift_NAD.shape[1])
        n_P, l_P = read_NL.nonzero(as_tuple=True)
        shift_PD = self.shift_NAD[n_P, position_NL[n_P, l_P]].to(x_BLD.dtype)
        return x_BLD.index_put((self.rows_N[n_P], l_P), shift_PD, accumulate=True)


class Reader:
    """Holds the reading of the call in progress, and where in the text the call begins."""

    def __init__(self) -> None:
        self.current: Reading | None = None
        self.first_column = 0

    @contextmanager
    def reading(self, reading: Reading | None) -> Iterator[None]:
        """Let the memory layer read `reading` inside the block (None: nothing)."""
        before, self.current = self.current, reading
        try:
            yield
        finally:
            self.current = before

    def see_call(self, model: nn.Module, given: Any, named: dict[str, Any]) -> None:
        """Note how many columns are cached already: a hook before the language model's forward."""
        cache = named.get("past_key_values")
        self.first_column = 0 if cache is None else int(cache.get_seq_length())


class MemoryLayer(nn.Module):
    """The backbone's final norm, with the experts of the reading in progress added before it."""

    def __init__(self, base: nn.Module, reader: Reader) -> None:
        super().__init__()
        self.base = base
        self.reader = reader

    def forward(self, x_BLD: torch.Tensor) -> torch.Tensor:
        reading = self.reader.current
        if reading is not None:
            x_BLD = reading.shifted(x_BLD, self.reader.first_column)
        y_BLD: torch.Tensor = self.base(x_BLD)
        return y_BLD
