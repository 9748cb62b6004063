"""Train: router pretraining (one epoch, then frozen) and memory tuning, in one Ray Train job.

Reads: the assignment file, the snapshot. Writes: RUN/router, RUN/tuning (a file for each finished
shard), RUN/checkpoint; metrics of both stages and the checkpoint as LoggedModel to MLflow.
"""

import contextlib
import logging
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.progress import Progress
from flows.settings import Settings
from flows.tracking import TrackedRun
from flows.worker_jobs import ROUTER, TUNING
from warehouse.reference import training_negatives
from warehouse.snapshot import open_snapshot

log = logging.getLogger(__name__)
NUM_NEGATIVES = 20_000


@task(cache_policy=NO_CACHE)
def train_memory(
    settings: Settings, run: TrackedRun, folder: Path, assignment: Path, snapshot: Path
) -> dict[str, Any]:
    """Launch the job and wait for it; killed, the next launch goes on where this one saved."""
    from flows.training import fit
    from lamini.training_data import read_training_facts

    config = {
        "backbone": settings.backbone,
        "memory": settings.memory,
        "router": settings.router,
        "router_training": settings.router_training,
        "tuning": settings.tuning,
        "facts": str(assignment),
        "negatives": _negatives(settings, snapshot),
        "folder": str(folder),
    }
    facts = read_training_facts(assignment)
    num_steps = settings.router_training.num_steps
    stages = {stage: run.child(stage) for stage in (ROUTER, TUNING)}
    with contextlib.ExitStack() as stack:
        shown = {
            ROUTER: stack.enter_context(Progress("router pretraining", num_steps, "step", "loss"))
        }

        def on_report(stage: str, step: int, numbers: dict[str, float]) -> None:
            if stage not in shown:
                stack.close()
                bar = Progress("memory tuning", len(facts), "facts_memorized", "passes")
                shown[stage] = stack.enter_context(bar)
            shown[stage].update({"step": step, **numbers})
            try:
                stages[stage].log_metrics(numbers, step)
            except Exception:
                log.warning("MLflow did not take the numbers of step %d", step, exc_info=True)

        done = fit(config, settings=settings, folder=folder, on_report=on_report)
    keys = (
        "threshold",
        "unnamed_threshold",
        "calibration_agreement",
        "calibration_accepted",
        "calibration_foreign",
    )
    stages[ROUTER].log_metrics({f"router/{key}": done["router"][key] for key in keys}, num_steps)
    tuned = _summary(folder / "tuning", facts)
    for step, number in enumerate(tuned["active_by_pass"]):
        stages[TUNING].log_metrics({"tuning/active_facts": number}, step)
    for child in stages.values():
        child.end()
    return {**done, **tuned}


def _negatives(settings: Settings, snapshot: Path) -> list[str]:
    facts = open_snapshot(snapshot).facts()
    asked = {prompt for prompts in facts["prompts"].to_pylist() for prompt in prompts}
    negatives = training_negatives(facts, settings.router_training.seed)[:NUM_NEGATIVES]
    # A user's table may answer what is foreign to the reference facts.
    return [text for text in negatives if text not in asked]


def _summary(tuning: Path, facts: list[Any]) -> dict[str, Any]:
    """Return what the shards' files tell together."""
    from lamini.memory_tuning import load_shard

    shards: dict[int, list[Any]] = {}
    for fact in facts:
        shards.setdefault(fact.shard_index, []).append(fact)
    undecided: list[str] = []
    active: list[int] = []
    positions = 0
    for shard, members in sorted(shards.items()):
        result = load_shard(tuning, shard, members)
        if result is None:
            continue
        undecided += [members[i].fact_id for i in result.undecided]
        positions += result.num_positions
        active += [0] * (len(result.active_by_pass) - len(active))
        for i, number in enumerate(result.active_by_pass):
            active[i] += number
    return {
        "num_facts": len(facts),
        "num_undecided": len(undecided),
        "undecided": undecided[:50],
        "num_passes": len(active) - 1,
        "num_positions": positions,
        "active_by_pass": active,
    }


@task(cache_policy=NO_CACHE)
def write_checkpoint(
    settings: Settings, run: TrackedRun, folder: Path, assignment: Path, snapshot: Path
) -> dict[str, Any]:
    """Assemble router and experts into RUN/checkpoint and record it as LoggedModel."""
    from lamini.backbone import load_backbone
    from lamini.checkpoint import build_checkpoint
    from lamini.training_data import read_training_facts

    facts = read_training_facts(assignment)
    published = open_snapshot(snapshot)
    backbone = load_backbone(settings.backbone)
    receipt = build_checkpoint(
        folder / "checkpoint",
        backbone=backbone,
        memory=settings.memory,
        hidden_size=int(backbone.model.config.get_text_config().hidden_size),
        facts=facts,
        router_folder=folder / "router",
        tuning_folder=folder / "tuning",
        snapshot_hash=published.snapshot_hash,
        training_hash=published.training_hash,
    )
    model_id = run.log_checkpoint(
        receipt.folder,
        0,
        {"checkpoint/experts": receipt.num_experts, "checkpoint/groups": receipt.num_groups},
        {"snapshot_hash": published.snapshot_hash, "training_hash": published.training_hash},
    )
    return {
        "path": str(receipt.folder),
        "num_groups": receipt.num_groups,
        "num_experts": receipt.num_experts,
        "router_sha256": receipt.router_sha256,
        "snapshot_hash": published.snapshot_hash,
        "model_id": model_id,
    }
