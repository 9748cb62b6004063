"""What waits to be trained, since when, and whether it is due; from files alone, in milliseconds.

Reads: HOME/warehouse/HEAD.json and its snapshot, HOME/HEAD_CHECKPOINT.json. Writes:
HOME/pending.json, since when the head differs from what is trained, and when that was last told of.
Lost, the wait starts anew, and the nightly run catches up: nothing else depends on it.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flows.configuration.schedules import Debounce
from flows.home.champion import Champion, read_pointer
from flows.home.home import Home
from warehouse.durable import write_json
from warehouse.errors import NoSnapshotError, SnapshotDamagedError
from warehouse.snapshots import Snapshot, diff, head, open_snapshot


@dataclass(frozen=True, kw_only=True)
class Pending:
    """The head snapshot minus the trained one."""

    training_hash: str | None
    """Of the head; null where nothing is published."""
    trained_hash: str | None
    """Of the champion; null where nothing was promoted."""
    num_added: int = 0
    num_changed: int = 0
    num_retired: int = 0
    is_rejected: bool = False
    """A model of these very facts was rolled back: no run makes it again by itself."""

    @property
    def num_facts(self) -> int:
        return self.num_added + self.num_changed + self.num_retired

    @property
    def is_any(self) -> bool:
        """Whether a training would have something to do."""
        differs = self.training_hash not in (None, self.trained_hash)
        return differs and not self.is_rejected


def read_pending(home: Home) -> Pending:
    """Compare the head with what the champion was trained on."""
    pointer = read_pointer(home)
    champion = None if pointer is None else pointer.champion
    trained = None if champion is None else champion.training_hash
    try:
        snapshot = head(home.warehouse)
    except NoSnapshotError:
        return Pending(training_hash=None, trained_hash=trained)
    changes = diff(_trained(home, champion), snapshot)
    return Pending(
        training_hash=snapshot.training_hash,
        trained_hash=trained,
        num_added=len(changes.added),
        num_changed=len(changes.changed),
        num_retired=len(changes.retired),
        is_rejected=pointer is not None and snapshot.training_hash in pointer.rejected,
    )


def _trained(home: Home, champion: Champion | None) -> Snapshot | None:
    if champion is None or not champion.snapshot_hash:
        return None
    try:
        return open_snapshot(home.snapshot(champion.snapshot_hash))
    except SnapshotDamagedError:
        return None  # a full run will train them all


def note_pending(home: Home, pending: Pending, now: datetime | None = None) -> datetime | None:
    """Remember since when the model is behind its tables; give it, or null where it is not."""
    file = home.pending
    if not pending.is_any:
        file.unlink(missing_ok=True)
        return None
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
        if known["trained_hash"] == pending.trained_hash:
            return datetime.fromisoformat(known["since"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # absent, or damaged: as if it began now
    since = now or datetime.now(tz=UTC)
    entry = {"trained_hash": pending.trained_hash, "since": since.isoformat(timespec="seconds")}
    write_json(entry, file)
    return since


def note_told(home: Home, now: datetime) -> None:
    """Remember that what waits too long was told of."""
    known = json.loads((home.pending).read_text(encoding="utf-8"))
    write_json({**known, "told": now.isoformat(timespec="seconds")}, home.pending)


def last_told(home: Home, since: datetime | None) -> datetime | None:
    """Return when what waits too long was last told of; `since`, since when it waits, if never."""
    try:
        known = json.loads((home.pending).read_text(encoding="utf-8"))
        return datetime.fromisoformat(known["told"])
    except (OSError, ValueError, KeyError, TypeError):
        return since


def is_due(
    pending: Pending, since: datetime | None, debounce: Debounce, now: datetime
) -> tuple[bool, str]:
    """Say whether a triggered training should begin, and why or why not."""
    if not pending.is_any:
        if pending.is_rejected:
            return False, "a model of these very facts was rolled back"
        return False, "the model was trained on these very facts"
    waiting = now - (since or now)
    limit = timedelta(hours=debounce.max_staleness)
    told = f"{pending.num_facts} facts are pending, for {waiting.total_seconds() / 3600:.1f} h"
    if pending.num_facts >= debounce.min_changed_facts:
        return True, told
    if waiting >= limit:
        return True, f"{told}: longer than max_staleness = {debounce.max_staleness:g} h"
    return False, (
        f"{told}: fewer than min_changed_facts = {debounce.min_changed_facts}, and not yet for "
        f"max_staleness = {debounce.max_staleness:g} h"
    )
