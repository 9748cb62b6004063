"""Build the checkpoint that follows another one: the same router, the next version of its bank.

The successor shares every unchanged file with its base (`link_checkpoint`), is updated aside and
put in place as a whole. So the base stays as it was, to the last byte, and an update that was
killed leaves nothing but the shards it has tuned.

update.json   what the update did (`UpdateReceipt`); it is part of the successor
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lamini.backbone.backbone import Backbone
from lamini.backbone.memory import detach
from lamini.bank.bank import BankVersion
from lamini.checkpoint.checkpoint import link_checkpoint, put_in_place
from lamini.config import Tuning
from lamini.errors import CheckpointError
from lamini.model.loading import load
from lamini.model.memory_model import MemoryModel
from lamini.recorder import Recorder
from lamini.saved import write_json
from lamini.training_data import TrainingFact
from lamini.update.update import UpdateReceipt, update_model

_FILE = "update.json"


def build_successor(
    folder: Path,
    base: Path,
    facts: Sequence[TrainingFact],
    *,
    backbone: Backbone,
    tuning: Tuning,
    tuning_folder: Path,
    snapshot_hash: str,
    training_hash: str,
    recorder: Recorder | None = None,
) -> UpdateReceipt:
    """Put a checkpoint that holds exactly `facts` into `folder`, made from the one in `base`.

    Raises:
        CheckpointError: `base` is no checkpoint, of another backbone, or damaged.
        ConfigError: two facts have one id.
        BankError: there are more facts than groups.
        NonFiniteLossError: a loss is not a number.
    """
    staging = folder.with_name(f".{folder.name}.staging")
    shutil.rmtree(staging, ignore_errors=True)
    staging.parent.mkdir(parents=True, exist_ok=True)
    link_checkpoint(base, staging)
    model = load(staging, backbone=backbone)
    try:
        _check(model, base)
        receipt = update_model(
            model,
            facts,
            tuning=tuning,
            recorder=recorder,
            snapshot_hash=snapshot_hash,
            training_hash=training_hash,
            tuning_folder=tuning_folder,
        )
    finally:
        detach(model.attached)
    write_json(staging / _FILE, asdict(receipt))
    put_in_place(staging, folder)
    return receipt


def _check(model: MemoryModel, base: Path) -> None:
    # Experts that the update leaves alone are the successor's as they are.
    if wrong := model.bank.damaged_groups():
        facts = [model.table.fact_ids[model.table.row_of(group)] for group in wrong]
        raise CheckpointError(
            f"{base} is damaged: the experts of {len(wrong)} facts are not as they were written "
            f"({', '.join(facts[:3])}); restore it from a backup, or train it again"
        )


def read_update(folder: Path) -> UpdateReceipt:
    """Return what the update did that made the checkpoint in `folder`.

    Raises:
        CheckpointError: it was not made by an update.
    """
    path = folder / _FILE
    try:
        values: Mapping[str, Any] = json.loads(path.read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{folder} was not made by an update: {error}") from error
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    given |= {name: BankVersion(**values[name]) for name in ("bank", "previous")}
    return UpdateReceipt(**given)
