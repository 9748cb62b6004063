"""Measure the champion: ask it every fact that it was trained on, as it lies there now.

    a deployment (flows/automation/deployments.py), every night

Reads: the champion's checkpoint, assignment and snapshot. Writes: HOME/measured/<run key>-<day>,
the recall table of the catalogue, a child of the champion's run in MLflow.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.automation.notify import RECALL_FELL, notify, tell_of_run
from flows.automation.served_process import enter
from flows.configuration.settings import Settings
from flows.home.champion import Champion, promoted
from flows.home.receipts import Measured


@flow(flow_run_name="measure champion", on_failure=[tell_of_run], on_crashed=[tell_of_run])
def measure_champion(home: Path) -> Any:
    """Measure the champion's recall, and tell where it is below what the gate asks."""
    settings = enter(home)
    champion = promoted(settings.home).champion
    found = _measured(settings, champion)
    total = found.total("training")
    exact = 0.0 if total is None else total.exact
    message = f"run {champion.run_key} recalls {exact:.1%} of its training questions"
    if exact < settings.min_recall:
        message += f", below min_recall = {settings.min_recall:.1%}"
        facts = {"run_key": champion.run_key, "why": message, "path": found.path}
        notify(settings.notify, RECALL_FELL, settings.home, facts)
    return Completed(message=message, data={**found.told(), "run_key": champion.run_key})


def _measured(settings: Settings, champion: Champion) -> Measured:
    from flows.measure_recall import record_rows
    from flows.planning.questions import questions_for
    from flows.tracking.runs import MEASURING, known_run, open_run
    from lamini.backbone.backbone import load_backbone
    from lamini.model.loading import load
    from lamini.proof.recall import measure_recall
    from lamini.workers import fix_arithmetic
    from warehouse.snapshots import open_snapshot

    fix_arithmetic()
    checkpoint, key = settings.home.checkpoint(champion.path), champion.run_key
    snapshot = open_snapshot(settings.home.snapshot(champion.snapshot_hash))
    assignment = checkpoint.parent / "assignment.parquet"
    device = "cuda" if settings.use_gpu else "cpu"
    model = load(checkpoint, backbone=load_backbone(settings.backbone, device=device))
    asked = questions_for(snapshot, assignment, settings.tuning.prompts_per_fact)
    rows = measure_recall(model, asked)
    day = datetime.now(tz=UTC).date().isoformat()
    run = known_run(settings.home, key)
    if run is None:  # MLflow's database is another one than then
        run = open_run(settings.home, key, f"memorize {key[:8]}", {})
        run.end()
    child = run.child(f"{MEASURING}{day}")
    try:
        found = record_rows(settings, child, settings.home.measured / f"{key}-{day}", rows)
    except BaseException:
        child.end("FAILED")
        raise
    child.end()
    return found
