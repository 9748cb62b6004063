"""Tune memory: the experts of every fact, shard by shard under Ray Train, then the checkpoint.

Reads: the assignment file, RUN/router. Writes: RUN/tuning (a file for each finished shard),
RUN/checkpoint, metrics and the checkpoint as LoggedModel to MLflow.
"""

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.progress import Progress
from flows.settings import Settings
from flows.tracking import TrackedRun
from warehouse.snapshot import open_snapshot


@task(cache_policy=NO_CACHE)
def tune_memory(
    settings: Settings, run: TrackedRun, folder: Path, assignment: Path
) -> dict[str, Any]:
    """Launch the tuning and wait for it; killed, the next launch skips the finished shards."""
    from flows.training import fit, tuning_loop
    from lamini.memory_tuning import load_shard
    from lamini.training_data import read_training_facts

    facts = read_training_facts(assignment)
    config = {
        "backbone": settings.backbone,
        "memory": settings.memory,
        "tuning": settings.tuning,
        "facts": str(assignment),
        "folder": str(folder / "tuning"),
    }
    with Progress("memory tuning", len(facts), "facts_memorized", "facts_memorized") as progress:
        work_seconds = fit(
            tuning_loop,
            config,
            settings=settings,
            run=run,
            folder=folder / "tuning",
            on_progress=progress.update,
        )
    shards: dict[int, list[Any]] = {}
    for fact in facts:
        shards.setdefault(fact.shard_index, []).append(fact)
    undecided: list[str] = []
    active: list[int] = []
    positions = 0
    for shard, members in sorted(shards.items()):
        result = load_shard(folder / "tuning", shard, members)
        if result is None:
            continue
        undecided += [members[i].fact_id for i in result.undecided]
        positions += result.num_positions
        longer = max(len(active), len(result.active_by_pass))
        padded = [*active, *[0] * (longer - len(active))]
        for i, number in enumerate(result.active_by_pass):
            padded[i] += number
        active = padded
    for step, number in enumerate(active, start=1):
        run.log_metrics({"tuning/active_facts": number}, step)
    return {
        "num_facts": len(facts),
        "work_seconds": work_seconds,
        "num_undecided": len(undecided),
        "undecided": undecided[:50],
        "num_passes": len(active),
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
