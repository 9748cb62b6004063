"""Retrain: bring the model to the facts, by hand, by event or by schedule; no event is trusted.

    a deployment (flows/automation/deployments.py): on `lamini.facts.changed`, and every night

What is pending is computed from the files (level-triggered): an event without changes ends in
seconds, and changes without an event are found. What was published meanwhile is trained after it.
"""

import os
import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Completed

from flows.automation.notify import tell_of_run
from flows.automation.served_process import enter
from flows.configuration.settings import Settings
from flows.home.home import Home
from flows.home.run_lock import RunLockedError
from flows.home.turn import turn
from flows.planning.pending import is_due, note_pending, read_pending
from flows.reporting.run_report import outcome
from flows.reporting.run_result import RunResult
from flows.servers.services import Services
from flows.tracking.outages import explained
from warehouse.errors import RetryableError

EVENT, SCHEDULE, ASKED = "event", "schedule", "asked"
LOCK_SECONDS = 6 * 3600.0
"""How long a run waits for another one of this home before it fails."""
RETRY_DELAYS = (10.0, 60.0, 300.0)
"""Seconds before each further try; a server that died is up again within the first two."""
MAX_ROUNDS = 3
"""Trainings in one run; what is still pending then is left to the next event or night."""


@flow(flow_run_name="retrain ({reason})", on_failure=[tell_of_run], on_crashed=[tell_of_run])
def retrain(home: Path, reason: str = ASKED) -> Any:
    """Train what is pending; an event alone is held to the debounce of the settings."""
    settings = enter(home)
    if reason == EVENT:
        due, why = _due(settings)
        if not due:
            return Completed(message=f"nothing done: {why}", data={"decision": "nothing"})
    rounds: list[RunResult] = []
    while len(rounds) < MAX_ROUNDS:
        rounds.append(_train(settings))
        due, why = _due(settings)
        if rounds[-1].decision == "nothing" or not due:
            break
        get_run_logger().info("again: %s", why)
        settings = enter(home)  # another day may have begun
    return Completed(message=_told(rounds), data=rounds[-1])


def _train(settings: Settings) -> RunResult:
    """Train; after an outage or where something was held, again: what is done so far is kept."""
    for pause in RETRY_DELAYS:
        try:
            return _train_once(settings)
        except RunLockedError:  # it has waited long enough
            raise
        except RetryableError as error:
            get_run_logger().warning("again in %.0f s: %s", pause, error)
            time.sleep(pause)
    return _train_once(settings)


def _outages_explained(home: Home) -> AbstractContextManager[None]:
    # Called by hand, a flow may have Prefect's own server inside this process.
    is_served = bool(os.environ.get("PREFECT_API_URL"))
    return explained(home, Services(home.path)) if is_served else nullcontext()


def _train_once(settings: Settings) -> RunResult:
    from flows.memorize import memorize  # slow

    waiting = turn(settings.home, wait_seconds=LOCK_SECONDS)
    with _outages_explained(settings.home), waiting:
        # Its own ingestion tells of a source at fault; the others' changes do not wait for it.
        result: RunResult = memorize(settings, pass_faults=True)
    return result


def _due(settings: Settings) -> tuple[bool, str]:
    pending = read_pending(settings.home)
    now = datetime.now(tz=UTC)
    since = note_pending(settings.home, pending, now)
    return is_due(pending, since, settings.trigger, now)


def _told(rounds: list[RunResult]) -> str:
    """Say what happened, in the words that the Prefect page shows beside the state."""
    trained = [found for found in rounds if found.decision != "nothing"]
    if not trained:
        return f"nothing done: {'; '.join(rounds[-1].reasons)}"
    return "; ".join(
        f"{outcome(found.receipts)} (run {found.run_key}: {found.reasons[0]})" for found in trained
    )
