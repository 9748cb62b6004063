"""Tell Prefect that facts wait to be trained: the event `lamini.facts.changed`.

The event is a hint. It is sent whenever the head differs from what is trained, so that one that is
lost is sent again by the next ingestion; a retrain that finds nothing to do ends in seconds.
"""

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from flows.configuration.schedules import Debounce
from flows.home.home import Home
from flows.planning.pending import Pending, is_due, last_told, note_pending, note_told, read_pending

FACTS_CHANGED = "lamini.facts.changed"
RESOURCE = "lamini.facts"
HOME_LABEL = "lamini.home"
"""Tells apart the homes that one Prefect server knows."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Announced(Pending):
    """What waits to be trained, since when, and whether the event was sent."""

    since: str | None
    is_announced: bool


def announce_pending(home: Home) -> Announced:
    """Send the event if anything is pending; give what is, and whether it was sent."""
    pending = read_pending(home)
    since = note_pending(home, pending)
    told = since.isoformat() if since else None
    payload = {**asdict(pending), "since": told, "num_facts": pending.num_facts}
    is_sent = pending.is_any and _send(home, payload)
    return Announced(**vars(pending), since=told, is_announced=is_sent)


def announce_overdue(home: Home, debounce: Debounce) -> str | None:
    """Send the event for changes that have waited too long; give why, or null where none did.

    They were too few when they were announced, and no later event told of them. Not again before
    they have waited as long once more: a training that failed is not to be repeated at every look.
    """
    now = datetime.now(tz=UTC)
    pending = read_pending(home)
    since = last_told(home, note_pending(home, pending, now))
    if pending.num_facts >= debounce.min_changed_facts:  # was due when it was announced
        return None
    is_overdue, why = is_due(pending, since, debounce, now)
    if not is_overdue or not _send(home, {**asdict(pending), "num_facts": pending.num_facts}):
        return None
    note_told(home, now)
    return why


def _send(home: Home, payload: dict[str, Any]) -> bool:
    from prefect.events import emit_event

    resource = {"prefect.resource.id": RESOURCE, HOME_LABEL: str(home)}
    sent = emit_event(FACTS_CHANGED, resource=resource, payload=payload)
    if sent is None:
        log.warning("Prefect did not take the event %s; the nightly run catches up", FACTS_CHANGED)
    return sent is not None
