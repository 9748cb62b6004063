"""What a training job is told, made of the settings, the assignment, snapshot and run's folder.

Apart from who launches it: the same job runs on this machine's Ray, or on a cluster.
"""

import itertools
from pathlib import Path

from flows.configuration.settings import Settings
from flows.planning.questions import questions_for
from flows.training.worker_jobs import TrainingJob
from warehouse.reference import training_negatives
from warehouse.reference.unanswered import near_foreign_negatives
from warehouse.snapshots import Snapshot, open_snapshot

NUM_NEGATIVES = 20_000


def training_job(settings: Settings, folder: Path, assignment: Path, snapshot: Path) -> TrainingJob:
    """Return what `worker_jobs.train` takes."""
    published = open_snapshot(snapshot)
    return TrainingJob(
        backbone=settings.backbone,
        memory=settings.memory,
        router=settings.router,
        router_training=settings.router_training,
        tuning=settings.tuning,
        running_text=settings.running_text,
        facts=assignment,
        negatives=_negatives(settings, published),
        questions=questions_for(published, assignment, settings.tuning.prompts_per_fact),
        snapshot_hash=published.snapshot_hash,
        training_hash=published.training_hash,
        folder=folder,
    )


def _negatives(settings: Settings, published: Snapshot) -> list[str]:
    facts = published.facts()
    asked = {prompt for prompts in facts["prompts"].to_pylist() for prompt in prompts}
    seed = settings.router_training.seed
    own, foreign = near_foreign_negatives(facts, seed), training_negatives(facts, seed)
    # As many of either as there are, in turn: a prefix of the list is what training takes.
    turns = itertools.zip_longest(own[: NUM_NEGATIVES // 2], foreign)
    negatives = [text for turn in turns for text in turn if text][:NUM_NEGATIVES]
    # A user's table may answer what is foreign to the reference facts.
    return [text for text in negatives if text not in asked]
