"""Bring a loaded checkpoint up to the facts as they are now, under its frozen router.

What the bank was tuned on is compared with the facts given: added facts get free groups and keys,
changed ones keep their group (experts retuned; the key computed again unless only the answer is
another), retired ones lose their experts, and their key is silent from then on: what is nearest to
it reads nothing. Only added and changed facts are tuned. All of it is one new bank version and then
one new manifest, so a reader sees the old model or the new one, and an update that was killed
changed nothing; the previous bank version stays readable. Done again, it changes nothing.

Shape suffixes: P prompts   F facts   K key width
"""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from lamini.backbone.backbone import Backbone
from lamini.backbone.text import encode_prompt
from lamini.bank.bank import BankVersion
from lamini.bank.group_table import GroupTable, group_table
from lamini.config import Tuning
from lamini.model.loading import load
from lamini.model.memory_model import MemoryModel
from lamini.recorder import Recorder, SilentRecorder
from lamini.router.stream import encode_ids
from lamini.saved import write_sealed
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory
from lamini.update.collisions import affected, misrouted, silent_after
from lamini.update.fact_changes import FactChanges, compare_facts


@dataclass(frozen=True, kw_only=True)
class UpdateReceipt:
    """What an update did, by fact_id, and what is to be verified after it."""

    bank: BankVersion
    previous: BankVersion
    added: tuple[str, ...]
    changed: tuple[str, ...]
    retired: tuple[str, ...]
    groups: tuple[int, ...]
    """Groups whose experts or keys are not what they were."""
    would_not_go: dict[str, str]
    """Added and changed facts that are not answered as they should, each with the reason."""
    collisions: dict[str, str]
    """Those among them of which a prompt is routed elsewhere, which no tuning mends."""
    affected: tuple[str, ...]
    """Facts that did not change, but of which a phrasing now reads a changed fact's group."""
    num_steps: int
    num_positions: int
    """Answer positions that tuning ran forward and backward, or verified."""


@dataclass(frozen=True, kw_only=True)
class UpdateForecast:
    """What an update would do, by fact_id, found without tuning or writing anything."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    retired: tuple[str, ...]
    groups: tuple[int, ...]
    num_experts: int
    """Experts that would be written or deleted."""
    affected: tuple[str, ...]
    collisions: dict[str, str]
    """Added and changed facts whose own prompt the frozen router would send elsewhere."""


def forecast_update(model: MemoryModel, facts: Sequence[TrainingFact]) -> UpdateForecast:
    """Return what `update_model` would do: routing needs the new keys alone, not the experts.

    Raises:
        ConfigError: two facts have one id.
        BankError: there are more facts than groups.
    """
    held = model.table
    changes = compare_facts(held, facts, model.bank.config.num_groups)
    gone = {held.row_of(group) for group in changes.retired.values()}
    gone |= {held.row_of(fact.group_index) for fact in changes.changed}
    before = {int(held.group_index_G[row]): int(held.num_experts_G[row]) for row in sorted(gone)}
    after = {fact.group_index: fact.num_experts for fact in changes.to_tune}
    table = _table_after(model, changes)
    with model.keyed(table, silent_after(model, changes, table)):
        reached = affected(model, changes)
        collisions = misrouted(model, changes.to_tune, facts)
    return UpdateForecast(
        added=tuple(fact.fact_id for fact in changes.added),
        changed=tuple(fact.fact_id for fact in changes.changed),
        retired=tuple(changes.retired),
        groups=tuple(sorted({*before, *after})),
        num_experts=sum(max(before.get(g, 0), after.get(g, 0)) for g in {*before, *after}),
        affected=reached,
        collisions=collisions,
    )


def update(
    folder: Path | str,
    facts: Sequence[TrainingFact],
    *,
    backbone: str | Backbone | None = None,
    tuning: Tuning | None = None,
) -> UpdateReceipt:
    """Bring the checkpoint in `folder` to hold exactly `facts`; see `update_model`."""
    return update_model(load(folder, backbone=backbone), facts, tuning=tuning)


def update_model(
    model: MemoryModel,
    facts: Sequence[TrainingFact],
    *,
    tuning: Tuning | None = None,
    recorder: Recorder | None = None,
    snapshot_hash: str | None = None,
    training_hash: str | None = None,
    tuning_folder: Path | None = None,
) -> UpdateReceipt:
    """Bring a loaded checkpoint, in memory and on disk, to hold exactly `facts`.

    A known fact keeps its group; an added one gets the group it names, or a free one where that is
    taken. Facts that would not go are written as far as they went, and named with the reason.
    Finished shards lie in `tuning_folder`, which is the caller's to remove, or in the checkpoint's
    own until it is done.

    Raises:
        ConfigError: two facts have one id; nothing was changed.
        BankError: there are more facts than groups; nothing was changed.
        NonFiniteLossError: a loss is not a number; nothing was changed.
    """
    held, previous = model.table, model.bank.open_version()
    changes = compare_facts(held, facts, model.bank.config.num_groups)
    to_tune, retired = changes.to_tune, set(changes.retired.values())
    receipt = UpdateReceipt(
        bank=previous,
        previous=previous,
        added=tuple(fact.fact_id for fact in changes.added),
        changed=tuple(fact.fact_id for fact in changes.changed),
        retired=tuple(changes.retired),
        groups=tuple(sorted({fact.group_index for fact in to_tune} | retired)),
        would_not_go={},
        collisions={},
        affected=(),
        num_steps=0,
        num_positions=0,
    )
    if receipt.groups:
        shards = tuning_folder or _tuning_folder(model)
        weights, receipt = _tune(model, to_tune, tuning or Tuning(), recorder, receipt, shards)
        table = _table_after(model, changes)
        silent = silent_after(model, changes, table)
        bank = model.bank.write(weights, table, sorted(retired - set(weights)), silent)
        receipt = replace(receipt, bank=bank)
    _publish(model, facts, receipt, snapshot_hash, training_hash)
    collisions = misrouted(model, to_tune, facts)
    return replace(
        receipt,
        affected=affected(model, changes),
        would_not_go=collisions | receipt.would_not_go,
        collisions=collisions,
    )


def _tune(
    model: MemoryModel,
    facts: Sequence[TrainingFact],
    tuning: Tuning,
    recorder: Recorder | None,
    receipt: UpdateReceipt,
    shards: Path,
) -> tuple[dict[int, torch.Tensor], UpdateReceipt]:
    """Return the tuned experts by group; shards finished before a kill are not tuned again."""
    if not facts:
        return {}, receipt
    # Named by all that the experts are made of: a folder of another update is never taken for it.
    made_of = "".join(f"{fact.group_index}{fact.training_hash()}" for fact in facts) + repr(tuning)
    folder = shards / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    results = tune_memory(model.attached, facts, tuning, folder, recorder or SilentRecorder())
    group_of = {fact.fact_id: fact.group_index for fact in facts}
    weights = {
        group_of[fact_id]: weight
        for result in results
        for fact_id, weight in zip(result.fact_ids, result.weights, strict=True)
    }
    undecided = {
        result.fact_ids[i]: reason
        for result in results
        for i, reason in zip(result.undecided, result.reasons, strict=True)
    }
    return weights, replace(
        receipt,
        would_not_go=undecided,
        num_steps=max(result.num_steps for result in results),
        num_positions=sum(result.num_positions for result in results),
    )


def _table_after(model: MemoryModel, changes: FactChanges) -> GroupTable:
    """Return the table of group keys as the changes make it."""
    held = model.table
    gone = {*changes.retired, *(fact.fact_id for fact in changes.changed)}
    same_key = [fact for fact in changes.changed if fact.fact_id not in changes.rekeyed]
    rows = [held.row_of(fact.group_index) for fact in same_key]
    answered_anew = group_table(same_key, held.keys_GK[rows])
    return GroupTable.joined([held.without(gone), answered_anew, _keys(model, changes.to_key)])


@torch.no_grad()
def _keys(model: MemoryModel, facts: Sequence[TrainingFact]) -> GroupTable:
    """Return a key for each fact: that of its prompts under the frozen router."""
    ids = [
        encode_prompt(model.tokenizer, prompt, cloze=fact.cloze)
        for fact in facts
        for prompt in fact.prompts
    ]
    sum_FK = torch.zeros(len(facts), model.encoder.width)
    leading_FK = sum_FK
    if facts:
        owner_P = torch.tensor([row for row, fact in enumerate(facts) for _ in fact.prompts])
        query_PK = encode_ids(model.attached, model.encoder, ids).cpu()
        sum_FK.index_add_(0, owner_P, query_PK)
        first_F = torch.tensor([0, *(len(fact.prompts) for fact in facts[:-1])]).cumsum(0)
        leading_FK = query_PK[first_F]
    return group_table(facts, model.encoder.key(sum_FK, leading_FK))


def _publish(
    model: MemoryModel,
    facts: Sequence[TrainingFact],
    receipt: UpdateReceipt,
    snapshot_hash: str | None,
    training_hash: str | None,
) -> None:
    """Make the new bank version the checkpoint's, on disk and in memory."""
    before = model.manifest
    held = hashlib.sha256("".join(sorted(f.training_hash() for f in facts)).encode()).hexdigest()
    unchanged = not receipt.groups
    manifest = before | {
        "bank": asdict(receipt.bank),
        "snapshot_hash": snapshot_hash or (before["snapshot_hash"] if unchanged else held),
        "training_hash": training_hash or (before["training_hash"] if unchanged else held),
        "num_facts": len(facts),
        "num_experts": model.bank.num_experts(),
    }
    if manifest != before:
        write_sealed(model.bank.folder.parent / "checkpoint.json", manifest)
        model.reopen(manifest)
    shutil.rmtree(_tuning_folder(model), ignore_errors=True)


def _tuning_folder(model: MemoryModel) -> Path:
    return model.bank.folder.parent / "tuning"
