"""Update: bring the champion's bank to the facts as they are now, then measure and prove it.

Reads: the champion's checkpoint and recall, the assignment file, both snapshots. Writes:
RUN/assignment.parquet, RUN/checkpoint (it shares all unchanged files with the champion's),
RUN/recall; metrics to MLflow.

It runs in this very process: a Ray cluster takes longer to start than ten facts to tune.
"""

import shutil
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
from prefect import task
from prefect.cache_policies import NO_CACHE

from flows import failpoints
from flows.configuration.settings import Settings
from flows.home.receipts import Measured, Proof, Updated
from flows.measure_recall import record_rows
from flows.planning.questions import accepting, questions_for
from flows.planning.update_questions import (
    Asking,
    RetiredFact,
    ask_after,
    differing_answers,
    sample_prompts,
    still_given,
)
from flows.tracking.progress import Progress
from flows.tracking.runs import TrackedRun
from warehouse.durable import write_parquet
from warehouse.reference import foreign_questions
from warehouse.snapshots import Snapshot, open_snapshot

if TYPE_CHECKING:
    from lamini.backbone.backbone import Backbone
    from lamini.model.memory_model import MemoryModel
    from lamini.proof.recall import RecallRow
    from lamini.training_data import TrainingFact
    from lamini.update.update import UpdateReceipt

_SILENT_PROMPTS = 64


class _Reports:
    """The library's recorder: every tuned shard is a step of the training's run in MLflow."""

    def __init__(self, run: TrackedRun) -> None:
        self.run = run

    def log(self, step: int, numbers: dict[str, float]) -> None:
        self.run.log_step(step, numbers)
        failpoints.reach("update.while_tuning")


@task(cache_policy=NO_CACHE, task_run_name="update memory")
def update_memory(
    settings: Settings,
    run: TrackedRun,
    folder: Path,
    base: Path,
    assignment: Path,
    snapshot: Path,
) -> Updated:
    """Build the successor of the champion in `base`; killed, the next one ends the same."""
    from lamini.training_data import read_training_facts
    from lamini.tuning.capacity import capacity_of
    from lamini.update.successor import build_successor

    published = open_snapshot(snapshot)
    backbone, facts = _backbone(settings), read_training_facts(assignment)
    started = time.monotonic()
    try:
        update = build_successor(
            folder / "checkpoint",
            base,
            facts,
            backbone=backbone,
            tuning=settings.tuning,
            tuning_folder=folder / "tuning",
            snapshot_hash=published.snapshot_hash,
            training_hash=published.training_hash,
            recorder=_Reports(run),
        )
    except BaseException:
        run.end("FAILED")
        raise
    seconds = time.monotonic() - started
    shutil.rmtree(folder / "tuning", ignore_errors=True)
    _settle_groups(assignment, folder / "checkpoint")
    failpoints.reach("update.after_checkpoint")
    counts = {f"num_{op}": len(getattr(update, op)) for op in ("added", "changed", "retired")}
    told = {
        **asdict(update),
        **counts,
        "num_affected": len(update.affected),
        "num_groups_touched": len(update.groups),
        "update_seconds": round(seconds, 2),
        **capacity_of(facts, backbone.tokenizer, backbone.hidden_size).told(),
    }
    return Updated(**told)


def _settle_groups(assignment: Path, checkpoint: Path) -> None:
    """Write into the run's assignment the group that the bank really gave each fact."""
    from lamini.checkpoint.checkpoint import read_group_table

    table = read_group_table(checkpoint)
    group_of = dict(zip(table.fact_ids, table.group_index_G.tolist(), strict=True))
    before = pq.read_table(assignment)
    groups = [group_of[fact_id] for fact_id in before["fact_id"].to_pylist()]
    column = before.schema.get_field_index("group_index")
    settled = before.set_column(column, "group_index", pa.array(groups, pa.int64()))
    if not settled.equals(before):
        write_parquet(settled, assignment)


@task(cache_policy=NO_CACHE, task_run_name="measure and prove")
def verify_update(
    settings: Settings,
    run: TrackedRun,
    folder: Path,
    base_run: Path,
    assignment: Path,
    snapshots: tuple[Path, Path],
) -> Measured:
    """Measure what the update touched, and prove that it touched nothing else.

    `snapshots` are the one that the champion was trained on and the new one.
    """
    from lamini.model.loading import load
    from lamini.proof.recall import measure_recall
    from lamini.training_data import read_training_facts
    from lamini.update.successor import read_update

    old, new = map(open_snapshot, snapshots)
    facts = read_training_facts(assignment)
    update = read_update(folder / "checkpoint")
    asking = _asking(settings, update, facts, assignment, base_run, old, new)
    model = load(folder / "checkpoint", backbone=_backbone(settings))
    started = time.monotonic()
    with Progress("measuring the update", len(asking.questions), "questions", "questions") as bar:
        rows = measure_recall(
            model, asking.questions, on_progress=lambda done: bar.update({"questions": done})
        )
    proof = _proof(settings, model, update, facts, rows, asking)
    proved = time.monotonic() - started
    recorded = record_rows(settings, run, folder, rows, asking.carried)
    run.log_metrics(
        {
            "update/untouched_experts": proof.num_experts,
            "update/untouched_experts_differing": len(proof.differing_experts or ()),
            "update/untouched_prompts": proof.num_prompts,
            "update/untouched_prompts_differing": len(proof.differing_prompts or ()),
            "update/silent_prompts": proof.num_silent,
            "update/silent_prompts_differing": len(proof.differing_silent or ()),
        }
    )
    failpoints.reach("update.after_measuring")
    more = {"proof": proof, "verify_seconds": round(proved, 1), "num_carried": len(asking.carried)}
    return recorded.model_copy(update=more)


def _asking(
    settings: Settings,
    update: "UpdateReceipt",
    facts: list["TrainingFact"],
    assignment: Path,
    base_run: Path,
    old: Snapshot,
    new: Snapshot,
) -> Asking:
    from lamini.proof.recall import read_rows

    number = settings.tuning.prompts_per_fact
    before = base_run / "recall" / "recall.parquet"
    retired = {*update.retired}
    asking = ask_after(
        update,
        facts,
        questions_for(new, assignment, number),
        read_rows(before) if before.is_file() else [],
        [
            RetiredFact(
                prompts=tuple(fact["prompts"]),
                prompt_kind=fact["prompt_kind"],
                answer=fact["answer"],
            )
            for fact in old.facts().to_pylist()
            if fact["fact_id"] in retired
        ],
        prompts_per_fact=number,
        num_untouched=settings.update.untouched_questions,
    )
    return replace(asking, questions=accepting(asking.questions, new))


def _proof(
    settings: Settings,
    model: "MemoryModel",
    update: "UpdateReceipt",
    facts: list["TrainingFact"],
    rows: list["RecallRow"],
    asking: Asking,
) -> Proof:
    """Return what was compared outside the touched groups, and what differs there."""
    from lamini.proof.untouched import compare_banks, compare_logits

    banks = compare_banks(model.bank, update.previous, update.bank, update.groups)
    stirred = {*update.added, *update.changed, *update.affected}
    prompts = sample_prompts(facts, stirred, settings.update.untouched_prompts)
    prompts[False] += foreign_questions()["prompt"].to_pylist()[:_SILENT_PROMPTS]
    logits = [
        compare_logits(model, update.previous, texts, update.groups, cloze=cloze)
        for cloze, texts in prompts.items()
        if texts
    ]
    size = model.bank.config.group_size
    empty = {*update.groups} - {*model.table.group_index_G.tolist()}
    return Proof(
        num_experts=banks.num_experts,
        differing_experts=tuple(banks.differing_experts),
        num_keys=banks.num_keys,
        differing_keys=tuple(banks.differing_keys),
        num_prompts=sum(part.num_prompts for part in logits),
        differing_prompts=tuple(text for part in logits for text in part.differing),
        num_silent=sum(part.num_silent for part in logits),
        differing_silent=tuple(text for part in logits for text in part.differing_silent),
        num_answers=len(asking.expected),
        differing_answers=tuple(differing_answers(rows, asking)),
        num_retired_prompts=len(asking.retired),
        still_given=tuple(still_given(rows, asking)),
        experts_left=tuple(e for e in model.bank.digests() if e // size in empty),
    )


def _backbone(settings: Settings) -> "Backbone":
    from lamini.backbone.backbone import load_backbone
    from lamini.workers import fix_arithmetic

    fix_arithmetic()
    return load_backbone(settings.backbone, device="cuda" if settings.use_gpu else "cpu")
