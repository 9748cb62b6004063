"""A worker of Ray Train: its rank, its device and its reports, given to the job."""

from dataclasses import asdict

import ray.train

from flows.home.receipts import Trained
from flows.training import worker_jobs
from flows.training.worker_jobs import StepReport, TrainingJob


def train(config: dict[str, TrainingJob]) -> Trained:
    """Run the job as this worker of Ray Train's group; the GPU, if there is one.

    It is the only value of `config`: Ray Train takes nothing but a dict.
    """
    from ray.train.torch import get_device

    from lamini.workers import Worker

    context = ray.train.get_context()
    worker = Worker(rank=context.get_world_rank(), world_size=context.get_world_size())
    return worker_jobs.train(config["job"], worker, get_device(), _report)


def _report(told: StepReport) -> None:
    ray.train.report(asdict(told))
