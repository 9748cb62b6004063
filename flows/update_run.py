"""An incremental run: update the champion's bank, verify it, and let the gate decide."""

from pathlib import Path
from typing import Any

from flows import failpoints
from flows.configuration.settings import Settings
from flows.home.champion import Champion
from flows.home.receipts import RunFolder
from flows.planning.plan import Survey, changed_facts
from flows.promote_candidate import consider
from flows.promotion.entry import entry_of
from flows.promotion.gate import Verdict, judge
from flows.tracking.runs import TrackedRun, log_report
from flows.train_memory import log_checkpoint
from flows.update_memory import update_memory, verify_update

STEPS = ("update_memory", "write_checkpoint", "measure_recall")


def update_champion(
    settings: Settings,
    tracked: TrackedRun,
    folder: RunFolder,
    assignment: Path,
    found: Survey,
    base: Champion,
    decided: dict[str, Any],
) -> Verdict:
    """Do what is not done yet of the run in `folder`, and promote what comes of it.

    Raises:
        GateError: the candidate failed; the champion stays.
    """
    champion = settings.home.checkpoint(base.path)
    path, snapshot = folder.path, found.snapshot.path
    try:
        child = tracked.child("update_memory")
        log_report(tracked, path / "recall", "changed_facts.json", changed_facts(found))
        updated = folder.once(
            "update_memory",
            "checkpoint/update.json",
            lambda: update_memory(settings, child, path, champion, assignment, snapshot),
        )
        child.log_metrics(_numbers(updated))
        child.end()
        written = folder.once(
            "write_checkpoint",
            "checkpoint/checkpoint.json",
            lambda: log_checkpoint(tracked, path),
        )
        trained = settings.home.snapshot(base.snapshot_hash)
        recall = folder.once(
            "measure_recall",
            "recall/recall.parquet",
            lambda: verify_update(
                settings, tracked, path, champion.parent, assignment, (trained, snapshot)
            ),
        )
        tracked.log_metrics(_numbers(updated) | {"time/verify_seconds": recall["verify_seconds"]})
        verdict = _judge(settings, updated, recall)
        entry = entry_of(settings, folder, decided, found, recall["summary"], mode="incremental")
        consider(settings, tracked, folder, verdict, entry, written["model_id"], base)
    except BaseException:
        tracked.end("FAILED")
        raise
    failpoints.reach("run.before_end")
    tracked.end()
    return verdict


def _judge(settings: Settings, updated: dict[str, Any], recall: dict[str, Any]) -> Verdict:
    from lamini.recall import read_rows

    return judge(
        recall["summary"],
        read_rows(Path(recall["path"])),
        settings.gate,
        min_recall=settings.min_recall,
        proof=recall["proof"],
        reasons=updated["would_not_go"],
    )


def _numbers(updated: dict[str, Any]) -> dict[str, float]:
    names = ("num_added", "num_changed", "num_retired", "num_affected", "num_groups_touched")
    return {
        **{f"facts/{name.removeprefix('num_')}": updated[name] for name in names},
        "tuning/undecided_facts": len(updated["would_not_go"]),
        "tuning/collisions": len(updated["collisions"]),
        "tuning/passes": updated["num_passes"],
        "time/update_seconds": updated["update_seconds"],
    }
