"""A checkpoint: one folder that loads alone.

Backbone reference + router version + bank version + snapshot hash:

checkpoint.json   every version and hash, and its own; written last: a folder without it is none
router.*          the frozen router (`lamini.router.frozen_router`)
bank/             experts and group keys (Lance)
config.json       and the tokenizer's files: what transformers' auto classes look for
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from lamini.asked.made_up import adapted
from lamini.backbone.backbone import Backbone
from lamini.bank.bank import Bank, BankVersion
from lamini.bank.group_table import GroupTable, group_table
from lamini.config import MemoryConfig, from_dict
from lamini.errors import CheckpointError
from lamini.registered_config import config_of
from lamini.router.frozen_router import read_router
from lamini.saved import read_sealed, read_tensors, write_json, write_sealed
from lamini.training_data import TrainingFact
from lamini.tuning.shards import load_shard

FORMAT_VERSION = 5


@dataclass(frozen=True, kw_only=True)
class CheckpointReceipt:
    """What was written, enough to find it and to tell whether it changed."""

    folder: Path
    num_groups: int
    num_experts: int
    bank: BankVersion
    router_sha256: str


def build_checkpoint(
    folder: Path,
    *,
    backbone: Backbone,
    memory: MemoryConfig,
    hidden_size: int,
    facts: Sequence[TrainingFact],
    router_folder: Path,
    tuning_folder: Path,
    snapshot_hash: str,
    training_hash: str,
) -> CheckpointReceipt:
    """Assemble router and tuned shards into a checkpoint; doing it again gives the same one.

    Raises:
        CheckpointError: a shard is missing or damaged; nothing replaced what was there.
    """
    staging = folder.with_name(f".{folder.name}.staging")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    router = read_router(router_folder)
    row_of = {fact_id: row for row, fact_id in enumerate(_pretrained_facts(router_folder))}
    keys_FK = read_tensors(router_folder / "keys.safetensors")["keys"]
    weights = _tuned(facts, tuning_folder)
    keys = group_table(facts, keys_FK[[row_of[fact.fact_id] for fact in facts]])
    if told := [fact for fact in keys.asked if fact.subject]:
        router = replace(router, acceptance=adapted(told))
    sha256 = router.write(staging)
    bank = Bank(staging / "bank", memory, hidden_size)
    version = bank.write(weights, keys)
    manifest: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "backbone": {
            "reference": backbone.reference,
            "fingerprint": backbone.fingerprint(),
            "dtype": str(backbone.dtype).removeprefix("torch."),
        },
        "hidden_size": hidden_size,
        "memory": asdict(memory),
        "router_sha256": sha256,
        "bank": asdict(version),
        "snapshot_hash": snapshot_hash,
        "training_hash": training_hash,
        "num_facts": len(facts),
        "num_experts": bank.num_experts(),
    }
    config = config_of(backbone.model.config, backbone.reference)
    write_json(staging / "config.json", config.to_diff_dict())
    backbone.tokenizer.save_pretrained(staging)
    write_sealed(staging / "checkpoint.json", manifest)
    put_in_place(staging, folder)
    return CheckpointReceipt(
        folder=folder,
        num_groups=len(keys),
        num_experts=manifest["num_experts"],
        bank=version,
        router_sha256=sha256,
    )


def _pretrained_facts(folder: Path) -> list[str]:
    fact_ids: list[str] = json.loads((folder / "pretrained.json").read_text())["fact_ids"]
    return fact_ids


def put_in_place(staging: Path, folder: Path) -> None:
    """Make the finished `staging` the folder, instead of what was there."""
    # A reader that holds the old folder's files open goes on reading them.
    retired = folder.with_name(f".{folder.name}.retired")
    shutil.rmtree(retired, ignore_errors=True)
    if folder.exists():
        folder.rename(retired)
    staging.rename(folder)
    shutil.rmtree(retired, ignore_errors=True)


def link_checkpoint(source: Path, folder: Path) -> None:
    """Make `folder`, which must not exist, a checkpoint that shares every file with `source`.

    The files are hard links where the file system has them, else copies: a bank of gigabytes takes
    no space twice. Every file of a checkpoint is replaced as a whole and none is ever edited, so
    what becomes of one folder leaves the other as it is.

    Raises:
        CheckpointError: `source` is no checkpoint.
    """
    read_manifest(source)
    left_out = shutil.ignore_patterns("tuning", ".*")
    shutil.copytree(source, folder, ignore=left_out, copy_function=_link)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target)


def _tuned(facts: Sequence[TrainingFact], folder: Path) -> dict[int, torch.Tensor]:
    shards: dict[int, list[TrainingFact]] = {}
    for fact in facts:
        shards.setdefault(fact.shard_index, []).append(fact)
    weights: dict[int, torch.Tensor] = {}
    for shard, members in sorted(shards.items()):
        result = load_shard(folder, shard, members)
        if result is None:
            raise CheckpointError(
                f"shard {shard} is not tuned in {folder} (or is damaged); run memory tuning again"
            )
        for fact, weight in zip(members, result.weights, strict=True):
            weights[fact.group_index] = weight
    return weights


def read_group_table(folder: Path) -> GroupTable:
    """Return the table of group keys of a checkpoint, without its backbone or router.

    Raises:
        CheckpointError: it is no checkpoint.
        BankError: its bank is not there, or damaged.
    """
    return open_bank(folder).group_table()


def open_bank(folder: Path) -> Bank:
    """Return the bank of a checkpoint, open at the version that answers.

    Raises:
        CheckpointError: it is no checkpoint.
        BankError: its bank is not there, or damaged.
    """
    manifest = read_manifest(folder)
    memory = from_dict(MemoryConfig, manifest["memory"])
    bank = Bank(folder / "bank", memory, manifest["hidden_size"])
    bank.open(BankVersion(**manifest["bank"]))
    return bank


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's manifest.

    Raises:
        CheckpointError: there is none, it is damaged, or it is of another format.
    """
    path = folder / "checkpoint.json"
    if not path.is_file():
        raise CheckpointError(f"{folder} is no checkpoint: it has no checkpoint.json")
    if (found := _format_of(path)) not in (None, FORMAT_VERSION):
        raise CheckpointError(
            f"{path} has format {found}, this version reads {FORMAT_VERSION}; train again or use "
            "the version that wrote it"
        )
    return read_sealed(path)


def _format_of(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes()).get("format_version")
    except (ValueError, AttributeError):  # damaged, as `read_sealed` says
        return None
