"""Launch the two trainings and the measurement on Ray: Ray Train V2 workers, and Ray tasks.

Called from plain Prefect tasks, never through a Ray task runner: Train pins its controller to the
driver's node and starts its own actors. A worker that dies is started again and goes on from the
library's own saved state, so Ray keeps no checkpoints for us (its snapshot file is not atomic).
"""

import contextlib
import functools
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig, UserCallback
from ray.train.torch import TorchConfig, TorchTrainer

from flows.errors import FlowsError
from flows.settings import Settings
from flows.tracking import TrackedRun

log = logging.getLogger(__name__)
_OBJECT_STORE_BYTES = 200 * 1024**2
_POLL_SECONDS = 3.0
_SHARE = 512
MAX_FAILURES = 2


class ClusterError(FlowsError):
    """Ray has not the workers that were asked for; the message says what it has."""


@contextlib.contextmanager
def cluster(settings: Settings) -> Iterator[None]:
    """Have a Ray cluster: the one RAY_ADDRESS names, or a local one for as long as the block lasts.

    Raises:
        ClusterError: the cluster has too few CPUs or GPUs, which would wait for ever.
    """
    if "RAY_ADDRESS" in os.environ:
        ray.init(log_to_driver=False, ignore_reinit_error=True)
    else:
        ray.init(
            num_cpus=max(4, settings.num_workers + 2),
            include_dashboard=False,
            log_to_driver=False,
            object_store_memory=_OBJECT_STORE_BYTES,
            configure_logging=False,
        )
    try:
        wanted = "GPU" if settings.use_gpu else "CPU"
        there = ray.cluster_resources().get(wanted, 0)
        if there < settings.num_workers:
            raise ClusterError(
                f"num_workers={settings.num_workers} needs as many {wanted}s, Ray has {there:g}; "
                "lower num_workers or start more nodes"
            )
        yield
    finally:
        ray.shutdown()


class _LogToMlflow(UserCallback):  # type: ignore[misc]
    """Runs in Train's controller: every report of rank 0 becomes metrics of the child run."""

    def __init__(self, run: TrackedRun) -> None:
        self.run = run
        self.last_step = -1

    def after_report(self, run_context: Any, metrics: Any, checkpoint: Any) -> None:
        numbers = dict(metrics[0])
        step = int(numbers["step"])
        # A restarted worker repeats steps; MLflow would show both points.
        if step <= self.last_step:
            return
        self.last_step = step
        try:
            self.run.log_metrics(numbers, step)
        except Exception:
            log.warning("MLflow did not take the numbers of step %d", step, exc_info=True)


class _Reports:
    """The library's recorder inside a worker: a report to Train, on every rank alike."""

    def log(self, step: int, numbers: dict[str, float]) -> None:
        ray.train.report({"step": step, **numbers})


def fit(
    loop: Callable[[dict[str, Any]], Any],
    config: dict[str, Any],
    *,
    settings: Settings,
    run: TrackedRun,
    folder: Path,
    on_progress: Callable[[dict[str, float]], None],
) -> Any:
    """Run `loop` on the workers and return what rank 0 returned."""
    trainer = TorchTrainer(
        loop,
        train_loop_config=config,
        torch_config=TorchConfig(backend="nccl" if settings.use_gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=settings.num_workers, use_gpu=settings.use_gpu),
        run_config=RunConfig(
            # A new name each time: what resumes is the library's state, not Train's snapshot.
            name=f"{folder.name}-{uuid.uuid4().hex[:8]}",
            storage_path=str(folder.parent / "ray"),
            failure_config=FailureConfig(max_failures=MAX_FAILURES, controller_failure_limit=2),
            callbacks=[_LogToMlflow(run)],
        ),
    )
    with _watching(run, on_progress):
        return trainer.fit().return_value


@contextlib.contextmanager
def _watching(run: TrackedRun, on_progress: Callable[[dict[str, float]], None]) -> Iterator[None]:
    done = threading.Event()

    def watch() -> None:
        seen: dict[str, float] = {}
        while not done.wait(_POLL_SECONDS):
            with contextlib.suppress(Exception):
                numbers = run.last_metrics()
                if numbers and numbers != seen:
                    seen = numbers
                    on_progress(numbers)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def router_loop(config: dict[str, Any]) -> dict[str, Any]:
    """Pretrain the router on one worker; rank 0's receipt is returned."""
    from dataclasses import asdict

    from lamini.router_training import pretrain_router

    attached, facts, worker = _begin(config)
    started = time.monotonic()
    receipt = pretrain_router(
        attached,
        facts,
        config["negatives"],
        config["router"],
        config["router_training"],
        Path(config["folder"]),
        _Reports(),
        worker,
    )
    work_seconds = round(time.monotonic() - started, 1)
    return {**asdict(receipt), "folder": str(receipt.folder), "work_seconds": work_seconds}


def tuning_loop(config: dict[str, Any]) -> float:
    """Tune this worker's shards: the files are the result; returns the seconds it took rank 0."""
    from lamini.memory_tuning import tune_memory

    attached, facts, worker = _begin(config)
    started = time.monotonic()
    tune_memory(attached, facts, config["tuning"], Path(config["folder"]), _Reports(), worker)
    return round(time.monotonic() - started, 1)


def _begin(config: dict[str, Any]) -> Any:
    from lamini.backbone import load_backbone
    from lamini.memory import attach
    from lamini.training_data import read_training_facts
    from lamini.workers import Worker, fix_arithmetic

    fix_arithmetic()
    context = ray.train.get_context()
    worker = Worker(rank=context.get_world_rank(), world_size=context.get_world_size())
    attached = attach(load_backbone(config["backbone"]), config["memory"])
    return attached, read_training_facts(Path(config["facts"])), worker


def measure(
    checkpoint: Path,
    questions: Sequence[Any],
    *,
    num_tasks: int,
    on_progress: Callable[[dict[str, float]], None],
) -> list[Any]:
    """Return a recall row for each question, in order, measured by Ray tasks side by side."""
    # Small shares show progress; a process keeps the model it loaded from one share to the next.
    remote = ray.remote(num_cpus=1, max_retries=MAX_FAILURES)(_measure_share)
    starts = range(0, len(questions), _SHARE)
    shares = [list(questions[start : start + _SHARE]) for start in starts]
    rows: list[Any] = []
    waiting: list[Any] = []
    tasks: list[Any] = []
    for share in shares:
        if len(waiting) >= num_tasks:
            _, waiting = ray.wait(waiting, num_returns=1)
            done = len(tasks) - len(waiting)
            on_progress({"questions": min(done * _SHARE, len(questions))})
        tasks.append(remote.remote(str(checkpoint), share))
        waiting.append(tasks[-1])
    for part in ray.get(tasks):
        rows += part
    return rows


@functools.cache
def _model(checkpoint: str) -> Any:
    import lamini
    from lamini.workers import fix_arithmetic

    fix_arithmetic()
    return lamini.load(checkpoint)


def _measure_share(checkpoint: str, questions: list[Any]) -> list[Any]:
    from lamini.recall import measure_recall

    return measure_recall(_model(checkpoint), questions)
