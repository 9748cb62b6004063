"""How long a run will take, by the rates of the last runs in the same home."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flows.home.receipts import Measured, Receipt, Trained, Updated
from flows.home.run_folder import RunFolder
from flows.planning.decision import FULL, INCREMENTAL, Situation

Kind = TypeVar("Kind", bound=Receipt)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds of the work that grows with the facts; null where nothing was measured yet."""

    training_seconds: float | None
    measuring_seconds: float | None
    by: str
    """Which run's rates it rests on, or that there is none."""


def estimate(runs: Path, mode: str, situation: Situation, num_affected: int = 0) -> Estimate:
    """Estimate a run of `mode` from the newest receipts under `runs`."""
    if mode not in (FULL, INCREMENTAL):
        return Estimate(training_seconds=0.0, measuring_seconds=0.0, by="nothing to do")
    if mode == INCREMENTAL and (update := _newest(runs, Updated)) is not None:
        key, receipt = update
        measured = RunFolder(path=runs / key).read(Measured)
        tuned = max(1, receipt.num_added + receipt.num_changed)
        wanted = situation.num_added + situation.num_changed
        return Estimate(
            training_seconds=round(receipt.update_seconds / tuned * wanted, 1),
            measuring_seconds=None if measured is None else measured.verify_seconds,
            by=f"the update of run {key}",
        )
    if (full := _newest(runs, Trained)) is None:
        return Estimate(training_seconds=None, measuring_seconds=None, by="no run measured yet")
    key, trained = full
    share = situation.num_facts / max(1, trained.num_facts)
    training = trained.training_seconds * share
    measuring = trained.measure_recall_seconds * share
    if mode == INCREMENTAL:
        tuned = situation.num_added + situation.num_changed
        training = trained.tune_memory_seconds * tuned / max(1, trained.num_facts)
        measuring *= (tuned + num_affected) / max(1, situation.num_facts)
    return Estimate(
        training_seconds=round(training, 1),
        measuring_seconds=round(measuring, 1),
        by=f"the full run {key}",
    )


def _newest(runs: Path, kind: type[Kind]) -> tuple[str, Kind] | None:
    files = sorted(runs.glob(f"*/receipts/{kind.step}.json"), key=lambda f: f.stat().st_mtime)
    if not files:
        return None
    folder = RunFolder(path=files[-1].parents[1])
    receipt = folder.read(kind)
    return None if receipt is None else (folder.run_key, receipt)
