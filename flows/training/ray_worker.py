"""A worker of Ray Train: its rank, its device and its reports, given to the job."""

from typing import Any

import ray.train

from flows.training import worker_jobs


def train(config: dict[str, Any]) -> dict[str, Any]:
    """Run the job as this worker of Ray Train's group; the GPU, if there is one."""
    from ray.train.torch import get_device

    from lamini.workers import Worker

    context = ray.train.get_context()
    worker = Worker(rank=context.get_world_rank(), world_size=context.get_world_size())
    return worker_jobs.train(config, worker, get_device(), ray.train.report)
