"""Train in this very process, without Ray: for tests and debuggers (`num_workers = 0`).

The same job as on one worker of Ray Train, with the same bytes; killed, it goes on in the same way.
"""

import torch

from flows.home.receipts import Trained
from flows.training import worker_jobs
from flows.training.worker_jobs import OnReport, StepReport, TrainingJob
from lamini.workers import Worker


def fit(job: TrainingJob, *, use_gpu: bool, on_report: OnReport) -> Trained:
    """Run `worker_jobs.train` here and return its receipt; threads are as before afterwards."""

    def report(told: StepReport) -> None:
        on_report(told.stage, told.step, told.numbers)

    threads = torch.get_num_threads()
    try:
        return worker_jobs.train(job, Worker(), "cuda" if use_gpu else "cpu", report)
    finally:
        torch.set_num_threads(threads)
