"""Train in this very process, without Ray: for tests and debuggers (`num_workers = 0`).

The same job as on one worker of Ray Train, with the same bytes; killed, it goes on in the same way.
"""

from typing import Any

import torch

from flows.training import worker_jobs
from flows.training.worker_jobs import OnReport
from lamini.workers import Worker


def fit(config: dict[str, Any], *, use_gpu: bool, on_report: OnReport) -> dict[str, Any]:
    """Run `worker_jobs.train` here and return its summary; threads are as before afterwards."""

    def report(numbers: dict[str, Any]) -> None:
        told = dict(numbers)
        on_report(told.pop("stage"), int(told.pop("step")), told)

    threads = torch.get_num_threads()
    try:
        return worker_jobs.train(config, Worker(), "cuda" if use_gpu else "cpu", report)
    finally:
        torch.set_num_threads(threads)
