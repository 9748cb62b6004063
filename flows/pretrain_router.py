"""Pretrain the router: one epoch of generalization training under Ray Train, then it is frozen.

Reads: the assignment file. Writes: RUN/router (router.safetensors, router.json), metrics to MLflow.
"""

from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.progress import Progress
from flows.settings import Settings
from flows.tracking import TrackedRun
from warehouse.reference import training_negatives
from warehouse.snapshot import open_snapshot

NUM_NEGATIVES = 20_000


@task(cache_policy=NO_CACHE)
def pretrain_router(
    settings: Settings, run: TrackedRun, folder: Path, assignment: Path, snapshot: Path
) -> dict[str, Any]:
    """Launch the training and wait for it; killed, the next launch goes on where this one saved."""
    from flows.training import fit, router_loop

    facts = open_snapshot(snapshot).facts()
    asked = {prompt for prompts in facts["prompts"].to_pylist() for prompt in prompts}
    negatives = training_negatives(facts, settings.router_training.seed)[:NUM_NEGATIVES]
    config = {
        "backbone": settings.backbone,
        "memory": settings.memory,
        "router": settings.router,
        "router_training": settings.router_training,
        "facts": str(assignment),
        # A user's table may answer what is foreign to the reference facts.
        "negatives": [text for text in negatives if text not in asked],
        "folder": str(folder / "router"),
    }
    num_steps = settings.router_training.num_steps
    with Progress("router pretraining", num_steps, "step", "loss") as progress:
        receipt: dict[str, Any] = fit(
            router_loop,
            config,
            settings=settings,
            run=run,
            folder=folder / "router",
            on_progress=progress.update,
        )
    keys = ("threshold", "calibration_agreement", "calibration_accepted", "calibration_foreign")
    run.log_metrics({f"router/{key}": receipt[key] for key in keys}, num_steps)
    return receipt
