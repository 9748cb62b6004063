"""A full run: pretrain the router, tune every fact, measure, and let the gate decide."""

import shutil
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from flows import failpoints
from flows.configuration.settings import Settings
from flows.home.receipts import RunFolder
from flows.measure_recall import record_measured
from flows.planning.plan import Survey
from flows.promote_candidate import consider
from flows.promotion.entry import entry_of
from flows.promotion.gate import judge
from flows.reporting import plots
from flows.tracking.runs import TrackedRun
from flows.train_memory import log_checkpoint, train_memory

STEPS = ("train_memory", "write_checkpoint", "measure_recall")


def train_in_full(
    settings: Settings,
    tracked: TrackedRun,
    folder: RunFolder,
    assignment: Path,
    found: Survey,
    decided: dict[str, Any],
) -> None:
    """Do what is not done yet of the run in `folder`, and promote what comes of it.

    Raises:
        GateError: the candidate failed; the champion stays.
    """
    path = folder.path
    try:
        trained, written, recall = _trained(
            settings, tracked, folder, assignment, Path(decided["path"])
        )
        _log_plots(tracked, path, trained["active_by_pass"], assignment)
        tracked.log_metrics(
            {f"time/{name}": value for name, value in trained.items() if name.endswith("_seconds")}
        )
        from lamini.recall import read_rows

        verdict = judge(
            recall["summary"],
            read_rows(Path(recall["path"])),
            settings.gate,
            min_recall=settings.min_recall,
            proof=trained["silence"],
            reasons=trained["undecided"],
        )
        entry = entry_of(settings, folder, decided, found, recall["summary"], mode="full")
        consider(settings, tracked, folder, verdict, entry, written["model_id"], found.champion)
    except BaseException:
        tracked.end("FAILED")
        raise
    failpoints.reach("run.before_end")
    tracked.end()


def _trained(
    settings: Settings, tracked: TrackedRun, folder: RunFolder, assignment: Path, snapshot: Path
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    path = folder.path

    def train() -> dict[str, Any]:
        with _workers(settings):
            return train_memory(settings, tracked, path, assignment, snapshot)

    trained = folder.once("train_memory", "checkpoint/checkpoint.json", train)
    written = folder.once(
        "write_checkpoint",
        "checkpoint/checkpoint.json",
        lambda: log_checkpoint(tracked, path),
    )
    recall = folder.once(
        "measure_recall",
        "recall/recall.parquet",
        lambda: record_measured(settings, tracked, path, assignment, snapshot),
    )
    return trained, written, recall


def _workers(settings: Settings) -> AbstractContextManager[None]:
    if settings.ray_address or settings.num_workers == 0:  # a cluster of its own, or none at all
        return nullcontext()
    from flows.training.launch import cluster  # slow

    return cluster(settings)


def forget_run(folder: RunFolder) -> None:
    """Take away what the run has done, so that it is done again."""
    folder.forget(*STEPS, "gate", "promoted")
    for name in ("router", "tuning", "recall", "ray"):
        shutil.rmtree(folder.path / name, ignore_errors=True)
    (folder.path / "assignment.parquet").unlink(missing_ok=True)


def _log_plots(
    tracked: TrackedRun, folder: Path, active_by_pass: list[int], assignment: Path
) -> None:
    from lamini.training_data import read_training_facts

    facts = read_training_facts(assignment)
    tracked.log_file(plots.tuning_plot(active_by_pass, folder / "plots"), "plots")
    load = plots.load_plot([fact.num_experts for fact in facts], folder / "plots")
    tracked.log_file(load, "plots")
