"""Judge a candidate, and make it the champion or mark it as failed.

Writes: RUN/receipts/gate.json, HOME/HEAD_CHECKPOINT.json, tags, metrics and aliases in MLflow.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from flows import failpoints
from flows.automation.notify import tell_of_gate
from flows.configuration.settings import Settings
from flows.errors import GateError
from flows.home.champion import Champion, promote, read_pointer
from flows.home.current_run import note
from flows.home.receipts import Measured, Promoted, Proof
from flows.home.run_folder import RunFolder
from flows.planning.survey import Survey
from flows.promotion.entry import entry_of
from flows.promotion.gate import Verdict, judge
from flows.promotion.golden_tally import Tally
from flows.reporting.conclude import conclude
from flows.reporting.fact_history import keep_evaluation
from flows.serving.golden_answers import ask_golden
from flows.serving.golden_page import PAGE, log_golden, write_golden_page
from flows.serving.golden_set import read_golden
from flows.tracking.runs import TrackedRun, log_report
from warehouse.errors import Where

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CandidateRun:
    """A run that is to make a candidate, in full or as an update of the champion."""

    settings: Settings
    tracked: TrackedRun
    folder: RunFolder
    assignment: Path
    found: Survey
    """What it began with."""

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def snapshot(self) -> Path:
        return self.found.snapshot.path


@dataclass(frozen=True, kw_only=True)
class Made:
    """What came of a run, as the gate asks."""

    model_id: str
    recall: Measured
    proof: Proof
    reasons: Mapping[str, str]
    """Why facts would not go, by fact_id."""


def judge_and_promote(run: CandidateRun, mode: str, make: Callable[[], Made]) -> Verdict:
    """Make the candidate, judge it, and promote it if it passed; end the MLflow run in any case.

    Raises:
        GateError: the candidate failed; the champion stays.
    """
    from lamini.proof.recall import read_rows

    try:
        made = make()
        verdict = judge(
            made.recall.summary,
            read_rows(Path(made.recall.path)),
            run.settings.gate,
            min_recall=run.settings.min_recall,
            proof=made.proof,
            reasons=made.reasons,
            golden=_golden(run),
        )
        candidate = entry_of(run.settings, run.folder, run.found, made.recall, mode=mode)
        before = run.found.champion
        consider(run.settings, run.tracked, run.folder, verdict, candidate, made.model_id, before)
    except BaseException:
        run.tracked.end("FAILED")
        raise
    failpoints.reach("run.before_end")
    run.tracked.end()
    return verdict


def _golden(run: CandidateRun) -> Tally | None:
    """Put the settings' golden set to the candidate's memory; null where none is named."""
    if not run.settings.gate.golden:
        return None
    from lamini import load

    given = read_golden(Path(run.settings.gate.golden))
    model = load(run.path / "checkpoint")
    found = ask_golden(model, run.found.snapshot, given, ("memory",))
    write_golden_page(found, run.folder.run_key, run.path / "recall" / PAGE)
    log_golden(run.tracked, run.path / "recall", found)
    return found.tally("memory")


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
    folder.leave(verdict.judged())
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
    tell_of_gate(settings.notify, settings.home, folder, why, verdict.failures)
    missed = tuple({str(failure.fact_id): None for failure in verdict.failures})
    raise GateError(why, where=Where(run_key=folder.run_key, fact_ids=missed))


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
        folder.leave(Promoted.model_validate({"version": version, **aliases}))
    except Exception:
        log.warning("MLflow did not take the promotion of run %s", folder.run_key, exc_info=True)
    conclude(settings, run, folder)


def _record(run: TrackedRun, folder: Path, verdict: Verdict, model_id: str) -> None:
    run.log_metrics(
        {
            f"gate/{check.name.replace(' ', '_').replace('-', '_')}": check.measured
            for check in verdict.checks
            if check.num_asked != 0
        }
    )
    state = "passed" if verdict.passed else "failed"
    run.set_tags({"gate": state, "gate.why": str(verdict)})
    run.client.set_logged_model_tags(model_id, {"gate": state, "gate.why": str(verdict)})
    if verdict.failures:
        rows = [failure.told() for failure in verdict.failures]
        log_report(run, folder / "recall", "gate_failures.json", rows)


def _failed(settings: Settings, folder: RunFolder, verdict: Verdict) -> str:
    now = read_pointer(settings.home)
    stays = f"run {now.champion.run_key} stays the champion" if now else "nothing is promoted"
    named = "; ".join(
        f"{failure.prompt[:80]!r} is {failure.wanted!r}, said {failure.said[:40]!r} ({failure.why})"
        for failure in verdict.failures[:3]
    )
    more = f" For example: {named}." if named else ""
    advice = " A full run pretrains the router anew: lamini run --full." * verdict.blames_router
    return (
        f"run {folder.run_key} failed the gate: {verdict}; {stays}.{more} All misses are in "
        f"{folder.path / 'recall' / 'recall.parquet'}.{advice}"
    )
