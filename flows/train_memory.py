"""Train: router pretraining, memory tuning, checkpoint and recall, in one job of Ray Train's.

Reads: the assignment file, the snapshot. Writes: RUN/router, RUN/tuning (a file for each finished
shard), RUN/checkpoint, RUN/recall/shares; metrics of both trainings and the checkpoint as
LoggedModel to MLflow.
"""

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.configuration.settings import Settings
from flows.home.receipts import Trained, Written
from flows.serving.saved_model import saved_model
from flows.tracking.progress import Progress
from flows.tracking.runs import TrackedRun
from flows.training.job import training_job
from flows.training.remote import train_on_cluster
from flows.training.worker_jobs import RECALL, ROUTER, TUNING

if TYPE_CHECKING:
    from lamini.training_data import TrainingFact

log = logging.getLogger(__name__)


@task(cache_policy=NO_CACHE, task_run_name="train router and memory")
def train_memory(
    settings: Settings, run: TrackedRun, folder: Path, assignment: Path, snapshot: Path
) -> Trained:
    """Launch the job and wait for it; killed, the next launch goes on where this one saved."""
    from lamini.training_data import read_training_facts

    job = training_job(settings, folder, assignment, snapshot)
    facts = read_training_facts(assignment)
    num_steps = settings.router_training.num_steps
    stages = {stage: run.child(stage) for stage in (ROUTER, TUNING)}
    bars = {
        ROUTER: lambda: Progress("router pretraining", num_steps, "step", "loss"),
        TUNING: lambda: Progress("memory tuning", len(facts), "facts_memorized", "loss"),
        RECALL: lambda: Progress("measuring recall", len(job.questions), "questions", "questions"),
    }
    with contextlib.ExitStack() as stack:
        shown = {ROUTER: stack.enter_context(bars[ROUTER]())}

        def on_report(stage: str, step: int, numbers: dict[str, float]) -> None:
            if stage not in shown:
                stack.close()
                shown[stage] = stack.enter_context(bars[stage]())
            shown[stage].update({"step": step, **numbers})
            if stage in stages:
                stages[stage].log_step(step, numbers)

        try:
            if settings.ray_address:
                done = train_on_cluster(settings, folder, assignment, snapshot, on_report)
            elif settings.num_workers == 0:
                from flows.training import in_process

                done = in_process.fit(job, use_gpu=settings.use_gpu, on_report=on_report)
            else:
                from flows.training.launch import fit  # slow

                done = fit(job, settings=settings, folder=folder, on_report=on_report)
        except BaseException:
            for child in stages.values():
                child.end("FAILED")
            raise
    keys = (
        "threshold",
        "unnamed_threshold",
        "calibration_agreement",
        "calibration_accepted",
        "calibration_foreign",
    )
    stages[ROUTER].log_metrics(
        {f"router/{key}": getattr(done.router, key) for key in keys}, num_steps
    )
    trained = _with_shards(done, folder / "tuning", facts)
    for step, loss in enumerate(trained.loss_by_step):
        stages[TUNING].log_metrics({"tuning/loss": loss}, step)
    stages[TUNING].log_metrics(
        {"tuning/bits_per_parameter": float(trained.bits_per_parameter or 0.0)}, 0
    )
    if trained.capacity_alarm:
        log.warning(trained.capacity_alarm)
    for child in stages.values():
        child.end()
    return trained


def _with_shards(done: Trained, tuning: Path, facts: Sequence["TrainingFact"]) -> Trained:
    """Add to the receipt what the shards' files tell together."""
    from lamini.tuning.shards import load_shard

    shards: dict[int, list[TrainingFact]] = {}
    for fact in facts:
        shards.setdefault(fact.shard_index, []).append(fact)
    undecided: dict[str, str] = {}
    losses: list[tuple[float, ...]] = []
    tokens: list[int] = []
    positions = 0
    for shard, members in sorted(shards.items()):
        result = load_shard(tuning, shard, members)
        if result is None:
            continue
        names = [members[i].fact_id for i in result.undecided]
        undecided |= zip(names, result.reasons, strict=True)
        positions += result.num_positions
        losses.append(result.loss_by_step)
        tokens.append(result.num_tokens)
    tuned = {
        "num_facts": len(facts),
        "num_undecided": len(undecided),
        "undecided": dict([*undecided.items()][:50]),
        "num_steps": max(map(len, losses), default=1) - 1,
        "num_positions": positions,
        "loss_by_step": _mean_losses(losses, tokens),
    }
    return done.model_copy(update=tuned)


def _mean_losses(losses: list[tuple[float, ...]], tokens: list[int]) -> tuple[float, ...]:
    """Return the mean loss of a token over all shards; a shard that is done keeps its last."""
    steps = range(max(map(len, losses), default=0))
    means = [[shard[min(step, len(shard) - 1)] for shard in losses] for step in steps]
    return tuple(
        sum(loss * number for loss, number in zip(mean, tokens, strict=True)) / sum(tokens)
        for mean in means
    )


@task(cache_policy=NO_CACHE, task_run_name="log checkpoint")
def log_checkpoint(run: TrackedRun, folder: Path) -> Written:
    """Record the checkpoint that the job wrote as LoggedModel."""
    from lamini.checkpoint.checkpoint import read_manifest

    manifest = read_manifest(folder / "checkpoint")
    hashes = {name: manifest[name] for name in ("snapshot_hash", "training_hash")}
    counts = {"num_groups": manifest["num_facts"], "num_experts": manifest["num_experts"]}
    numbers = {f"checkpoint/{name}": number for name, number in counts.items()}
    with saved_model(folder / "checkpoint") as served:
        model_id = run.log_checkpoint(folder / "checkpoint", served, numbers, hashes)
    told = {"path": str(folder / "checkpoint"), "router_sha256": manifest["router_sha256"]}
    return Written.model_validate({**told, **counts, **hashes, "model_id": model_id})
