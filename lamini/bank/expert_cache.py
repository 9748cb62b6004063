"""Experts kept in memory while serving: the groups read last, within a limit of bytes.

Shape suffixes: G experts of a group   W floats of an expert
"""

from collections import OrderedDict

import torch


class ExpertCache:
    """Groups by number; the least recently used goes first. A call costs the same at any size."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.used_bytes = 0
        self._group: OrderedDict[int, torch.Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._group)

    def __contains__(self, group: int) -> bool:
        return group in self._group

    def get(self, group: int) -> torch.Tensor | None:
        """Return a group's experts [G, W], which now are those used last; None when not kept."""
        weight_GW = self._group.get(group)
        if weight_GW is not None:
            self._group.move_to_end(group)
        return weight_GW

    def put(self, group: int, weight_GW: torch.Tensor) -> None:
        """Keep a copy of a group, unless it alone is over the limit; drop what is over it then."""
        if weight_GW.nbytes > self.limit_bytes:
            return
        self._drop(group)
        # A copy: a view would hold on to the bytes of all that was read with it.
        self._group[group] = weight_GW.clone()
        self.used_bytes += weight_GW.nbytes
        while self.used_bytes > self.limit_bytes:
            self._drop(next(iter(self._group)))

    def clear(self) -> None:
        """Forget every group."""
        self._group.clear()
        self.used_bytes = 0

    def _drop(self, group: int) -> None:
        weight_GW = self._group.pop(group, None)
        if weight_GW is not None:
            self.used_bytes -= weight_GW.nbytes
