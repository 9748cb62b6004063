"""How long a run will take, by the rates of the last runs in the same home."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.planning.decision import FULL, INCREMENTAL, Situation

_TRAINING = ("pretrain_router_seconds", "tune_memory_seconds", "write_checkpoint_seconds")


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
    if mode == INCREMENTAL and (update := _newest(runs, "update_memory")) is not None:
        key, receipt = update
        tuned = max(1, receipt["num_added"] + receipt["num_changed"])
        wanted = situation.num_added + situation.num_changed
        return Estimate(
            training_seconds=round(receipt["update_seconds"] / tuned * wanted, 1),
            measuring_seconds=_read(runs / key, "measure_recall").get("verify_seconds"),
            by=f"the update of run {key}",
        )
    if (full := _newest(runs, "train_memory")) is None:
        return Estimate(training_seconds=None, measuring_seconds=None, by="no run measured yet")
    key, receipt = full
    share = situation.num_facts / max(1, receipt["num_facts"])
    training = sum(receipt.get(name, 0.0) for name in _TRAINING) * share
    measuring = receipt.get("measure_recall_seconds", 0.0) * share
    if mode == INCREMENTAL:
        tuned = situation.num_added + situation.num_changed
        training = receipt["tune_memory_seconds"] * tuned / max(1, receipt["num_facts"])
        measuring *= (tuned + num_affected) / max(1, situation.num_facts)
    return Estimate(
        training_seconds=round(training, 1),
        measuring_seconds=round(measuring, 1),
        by=f"the full run {key}",
    )


def _newest(runs: Path, step: str) -> tuple[str, dict[str, Any]] | None:
    receipts = sorted(runs.glob(f"*/receipts/{step}.json"), key=lambda f: f.stat().st_mtime)
    if not receipts:
        return None
    folder = receipts[-1].parent.parent
    return folder.name, _read(folder, step)


def _read(folder: Path, step: str) -> dict[str, Any]:
    path = folder / "receipts" / f"{step}.json"
    if not path.is_file():
        return {}
    receipt: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return receipt
