"""Watch the sources: where files changed, take in, reconcile, and announce what is pending.

    a deployment (flows/automation/deployments.py), every few minutes

Reads: the sources' files. Writes: HOME/watched, and what flows/refresh_facts.py writes. Sources
behind a URL or in PostgreSQL are not watched, but taken in by their schedule: only reading tells.
Changes too few to be trained at once (`min_changed_facts`) are told of again when they have waited
for `max_staleness`.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.automation.announce import announce_overdue
from flows.automation.notify import tell_of_run
from flows.automation.served_process import enter
from flows.automation.source_states import named_sources
from flows.automation.watching import Seen, look_at, read_seen, write_seen
from flows.configuration.settings import Settings
from flows.refresh_facts import Refreshed, refresh
from warehouse.errors import RetryableError


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What one look at the sources' files found, by the sources' names."""

    moved: tuple[str, ...] = ()
    watched: tuple[str, ...]
    busy: tuple[str, ...] = ()
    """Held by another process, so left to a later look."""
    overdue: str | None = None
    """Why changes that waited were told of again; null where none were."""
    refreshed: Refreshed | None = None


@flow(flow_run_name="watch sources", on_failure=[tell_of_run], on_crashed=[tell_of_run])
def watch_sources(home: Path) -> Any:
    """Take in every source whose content moved since it was last taken in."""
    settings = enter(home)
    found = watch(settings)
    message = f"{', '.join(found.moved)} changed" if found.moved else "no file changed"
    if found.busy:
        message += f"; held by another process, so left to a later look: {', '.join(found.busy)}"
    if found.overdue:
        message += f"; told again of what waits: {found.overdue}"
    return Completed(message=message, data=found)


def watch(settings: Settings) -> Watched:
    """Look at all sources that lie in files; take in those that moved, as one refresh.

    A source that another process holds is taken in at a later look.

    Raises:
        ContractError, SourceError, MappingError, RelationConflictError: a source is at fault; what
            the others say was published. Told once: the same content would fail again.
    """
    folder = settings.home.watched
    moved: dict[str, str] = {}
    seen: dict[str, Seen] = {}
    for name, file in named_sources(settings, even_broken=True).items():
        before = read_seen(folder, name)
        now = look_at(Path(file), before)
        if now is None:
            continue
        seen[name] = now
        if before is None or before.content != now.content:
            moved[name] = file
        elif before.stat != now.stat:
            write_seen(folder, name, now)  # touched: not to be read again
    if not moved:
        overdue = announce_overdue(settings.home, settings.trigger)
        return Watched(watched=tuple(seen), overdue=overdue)
    refreshed = refresh(settings, [*moved.values()])
    faults = refreshed.ingested.faults
    busy = tuple(n for n, file in moved.items() if isinstance(faults.get(file), RetryableError))
    # Only now: killed in between, the next look finds it again.
    for name in moved.keys() - {*busy}:
        write_seen(folder, name, seen[name])
    told = {file: fault for file, fault in faults.items() if not isinstance(fault, RetryableError)}
    replace(refreshed.ingested, faults=told).raise_faults()
    return Watched(moved=tuple(moved), watched=tuple(seen), busy=busy, refreshed=refreshed)
