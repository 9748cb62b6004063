"""The bank on disk: experts by number and group keys, in two versioned Lance datasets.

Only written experts are stored; one never written is exactly zero. Lance gives versions, random
access, merge by key and object stores; a write is one commit, so no reader sees half of it.
"""

from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import torch

from lamini.config import MemoryConfig
from lamini.errors import BankError
from lamini.experts import Experts, unpack


@dataclass(frozen=True, kw_only=True)
class BankVersion:
    """The Lance versions of both datasets that together are one version of the bank."""

    experts: int
    keys: int


@dataclass(frozen=True, kw_only=True)
class GroupKey:
    """One row of the table of group keys."""

    group_index: int
    fact_id: str
    num_experts: int
    subject: str
    """The words that a prompt must hold to name the fact's subject; empty: no such evidence."""
    training_hash: str = ""
    """What the fact was tuned on (`TrainingFact.training_hash`); empty: unknown."""
    reach: float = 0.0
    """The least cosine between the key and a training prompt of the fact; 0: unknown."""
    key_K: torch.Tensor


class Bank:
    """All experts of a model, addressed by number, read group by group.

    One stored expert is the concatenation over memory layers of its down and its up vector.
    """

    def __init__(
        self, folder: Path, config: MemoryConfig, hidden_size: int, *, cache_bytes: int = 2**28
    ) -> None:
        self.folder = folder
        self.config = config
        self.hidden_size = hidden_size
        self.cache_bytes = cache_bytes
        self._cache: OrderedDict[int, torch.Tensor] = OrderedDict()
        self._experts: lance.LanceDataset | None = None
        self._version: BankVersion | None = None

    @property
    def expert_width(self) -> int:
        """Floats in one stored expert."""
        return 2 * self.config.num_memory_layers * self.hidden_size

    def open(self, version: BankVersion | None = None) -> BankVersion:
        """Read from `version` (default the latest) from now on.

        Raises:
            BankError: the bank was never written, or has no such version.
        """
        try:
            wanted = (None, None) if version is None else (version.experts, version.keys)
            experts = lance.dataset(self._uri("experts"), version=wanted[0])
            keys = lance.dataset(self._uri("keys"), version=wanted[1])
        except (ValueError, OSError) as error:
            raise BankError(f"no bank version {version} in {self.folder}: {error}") from error
        self._experts = experts
        self._cache.clear()
        self._version = BankVersion(experts=experts.version, keys=keys.version)
        return self._version

    def write(
        self,
        weights: Mapping[int, torch.Tensor],
        keys: Sequence[GroupKey],
        retired: Collection[int] = (),
    ) -> BankVersion:
        """Replace whole groups, [num_experts, expert_width] each, and the table of group keys.

        Groups `retired` lose their experts. It is based on the open version: what a writer that was
        killed left in a later one is undone.

        Raises:
            BankError: a group is outside the bank or its experts have another shape.
        """
        for group, weight in weights.items():
            self._check(group, weight)
        self._go_back_to_the_open_version()
        numbers = [
            group * self.config.group_size + i
            for group in sorted(weights)
            for i in range(len(weights[group]))
        ]
        empty = torch.empty(0, self.expert_width)
        rows = torch.cat([empty, *(weights[group] for group in sorted(weights))])
        table = pa.table(
            {"expert_id": pa.array(numbers, pa.int64()), "weights": _float_lists(rows)}
        )
        self._replace(table, sorted({*weights, *retired}))
        ordered = sorted(keys, key=lambda key: key.group_index)
        key_table = pa.table(
            {
                "group_index": pa.array([k.group_index for k in ordered], pa.int64()),
                "fact_id": pa.array([k.fact_id for k in ordered], pa.string()),
                "num_experts": pa.array([k.num_experts for k in ordered], pa.int64()),
                "subject": pa.array([k.subject for k in ordered], pa.string()),
                "training_hash": pa.array([k.training_hash for k in ordered], pa.string()),
                "reach": pa.array([k.reach for k in ordered], pa.float64()),
                "key": _float_lists(
                    torch.stack([k.key_K for k in ordered]) if ordered else torch.empty(0, 1)
                ),
            }
        )
        lance.write_dataset(key_table, self._uri("keys"), mode="overwrite")
        return self.open()

    def open_version(self) -> BankVersion:
        """Return the version that is read; the latest is opened when none is."""
        return self._version or self.open()

    def group_keys(self) -> list[GroupKey]:
        """Return the table of group keys of the open version, in order of groups."""
        version = self.open_version()
        rows = lance.dataset(self._uri("keys"), version=version.keys).to_table().to_pydict()
        keys = rows.pop("key")
        return [
            GroupKey(**dict(zip(rows, values, strict=True)), key_K=torch.tensor(key))
            for *values, key in zip(*rows.values(), keys, strict=True)
        ]

    def read(self, groups: Sequence[int]) -> Experts:
        """Return the experts of each group, padded with zeros to the block."""
        self._load([group for group in dict.fromkeys(groups) if group not in self._cache])
        width, dim = self.config.group_size, self.hidden_size
        block_NGW = torch.zeros(len(groups), width, self.expert_width)
        for row, group in enumerate(groups):
            stored = self._cache[group]
            self._cache.move_to_end(group)
            block_NGW[row, : len(stored)] = stored
        self._evict()
        return unpack(block_NGW, self.config.num_memory_layers, dim)

    def num_experts(self) -> int:
        """Written experts in the open version."""
        return int(self._dataset().count_rows())

    def _load(self, groups: Sequence[int]) -> None:
        if not groups:
            return
        size = self.config.group_size
        spans = " or ".join(
            f"(expert_id >= {g * size} and expert_id < {(g + 1) * size})" for g in groups
        )
        table = self._dataset().to_table(filter=spans)
        numbers = table["expert_id"].to_numpy()
        order = np.argsort(numbers)
        flat = table["weights"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        weights = torch.from_numpy(flat.reshape(-1, self.expert_width)[order].copy())
        group_of_row = numbers[order] // size
        for group in groups:
            rows = np.flatnonzero(group_of_row == group)
            self._cache[group] = weights[rows[0] : rows[-1] + 1] if len(rows) else weights[:0]

    def _evict(self) -> None:
        used = sum(w.numel() * w.element_size() for w in self._cache.values())
        while used > self.cache_bytes and len(self._cache) > 1:
            _, weight = self._cache.popitem(last=False)
            used -= weight.numel() * weight.element_size()

    def _dataset(self) -> lance.LanceDataset:
        if self._experts is None:
            self.open()
        assert self._experts is not None
        return self._experts

    def _replace(self, table: pa.Table, groups: Sequence[int]) -> None:
        """Put the rows in place of all experts of `groups`, in one commit."""
        uri, size = self._uri("experts"), self.config.group_size
        if not Path(uri).is_dir():
            dataset = lance.write_dataset(table, uri)
        else:
            dataset = lance.dataset(uri)
            written = dataset.to_table(columns=["expert_id"])["expert_id"].to_numpy()
            stale = written[np.isin(written // size, groups)]
            stale = np.setdiff1d(stale, table["expert_id"].to_numpy())
            merge = dataset.merge_insert("expert_id").when_matched_update_all()
            merge = merge.when_not_matched_insert_all()
            if len(stale):
                gone = f"expert_id in ({', '.join(map(str, stale))})"
                merge = merge.when_not_matched_by_source_delete(gone)
            merge.execute(table)
            dataset = lance.dataset(uri)
        dataset.create_scalar_index("expert_id", "BTREE", replace=True)

    def _go_back_to_the_open_version(self) -> None:
        if self._version is None:
            return
        for name, version in (("experts", self._version.experts), ("keys", self._version.keys)):
            ours: Any = lance.dataset(self._uri(name), version=version)
            if ours.latest_version != version:
                ours.restore()

    def _check(self, group: int, weight: torch.Tensor) -> None:
        if not 0 <= group < self.config.num_groups:
            raise BankError(f"group {group} is outside the bank's {self.config.num_groups} groups")
        if weight.shape[1] != self.expert_width or len(weight) > self.config.group_size:
            raise BankError(
                f"group {group} has experts of shape {tuple(weight.shape)}; wanted at most "
                f"{self.config.group_size} of width {self.expert_width}"
            )

    def _uri(self, name: str) -> str:
        return str(self.folder / f"{name}.lance")


def _float_lists(rows: torch.Tensor) -> pa.Array:
    flat = pa.array(rows.detach().to(torch.float32).contiguous().view(-1).numpy())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])
