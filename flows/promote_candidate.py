"""Judge a candidate, and make it the champion or mark it as failed.

Writes: RUN/receipts/gate.json, HOME/HEAD_CHECKPOINT.json, tags, metrics and aliases in MLflow.
"""

import logging
from pathlib import Path
from typing import NoReturn

from flows import failpoints
from flows.automation.notify import tell_of_gate
from flows.configuration.settings import Settings
from flows.errors import GateError
from flows.home.champion import Champion, promote, read_pointer
from flows.home.current_run import note
from flows.home.receipts import RunFolder
from flows.promotion.gate import Verdict
from flows.reporting.conclude import conclude
from flows.reporting.fact_history import keep_evaluation
from flows.tracking.runs import TrackedRun, log_report
from lamini.saved import write_json

log = logging.getLogger(__name__)


def consider(
    settings: Settings,
    run: TrackedRun,
    folder: RunFolder,
    verdict: Verdict,
    candidate: Champion,
    model_id: str,
    champion: Champion | None,
) -> None:
    """Promote the candidate of `folder` over the `champion` that its run found, if it passed.

    Raises:
        GateError: it did not, or another champion answers since; that one stays, the run and its
            model are marked.
    """
    note(settings.home, step="gate")
    write_json(folder.path / "receipts" / "gate.json", verdict.to_dict())
    _record(run, folder.path, verdict, model_id)
    keep_evaluation(settings, folder, candidate, verdict.passed)
    if not verdict.passed:
        _withhold(settings, run, folder, verdict, _failed(settings, folder, verdict))
    note(settings.home, step="promote")
    failpoints.reach("promote.before_pointer")
    try:
        promote(settings.home, candidate, over=None if champion is None else champion.run_key)
    except GateError as error:
        _withhold(settings, run, folder, verdict, str(error))
    failpoints.reach("promote.after_pointer")
    announce(settings, run, folder, candidate, model_id)


def _withhold(
    settings: Settings, run: TrackedRun, folder: RunFolder, verdict: Verdict, why: str
) -> NoReturn:
    run.set_tags({"promoted": "false"})
    conclude(settings, run, folder)
    tell_of_gate(settings.notify, settings.home, folder.path, why, verdict.failures)
    raise GateError(why)


def announce(
    settings: Settings,
    run: TrackedRun,
    folder: RunFolder,
    candidate: Champion,
    model_id: str,
) -> None:
    """Tell MLflow who the champion is; what it does not take now, the next run tells it again."""
    from flows.tracking.registry import follow_pointer, register

    try:
        version = register(run, candidate, model_id)
        failpoints.reach("promote.after_version")
        aliases = follow_pointer(settings.home)
        run.set_tags({"promoted": "true", "lamini.model_version": version})
        failpoints.reach("promote.before_receipt")
        write_json(folder.path / "receipts" / "promoted.json", {"version": version, **aliases})
    except Exception:
        log.warning("MLflow did not take the promotion of run %s", folder.key, exc_info=True)
    conclude(settings, run, folder)


def _record(run: TrackedRun, folder: Path, verdict: Verdict, model_id: str) -> None:
    run.log_metrics(
        {
            f"gate/{check.name.replace(' ', '_').replace('-', '_')}": check.measured
            for check in verdict.checks
        }
    )
    state = "passed" if verdict.passed else "failed"
    run.set_tags({"gate": state, "gate.why": str(verdict)})
    run.client.set_logged_model_tags(model_id, {"gate": state, "gate.why": str(verdict)})
    if verdict.failures:
        log_report(run, folder / "recall", "gate_failures.json", verdict.failures)


def _failed(settings: Settings, folder: RunFolder, verdict: Verdict) -> str:
    now = read_pointer(settings.home)
    stays = f"run {now.champion.run_key} stays the champion" if now else "nothing is promoted"
    named = "; ".join(
        f"{failure['prompt'][:80]!r} is {failure['wanted']!r}, said {failure['said'][:40]!r} "
        f"({failure['why']})"
        for failure in verdict.failures[:3]
    )
    more = f" For example: {named}." if named else ""
    advice = " A full run pretrains the router anew: lamini run --full." * verdict.blames_router
    return (
        f"run {folder.key} failed the gate: {verdict}; {stays}.{more} All misses are in "
        f"{folder.path / 'recall' / 'recall.parquet'}.{advice}"
    )
