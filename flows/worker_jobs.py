"""What runs inside Ray's processes: both trainings on a Train worker, a share of the questions.

Apart from the launchers because every process imports this module: it pulls in no MLflow, no
Prefect, and the library only when the work begins.
"""

import functools
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray.train

ROUTER, TUNING = "pretrain_router", "tune_memory"
"""The stages of a training job, each with its own MLflow run."""


class _Reports:
    """The library's recorder inside a worker: a report to Train, on every rank alike."""

    def __init__(self, stage: str) -> None:
        self.stage = stage

    def log(self, step: int, numbers: dict[str, float]) -> None:
        ray.train.report({"stage": self.stage, "step": step, **numbers})


def train(config: dict[str, Any]) -> dict[str, Any]:
    """Pretrain the router, then tune memory: the files are the result; rank 0's summary returns.

    One job for both, since a worker's imports take longer than the tuning of a thousand facts.
    """
    from lamini.backbone import load_backbone
    from lamini.memory import attach
    from lamini.memory_tuning import tune_memory
    from lamini.router_training import pretrain_router
    from lamini.training_data import read_training_facts
    from lamini.workers import Worker, fix_arithmetic

    fix_arithmetic()
    context = ray.train.get_context()
    worker = Worker(rank=context.get_world_rank(), world_size=context.get_world_size())
    attached = attach(load_backbone(config["backbone"]), config["memory"])
    facts = read_training_facts(Path(config["facts"]))
    folder = Path(config["folder"])
    started = time.monotonic()
    receipt = pretrain_router(
        attached,
        facts,
        config["negatives"],
        config["router"],
        config["router_training"],
        folder / "router",
        _Reports(ROUTER),
        worker,
    )
    routed = time.monotonic()
    tune_memory(attached, facts, config["tuning"], folder / "tuning", _Reports(TUNING), worker)
    return {
        "router": {**asdict(receipt), "folder": str(receipt.folder)},
        f"{ROUTER}_seconds": round(routed - started, 1),
        f"{TUNING}_seconds": round(time.monotonic() - routed, 1),
    }


def measure_share(checkpoint: str, questions: list[Any]) -> tuple[list[Any], float]:
    """Return a recall row for each question, and the seconds that it took."""
    from lamini.recall import measure_recall

    model = _model(checkpoint)
    started = time.monotonic()
    return measure_recall(model, questions), time.monotonic() - started


@functools.cache
def _model(checkpoint: str) -> Any:
    import lamini
    from lamini.workers import fix_arithmetic

    fix_arithmetic()
    return lamini.load(checkpoint)
