"""Memorize the tables: ingest, reconcile, decide, then train or update, measure, promote.

    lamini run [--full | --incremental]

Reads: the sources. Writes: the catalogue and snapshot in HOME/warehouse, HOME/runs/<run key>,
HOME/HEAD_CHECKPOINT.json, runs in Prefect and MLflow. Killed anywhere, it goes on when run again.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.logging.handlers import APILogWorker

from flows import failpoints
from flows.assign_facts import assign_facts
from flows.automation.notify import telling_of_crash
from flows.configuration.settings import Settings
from flows.errors import GateError
from flows.full_run import drop_run, train_in_full
from flows.home.champion import Champion
from flows.home.current_run import note
from flows.home.decided import Decided
from flows.home.receipts import Judged, Promoted, Written
from flows.home.run_folder import RunFolder
from flows.home.turn import turn
from flows.ingest_facts import ingest_facts
from flows.planning.decision import FULL, INCREMENTAL, Decision, Full, Nothing, Update, decide
from flows.planning.recipe import fingerprint_of, run_key, update_key
from flows.planning.survey import ChangedFact, Survey, changed_facts, survey
from flows.promote_candidate import CandidateRun, announce
from flows.reconcile_facts import reconcile_by, reconcile_facts
from flows.reporting.run_report import outcome
from flows.reporting.run_result import RunResult
from flows.servers.services import Services
from flows.tracking.open_flow_runs import remember_flow_run, settle_flow_runs
from flows.tracking.orphans import settle_tracking
from flows.tracking.outages import ServerGoneError, explained
from flows.tracking.run_pages import name_run, said
from flows.tracking.run_records import open_tracked
from flows.tracking.runs import TrackedRun, open_run
from flows.tracking.system_metrics import system_metrics
from flows.update_run import update_champion
from lamini.saved import write_whole
from warehouse.intake import IngestReceipt
from warehouse.snapshots import open_snapshot

NUM_SHARDS = 8
"""Virtual shards of the facts: a constant, so that any number of workers gives the same experts."""


def run(settings: Settings, *, force: bool = False, mode: str | None = None) -> RunResult:
    """Run the parent flow against the home's Prefect server, started for it if there is none."""
    with turn(settings.home), Services(settings.home.path) as services:
        services.wait_ready()
        settle_flow_runs(settings.home)
        try:
            with telling_of_crash(settings.notify, settings.home):
                return _served(services, settings, force, mode)
        finally:
            # The last lines go out in batches, and would find the server gone.
            APILogWorker.drain_all(timeout=10)


def _served(services: Services, settings: Settings, force: bool, mode: str | None) -> RunResult:
    """Run the flow; where its server died under it, again with the next one: it goes on."""
    while True:
        try:
            with explained(settings.home, services):
                result: RunResult = memorize(settings, force, mode)
                return result
        except ServerGoneError:
            if not services.comes_back():
                raise


@flow(validate_parameters=False, flow_run_name="memorize {settings.as_of}")
def memorize(
    settings: Settings, force: bool = False, mode: str | None = None, pass_faults: bool = False
) -> RunResult:
    """Bring the model to the state of the sources, doing only what is not done yet.

    With `pass_faults` a source at fault stops nothing: what it claimed before stands.

    Raises:
        GateError: the candidate failed, or more facts would be forgotten than is let pass unasked.
    """
    log = get_run_logger()
    started = time.monotonic()
    remember_flow_run(settings.home)
    note(settings.home, step="ingest")
    settle_tracking(settings.home)
    ingested = ingest_facts(settings.home.path, list(settings.sources), pass_faults)
    note(settings.home, step="reconcile")
    decided = reconcile_by(settings, reconcile_facts)
    failpoints.reach("run.after_reconcile")
    fingerprint = fingerprint_of(settings)
    # The very one that was decided: ingestion may publish another one meanwhile.
    snapshot = open_snapshot(decided.path)
    found = survey(settings, fingerprint, snapshot)
    decision = decide(found.situation, settings.update, asked=mode, force=force)
    log.info("%s: %s", decision.mode, decision.why)
    note(settings.home, step="decide", decision=decision.mode)
    name_run(decision.mode, settings.as_of)
    begun = _Begun(started=started, ingested=ingested, decided=decided)
    if isinstance(decision, Nothing) and decision.is_braked:
        raise GateError(f"nothing was trained: {decision.why}")
    if isinstance(decision, Nothing):
        folder = _settled(settings, decision.champion)
        return _finished(begun.result(folder, decision, is_new=False))
    assignment = assigned_facts(settings, snapshot.path)
    failpoints.reach("run.after_assign")
    prepared = time.monotonic()
    if isinstance(decision, Update):
        folder, passed = _update(settings, found, assignment, decided, decision)
        if passed:
            changes = changed_facts(found)
            return _finished(begun.result(folder, decision, prepared, changes=changes))
        why = f"the update of run {folder.run_key} failed the gate by its router"
        decision = Full(reasons=(*decision.reasons, why))
        log.info("%s: %s", decision.mode, decision.why)
    key = run_key(settings, found.situation.training_hash, fingerprint)
    folder = RunFolder(path=settings.home.run(key))
    if force:
        drop_run(folder)
    tracked = open_tracked(settings, key, decided, FULL, decision.why)
    log.info("run %s: %d facts, MLflow run %s", key, decided.num_facts, tracked.run_id)
    with system_metrics(tracked):
        train_in_full(candidate_run(settings, tracked, folder, assignment, found))
    return _finished(begun.result(folder, decision, prepared))


def _update(
    settings: Settings, found: Survey, assignment: Path, decided: Decided, decision: Update
) -> tuple[RunFolder, bool]:
    """Run the update; false where its router made it fail and a full run is to follow."""
    base, made_of = decision.champion, found.situation.recipe
    key = update_key(base.run_key, found.situation.training_hash, made_of)
    folder = RunFolder(path=settings.home.run(key))
    tracked = open_tracked(settings, key, decided, INCREMENTAL, decision.why)
    get_run_logger().info(
        "run %s: an update of %s, MLflow run %s", key, base.run_key, tracked.run_id
    )
    try:
        with system_metrics(tracked):
            update_champion(candidate_run(settings, tracked, folder, assignment, found), base)
    except GateError:
        verdict = folder.read(Judged)
        mended = verdict is not None and verdict.blames_router
        if settings.update.after_failure != FULL or not mended:
            raise
        return folder, False
    return folder, True


def _settled(settings: Settings, champion: Champion) -> RunFolder:
    """Return the champion's run; what MLflow was not told of it before a kill, it is told now."""
    folder = RunFolder(path=settings.home.run(champion.run_key))
    written = folder.read(Written)
    if written is not None and not _is_promoted(folder):
        tracked = open_run(settings.home, folder.run_key, f"memorize {folder.run_key[:8]}", {})
        announce(settings, tracked, folder, champion, written.model_id)
        tracked.end()
    return folder


def _is_promoted(folder: RunFolder) -> bool:
    return folder.read(Promoted) is not None


def assigned_facts(settings: Settings, snapshot: Path) -> Path:
    """Assign the facts of a snapshot to groups; return the file of the assignment."""
    memory = settings.memory
    assigned = assign_facts(
        settings.home.path,
        memory.num_groups,
        memory.group_size,
        NUM_SHARDS,
        settings.backbone,
        snapshot=snapshot,
    )
    return assigned.path


def candidate_run(
    settings: Settings, tracked: TrackedRun, folder: RunFolder, assignment: Path, found: Survey
) -> CandidateRun:
    """Return what a run needs to make a candidate, with its own copy of the assignment."""
    return CandidateRun(
        settings=settings,
        tracked=tracked,
        folder=folder,
        assignment=_own_copy(folder, assignment),
        found=found,
    )


def _own_copy(folder: RunFolder, assignment: Path) -> Path:
    # The catalogue's moves on with later facts.
    copy = folder.path / "assignment.parquet"
    if not copy.is_file():
        write_whole(copy, assignment.read_bytes())
    return copy


@dataclass(frozen=True, kw_only=True)
class _Begun:
    """What a run knows before it trains."""

    started: float
    ingested: tuple[IngestReceipt, ...]
    decided: Decided

    def result(
        self,
        folder: RunFolder,
        decision: Decision,
        prepared: float | None = None,
        *,
        is_new: bool = True,
        changes: tuple[ChangedFact, ...] | None = None,
    ) -> RunResult:
        """Return what became of it, by what the steps left."""
        receipts = folder.receipts()
        return RunResult(
            run_key=folder.run_key,
            is_new=is_new,
            mode=FULL if receipts.updated is None else INCREMENTAL,
            decision=decision.mode,
            reasons=decision.reasons,
            prepared_seconds=round((prepared or time.monotonic()) - self.started, 1),
            ingested=self.ingested,
            reconciled=self.decided,
            receipts=receipts,
            changes=changes,
        )


def _finished(result: RunResult) -> Any:
    return said(_what_it_did(result), result)


def _what_it_did(result: RunResult) -> str:
    if not result.is_new:
        return f"Nothing to do: {'; '.join(result.reasons)}"
    did = outcome(result.receipts)
    return did[0].upper() + did[1:]
