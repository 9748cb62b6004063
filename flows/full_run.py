"""A full run: pretrain the router, tune every fact, measure, and let the gate decide."""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from flows.configuration.settings import Settings
from flows.home.receipts import Measured, Trained, Written
from flows.home.run_folder import RunFolder
from flows.home.steps import STEPS
from flows.measure_recall import record_measured
from flows.planning.decision import FULL
from flows.promote_candidate import CandidateRun, Made, judge_and_promote
from flows.promotion.gate import Verdict
from flows.reporting import plots
from flows.tracking.runs import TrackedRun
from flows.train_memory import log_checkpoint, train_memory


def train_in_full(run: CandidateRun) -> Verdict:
    """Do what is not done yet of the run, and promote what comes of it.

    Raises:
        GateError: the candidate failed; the champion stays.
    """
    return judge_and_promote(run, FULL, lambda: _made(run))


def _made(run: CandidateRun) -> Made:
    settings, tracked, path = run.settings, run.tracked, run.path

    def train() -> Trained:
        with _workers(settings):
            return train_memory(settings, tracked, path, run.assignment, run.snapshot)

    trained = run.folder.once(Trained, "checkpoint/checkpoint.json", train)
    written = run.folder.once(
        Written,
        "checkpoint/checkpoint.json",
        lambda: log_checkpoint(tracked, path),
    )
    recall = run.folder.once(
        Measured,
        "recall/recall.parquet",
        lambda: record_measured(settings, tracked, path, run.assignment, run.snapshot),
    )
    _log_plots(tracked, path, trained.loss_by_step, run.assignment)
    tracked.log_metrics(
        {f"time/{name}": n for name, n in trained.told().items() if name.endswith("_seconds")}
    )
    return Made(
        model_id=written.model_id,
        recall=recall,
        proof=trained.silence,
        reasons=trained.undecided,
    )


def _workers(settings: Settings) -> AbstractContextManager[None]:
    if settings.ray_address or settings.num_workers == 0:  # a cluster of its own, or none at all
        return nullcontext()
    from flows.training.launch import cluster  # slow

    return cluster(settings.num_workers, use_gpu=settings.use_gpu)


def drop_run(folder: RunFolder) -> None:
    """Take away what the run has done, so that it is done again."""
    folder.drop(*STEPS[FULL])
    for name in ("router", "tuning", "recall", "ray"):
        shutil.rmtree(folder.path / name, ignore_errors=True)
    (folder.path / "assignment.parquet").unlink(missing_ok=True)


def _log_plots(
    tracked: TrackedRun, folder: Path, loss_by_step: Sequence[float], assignment: Path
) -> None:
    from lamini.training_data import read_training_facts

    facts = read_training_facts(assignment)
    tracked.log_file(plots.tuning_plot(loss_by_step, folder / "plots"), "plots")
    load = plots.load_plot([fact.num_experts for fact in facts], folder / "plots")
    tracked.log_file(load, "plots")
