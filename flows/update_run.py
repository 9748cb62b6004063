"""An incremental run: update the champion's bank, verify it, and let the gate decide."""

from dataclasses import asdict

from flows.home.champion import Champion
from flows.home.receipts import Measured, Updated, Written
from flows.planning.decision import INCREMENTAL
from flows.planning.survey import changed_facts
from flows.promote_candidate import CandidateRun, Made, judge_and_promote
from flows.promotion.gate import Verdict
from flows.tracking.runs import log_report
from flows.train_memory import log_checkpoint
from flows.update_memory import update_memory, verify_update


def update_champion(run: CandidateRun, base: Champion) -> Verdict:
    """Do what is not done yet of the run that updates `base`, and promote what comes of it.

    Raises:
        GateError: the candidate failed; the champion stays.
    """
    return judge_and_promote(run, INCREMENTAL, lambda: _made(run, base))


def _made(run: CandidateRun, base: Champion) -> Made:
    settings, tracked, path = run.settings, run.tracked, run.path
    checkpoint = settings.home.checkpoint(base.path)
    child = tracked.child("update_memory")
    changes = [asdict(fact) for fact in changed_facts(run.found)]
    log_report(tracked, path / "recall", "changed_facts.json", changes)
    updated = run.folder.once(
        Updated,
        "checkpoint/update.json",
        lambda: update_memory(settings, child, path, checkpoint, run.assignment, run.snapshot),
    )
    child.log_metrics(_numbers(updated))
    child.end()
    written = run.folder.once(
        Written,
        "checkpoint/checkpoint.json",
        lambda: log_checkpoint(tracked, path),
    )
    snapshots = settings.home.snapshot(base.snapshot_hash), run.snapshot
    recall = run.folder.once(
        Measured,
        "recall/recall.parquet",
        lambda: verify_update(
            settings, tracked, path, checkpoint.parent, run.assignment, snapshots
        ),
    )
    tracked.log_metrics(_numbers(updated) | {"time/verify_seconds": recall.verify_seconds or 0.0})
    return Made(
        model_id=written.model_id,
        recall=recall,
        proof=recall.proof,
        reasons=updated.would_not_go,
    )


def _numbers(updated: Updated) -> dict[str, float]:
    names = ("num_added", "num_changed", "num_retired", "num_affected", "num_groups_touched")
    return {
        **{f"facts/{name.removeprefix('num_')}": getattr(updated, name) for name in names},
        "tuning/undecided_facts": len(updated.would_not_go),
        "tuning/collisions": len(updated.collisions),
        "tuning/steps": updated.num_steps,
        "time/update_seconds": updated.update_seconds,
    }
