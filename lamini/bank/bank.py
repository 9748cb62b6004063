"""The bank on disk: experts by number and group keys, in two versioned Lance datasets.

Only written experts are stored; one never written is exactly zero. Lance gives versions, random
access by position and object stores; a write is one commit, so no reader sees half of it. Numbers
are found by a sorted column of them, read at the first access: 8 bytes for each written expert.
What is read is compared with its checksum (`lamini.bank.checksums`).

Shape suffixes: N groups or experts asked for   A experts of a group   D floats of an expert
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa
import torch
from lance.fragment import write_fragments
from torch.nn.utils.rnn import pad_sequence

from lamini.bank.checksums import COLUMN, Checksums, Numbers, damaged, keys_sha256, reading
from lamini.bank.expert_cache import ExpertCache
from lamini.bank.group_table import GroupTable, float_lists, float_rows
from lamini.config import CACHE_BYTES, MemoryConfig
from lamini.errors import BankError

_CHECKED_AT_ONCE = 512
"""Groups that are read together where all are checked."""


@dataclass(frozen=True, kw_only=True)
class BankVersion:
    """The Lance versions of both datasets that together are one version of the bank."""

    experts: int
    keys: int
    keys_sha256: str = ""
    """Of the files of the keys; empty where it is not known, as before they were read."""


class Bank:
    """All experts of a model, addressed by number, read group by group.

    A stored expert is the vector that its answer position adds to the residual stream.
    """

    def __init__(
        self,
        folder: Path,
        config: MemoryConfig,
        hidden_size: int,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.folder = folder
        self.config = config
        self.hidden_size = hidden_size
        self._cache = ExpertCache(cache_bytes)
        self._experts: lance.LanceDataset | None = None
        self._keys: lance.LanceDataset | None = None
        self._version: BankVersion | None = None
        self._numbers: tuple[Numbers, Numbers] | None = None
        self._checksums: Checksums | None = None

    def open(self, version: BankVersion | None = None) -> BankVersion:
        """Read from `version` (default the latest) from now on.

        Raises:
            BankError: the bank was never written, has no such version, or its keys are damaged.
        """
        wanted = (None, None) if version is None else (version.experts, version.keys)
        try:
            with reading(self.folder):
                experts = lance.dataset(self._uri("experts"), version=wanted[0])
                keys = lance.dataset(self._uri("keys"), version=wanted[1])
        except BankError as error:
            raise BankError(f"no bank version {version} in {self.folder}: {error}") from error
        sha256 = keys_sha256(keys)
        if version is not None and version.keys_sha256 not in ("", sha256):
            raise damaged(self.folder, "the table of keys is not the one that was written")
        self._experts, self._keys = experts, keys
        self._numbers, self._checksums = None, None
        self._cache.clear()
        found = BankVersion(experts=experts.version, keys=keys.version, keys_sha256=sha256)
        self._version = found
        return found

    def write(
        self,
        weights: Mapping[int, torch.Tensor],
        keys: GroupTable,
        retired: Sequence[int] = (),
        silent: GroupTable | None = None,
    ) -> BankVersion:
        """Replace whole groups, [num_experts, hidden_size] each, and the tables of keys.

        Experts of `retired` groups are deleted; those of all other groups stay as they are. It
        starts from the open version (the latest, when none is open) and opens the new one.

        Raises:
            BankError: a group is outside the bank, its experts have another shape, or it is both
                written and retired; nothing is changed then.
        """
        for group, weight in weights.items():
            self._check(group, weight)
        for group in (*retired, *keys.group_index_G.tolist()[-1:]):
            self._check_number(group)
        if both := sorted(set(weights) & set(retired)):
            raise BankError(f"groups {both[:5]} are to be written and retired; decide for one")
        ordered = sorted(weights)
        size = self.config.group_size
        numbers = [g * size + i for g in ordered for i in range(len(weights[g]))]
        empty = torch.empty(0, self.hidden_size)
        rows = torch.cat([empty, *(weights[group] for group in ordered)])
        columns = {"expert_id": pa.array(numbers, pa.int64()), "weights": float_lists(rows)}
        self._replace(sorted({*weights, *retired}), pa.table(columns))
        known, mode = Checksums.none(), "create"
        if Path(self._uri("keys")).is_dir():
            known, mode = self._known_checksums(), "overwrite"
        table = keys if silent is None else GroupTable.joined([silent, keys])
        sums = known.column(table.group_index_G.tolist(), weights)
        rows_of_keys = table.to_arrow().append_column(COLUMN, sums)
        lance.write_dataset(rows_of_keys, self._uri("keys"), mode=mode)
        return self.open()

    def open_version(self) -> BankVersion:
        """Return the version that is read; the latest is opened when none is."""
        return self._version or self.open()

    def group_table(self) -> GroupTable:
        """Return the table of group keys of the open version."""
        return self.key_tables()[0]

    def key_tables(self) -> tuple[GroupTable, GroupTable]:
        """Return the same and the keys of retired facts (`GroupTable.silenced`), read at once."""
        with reading(self.folder):
            keys = self._opened_keys().to_table()
        # Written in order of their numbers: those of silent keys are negative.
        num_silent = int((keys["group_index"].to_numpy() < 0).sum())
        held, silent = keys.slice(num_silent), keys.slice(0, num_silent)
        return GroupTable.from_arrow(held), GroupTable.from_arrow(silent)

    def read(self, groups: Sequence[int]) -> torch.Tensor:
        """Return the experts [N, A, D] of each group, padded with zeros to the longest."""
        found = {group: self._cache.get(group) for group in dict.fromkeys(groups)}
        found |= self._load([group for group, weight in found.items() if weight is None])
        empty = torch.empty(0, self.hidden_size)
        own = [empty if weight is None else weight for weight in map(found.__getitem__, groups)]
        return pad_sequence(own, batch_first=True)

    def read_experts(self, numbers: Sequence[int]) -> torch.Tensor:
        """Return single experts by number [N, hidden_size]; one never written is zero."""
        wanted = np.asarray(numbers, dtype=np.int64)
        written, position = self._written()
        place = np.searchsorted(written, wanted)
        stored = place < len(written)
        stored[stored] = written[place[stored]] == wanted[stored]
        row_ND = torch.zeros(len(wanted), self.hidden_size)
        row_ND[torch.from_numpy(stored)] = self._take(position[place[stored]])
        return row_ND

    def damaged_groups(self) -> list[int]:
        """Return the groups of the table whose experts are not as they were written; reads all."""
        with reading(self.folder):
            groups = self._opened_keys().to_table(columns=["group_index"])["group_index"]
        held, found = [g for g in groups.to_pylist() if g >= 0], []
        for start in range(0, len(held), _CHECKED_AT_ONCE):
            some = held[start : start + _CHECKED_AT_ONCE]
            found += self._known_checksums().differing(some, self._stored(some))
        return found

    def num_experts(self) -> int:
        """Written experts in the open version."""
        return int(self._dataset().count_rows())

    def digests(self) -> dict[int, bytes]:
        """Return a digest of the bytes of every written expert in the open version, by number."""
        found: dict[int, bytes] = {}
        for part in self._dataset().to_batches(columns=["expert_id", "weights"]):
            numbers = part["expert_id"].to_pylist()
            rows = part["weights"].flatten().to_numpy().reshape(len(numbers), -1)
            for number, row in zip(numbers, rows, strict=True):
                found[number] = hashlib.blake2b(row, digest_size=16).digest()
        return found

    def _load(self, groups: Sequence[int]) -> dict[int, torch.Tensor]:
        """Return the written experts of groups, one access for all, and keep them in the cache."""
        if not groups:
            return {}
        parts = self._stored(groups)
        if wrong := self._known_checksums().differing(groups, parts):
            raise damaged(self.folder, f"the experts of groups {wrong[:5]} are not as written")
        found = dict(zip(groups, parts, strict=True))
        for group, weight in found.items():
            if len(weight):
                self._cache.put(group, weight)
        return found

    def _stored(self, groups: Sequence[int]) -> Sequence[torch.Tensor]:
        """Return the experts of each group as they lie on the disk."""
        written, position = self._written()
        bounds = np.asarray(groups, dtype=np.int64)[:, None] + np.array([0, 1])
        start, stop = np.searchsorted(written, bounds * self.config.group_size).T.tolist()
        spans = [position[a:b] for a, b in zip(start, stop, strict=True)]
        return self._take(np.concatenate(spans)).split([len(span) for span in spans])

    def _take(self, position: Numbers) -> torch.Tensor:
        if not len(position):
            return torch.empty(0, self.hidden_size)
        with reading(self.folder):
            return float_rows(self._dataset().take(position, columns=["weights"])["weights"])

    def _written(self) -> tuple[Numbers, Numbers]:
        """Return the numbers of all written experts, ascending, and the position of each."""
        if self._numbers is None:
            with reading(self.folder):
                numbers = self._dataset().to_table(columns=["expert_id"])["expert_id"].to_numpy()
            order = np.arange(len(numbers))
            if (numbers[1:] < numbers[:-1]).any():
                order = numbers.argsort(kind="stable")
            self._numbers = numbers[order], order
        return self._numbers

    def _dataset(self) -> lance.LanceDataset:
        if self._experts is None:
            self.open()
        assert self._experts is not None
        return self._experts

    def _opened_keys(self) -> lance.LanceDataset:
        if self._keys is None:
            self.open()
        assert self._keys is not None
        return self._keys

    def _known_checksums(self) -> Checksums:
        if self._checksums is None:
            with reading(self.folder):
                self._checksums = Checksums.of_table(self._opened_keys())
        return self._checksums

    def _replace(self, groups: Sequence[int], table: pa.Table) -> None:
        """Put `table` in the place of all experts of `groups`, in one commit."""
        uri = self._uri("experts")
        if not Path(uri).is_dir():
            lance.write_dataset(table, uri)
            return
        dataset = lance.dataset(uri, version=self._version.experts if self._version else None)
        if dataset.version != dataset.latest_version:
            dataset.restore()  # type: ignore[no-untyped-call]  # a later version was never promoted
        removed, updated = [], []
        for fragment in dataset.get_fragments():
            numbers = fragment.to_table(columns=["expert_id"])["expert_id"].to_numpy()
            old = numbers[np.isin(numbers // self.config.group_size, groups)]
            if len(old) == len(numbers):
                removed.append(fragment.fragment_id)
            elif len(old):
                # Marks them deleted in a file beside the fragment; nothing is rewritten.
                left = fragment.delete(f"expert_id in ({', '.join(map(str, old))})")
                assert left is not None
                updated.append(left)
        if removed or updated or len(table):
            new = write_fragments(table, dataset, mode="append") if len(table) else []
            update = lance.LanceOperation.Update(
                removed_fragment_ids=removed, updated_fragments=updated, new_fragments=new
            )
            lance.LanceDataset.commit(uri, update, read_version=dataset.version)

    def _check(self, group: int, weight: torch.Tensor) -> None:
        self._check_number(group)
        if weight.shape[1] != self.hidden_size or len(weight) > self.config.group_size:
            raise BankError(
                f"group {group} has experts of shape {tuple(weight.shape)}; wanted at most "
                f"{self.config.group_size} of width {self.hidden_size}"
            )

    def _check_number(self, group: int) -> None:
        if not 0 <= group < self.config.num_groups:
            raise BankError(f"group {group} is outside the bank's {self.config.num_groups} groups")

    def _uri(self, name: str) -> str:
        return str(self.folder / f"{name}.lance")
