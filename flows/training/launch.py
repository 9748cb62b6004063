"""Launch the work on Ray: one Ray Train V2 job that trains, writes the checkpoint and measures it.

Called from a plain Prefect task, never through a Ray task runner: Train pins its controller to the
driver's node and starts its own actors. A worker that dies is started again and goes on from the
library's own saved state, so Ray keeps no checkpoints for us (its snapshot file is not atomic).
"""

import contextlib
import contextvars
import os
import threading
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from ray.train import ControllerError, FailureConfig, RunConfig, ScalingConfig, UserCallback
from ray.train.torch import TorchConfig, TorchTrainer
from ray.util.queue import Empty, Queue

from flows.configuration.settings import Settings
from flows.errors import FlowsError
from flows.home.receipts import Trained
from flows.training import ray_worker
from flows.training.local_cluster import LocalTorch, local_cluster
from flows.training.worker_jobs import OnReport, StepReport, TrainingJob
from lamini.errors import LaminiError

_WAIT_SECONDS = 0.5
MAX_FAILURES = 2


class ClusterError(FlowsError):
    """Ray has not the workers that were asked for; the message says what it has."""


@contextlib.contextmanager
def cluster(num_workers: int, *, use_gpu: bool = False) -> Iterator[None]:
    """Have a Ray cluster: the one RAY_ADDRESS names, or a local one for as long as the block lasts.

    Raises:
        ClusterError: the cluster has too few CPUs or GPUs, which would wait for ever.
    """
    # Ray's daemons are forked only to be replaced by exec.
    warnings.filterwarnings("ignore", message="lance is not fork-safe")
    with _elsewhere() if _is_elsewhere() else local_cluster(max(4, num_workers + 2)):
        wanted = "GPU" if use_gpu else "CPU"
        there = ray.cluster_resources().get(wanted, 0)
        if there < num_workers:
            raise ClusterError(
                f"num_workers={num_workers} needs as many {wanted}s, Ray has {there:g}; "
                "lower num_workers or start more nodes"
            )
        yield


def _is_elsewhere() -> bool:
    return "RAY_ADDRESS" in os.environ


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    ray.init(log_to_driver=False, ignore_reinit_error=True)
    try:
        yield
    finally:
        ray.shutdown()


class _SendToDriver(UserCallback):  # type: ignore[misc]
    """Runs in Train's controller: every report of rank 0 goes to the driver.

    What the library refuses, it refuses again: raised here, it ends the job at once.
    """

    def __init__(self, queue: Queue) -> None:
        self.queue = queue

    def after_report(self, run_context: Any, metrics: Any, checkpoint: Any) -> None:
        self.queue.put_nowait(dict(metrics[0]))

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        for error in worker_exceptions.values():
            if isinstance(error, LaminiError):
                raise error


def fit(job: TrainingJob, *, settings: Settings, folder: Path, on_report: OnReport) -> Trained:
    """Run `worker_jobs.train` on Ray Train's workers and return what rank 0 returned.

    Raises:
        LaminiError: the library refused to go on, such as at a loss that is not a number.
    """
    meeting = TorchConfig if _is_elsewhere() else LocalTorch
    queue = Queue(actor_options={"num_cpus": 0})
    trainer = TorchTrainer(
        ray_worker.train,
        train_loop_config={"job": job},
        torch_config=meeting(backend="nccl" if settings.use_gpu else "gloo"),
        scaling_config=ScalingConfig(num_workers=settings.num_workers, use_gpu=settings.use_gpu),
        run_config=RunConfig(
            # A new name each time: what resumes is the library's state, not Train's snapshot.
            name=f"{folder.name}-{uuid.uuid4().hex[:8]}",
            storage_path=str(folder / "ray"),
            failure_config=FailureConfig(max_failures=MAX_FAILURES, controller_failure_limit=2),
            callbacks=[_SendToDriver(queue)],
        ),
    )
    try:
        with _passing_on(queue, on_report):
            result: Trained = trainer.fit().return_value
    except ControllerError as error:
        if isinstance(error.controller_failure, LaminiError):
            raise error.controller_failure from None
        raise
    finally:
        queue.shutdown()
    return result


@contextlib.contextmanager
def _passing_on(queue: Queue, on_report: OnReport) -> Iterator[None]:
    done = threading.Event()

    def pass_on() -> None:
        last = ("", -1)
        while True:
            try:
                told = StepReport(**queue.get(timeout=_WAIT_SECONDS))
            except Empty:
                if done.is_set():
                    return
                continue
            # A restarted worker repeats steps; MLflow would show both points.
            if told.stage != last[0] or told.step >= last[1]:
                last = (told.stage, told.step)
                on_report(told.stage, told.step, told.numbers)

    # In this task's context: Prefect's artifacts belong to it.
    thread = threading.Thread(target=contextvars.copy_context().run, args=(pass_on,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
