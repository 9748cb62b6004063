"""Prove that an update left alone what it had not to touch (I2, I3), by comparing both versions.

Experts and keys are compared byte by byte on disk. Prompts that read no touched expert, before or
after, are run under both versions in the same batches: their logits must be equal to the last bit,
and those of prompts that read nothing equal to the backbone's own.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from lamini.backbone.memory import full_logits, pad_right
from lamini.backbone.text import encode_prompt
from lamini.bank.bank import Bank, BankVersion
from lamini.bank.group_table import GroupTable
from lamini.model.memory_model import MemoryModel

_BATCH = 64
_CONTINUED = 4
"""Tokens after the prompt that are run too: memory is read there as well."""


@dataclass(frozen=True, kw_only=True)
class BankComparison:
    """Two versions of a bank, outside the touched groups."""

    num_experts: int
    """Experts compared."""
    differing_experts: tuple[int, ...]
    num_keys: int
    differing_keys: tuple[int, ...]
    """Groups whose row in the table of keys differs in anything."""

    @property
    def is_identical(self) -> bool:
        return not (self.differing_experts or self.differing_keys)


@dataclass(frozen=True, kw_only=True)
class LogitComparison:
    """Prompts under two versions of a bank."""

    num_prompts: int
    """Prompts that read no touched expert under either version."""
    differing: tuple[str, ...]
    """Those of them whose read set or logits differ in anything."""
    num_silent: int
    """Those of them that read nothing."""
    differing_silent: tuple[str, ...]
    """Those of the silent ones whose logits are not the backbone's own."""
    num_touched: int
    """Prompts left out, since they read a touched expert under either version."""

    @property
    def is_identical(self) -> bool:
        return not (self.differing or self.differing_silent)


def compare_banks(
    bank: Bank, before: BankVersion, after: BankVersion, touched: Collection[int]
) -> BankComparison:
    """Compare every expert and key outside the `touched` groups; `after` is open at the end.

    Raises:
        BankError: there is no such version.
    """
    size, groups = bank.config.group_size, frozenset(touched)
    experts, keys = [], []
    for version in (before, after):
        bank.open(version)
        digests = bank.digests()
        experts.append({e: d for e, d in digests.items() if e // size not in groups})
        keys.append({g: row for g, row in _rows(bank.group_table()) if g not in groups})
    return BankComparison(
        num_experts=len(experts[0].keys() | experts[1].keys()),
        differing_experts=_differing(*experts),
        num_keys=len(keys[0].keys() | keys[1].keys()),
        differing_keys=_differing(*keys),
    )


def _rows(table: GroupTable) -> list[tuple[int, tuple[Any, ...]]]:
    columns = (
        table.fact_ids,
        table.num_experts_G.tolist(),
        table.subjects,
        table.phrasings,
        table.training_hashes,
        table.routing_hashes,
        [key.tobytes() for key in table.keys_GK.numpy()],
    )
    rows = zip(*columns, strict=True)
    return [*zip(table.group_index_G.tolist(), rows, strict=True)]


def _differing(one: dict[int, Any], two: dict[int, Any]) -> tuple[int, ...]:
    return tuple(n for n in sorted(one.keys() | two.keys()) if one.get(n) != two.get(n))


@torch.no_grad()
def compare_logits(
    model: MemoryModel,
    before: BankVersion,
    prompts: Sequence[str],
    touched: Collection[int],
    *,
    cloze: bool = False,
) -> LogitComparison:
    """Compare the prompts under the version `before` and the one that `model` is open at.

    The model answers from its own version again at the end.
    """
    ids = [encode_prompt(model.tokenizer, prompt, cloze=cloze) for prompt in prompts]
    now = model.manifest
    groups = frozenset(touched)
    new = [route.group for route in model.route_prompts(ids)]
    try:
        model.reopen(now | {"bank": asdict(before)})
        old = [route.group for route in model.route_prompts(ids)]
        rows = [i for i in range(len(ids)) if not {old[i], new[i]} & groups]
        # Alike under both: a batch whose rows read otherwise may round the others differently.
        same = [i for i in rows if old[i] == new[i]]
        asked = [ids[i] for i in same]
        then = dict(zip(same, _logits(model, asked), strict=True))
    finally:
        model.reopen(now)
    found = dict(zip(same, _logits(model, asked), strict=True))
    bare = dict(zip(same, _logits(model, asked, reads=False), strict=True))
    silent = [i for i in same if new[i] is None]
    return LogitComparison(
        num_prompts=len(rows),
        differing=tuple(prompts[i] for i in rows if i not in found or found[i] != then[i]),
        num_silent=len(silent),
        differing_silent=tuple(prompts[i] for i in silent if found[i] != bare[i]),
        num_touched=len(ids) - len(rows),
    )


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Prompts that are to be answered by the backbone alone."""

    num_prompts: int
    reading: tuple[str, ...]
    """Those that read some expert."""
    differing: tuple[str, ...]
    """Those that read none, yet whose logits are not the backbone's own to the last bit."""


@torch.no_grad()
def compare_silence(model: MemoryModel, prompts: Sequence[str], *, cloze: bool = False) -> Silence:
    """Compare the prompts under the model with the same prompts under the bare backbone."""
    ids = [encode_prompt(model.tokenizer, prompt, cloze=cloze) for prompt in prompts]
    groups = [route.group for route in model.route_prompts(ids)]
    silent = [i for i, group in enumerate(groups) if group is None]
    asked = [ids[i] for i in silent]
    pairs = zip(silent, _logits(model, asked), _logits(model, asked, reads=False), strict=True)
    return Silence(
        num_prompts=len(prompts),
        reading=tuple(prompts[i] for i, group in enumerate(groups) if group is not None),
        differing=tuple(prompts[i] for i, found, bare in pairs if found != bare),
    )


def _logits(model: MemoryModel, ids: Sequence[list[int]], *, reads: bool = True) -> list[bytes]:
    """Return a digest of each prompt's logits, with its last tokens once more behind it."""
    found = []
    for start in range(0, len(ids), _BATCH):
        part = ids[start : start + _BATCH]
        continued = [[*row, *row[-_CONTINUED:]] for row in part]
        given, mask_BL = pad_right(continued, model.attached.backbone)
        logits_BLV = (
            model(given, mask_BL, prompt_length=[len(row) for row in part])
            if reads
            else full_logits(model.attached, given, mask_BL, None)
        )
        for row, own, logits_LV in zip(part, continued, logits_BLV, strict=True):
            # From the prompt's end on: before it no expert is read.
            seen = logits_LV[len(row) - 1 : len(own)].cpu().contiguous().view(torch.uint8)
            found.append(hashlib.blake2b(seen.numpy(), digest_size=16).digest())
    return found
