"""Watch the sources: where files changed, take in, reconcile, and announce what is pending.

    a deployment (flows/automation/deployments.py), every few minutes

Reads: the sources' files. Writes: HOME/watched, and what flows/refresh_facts.py writes. Sources
behind a URL or in PostgreSQL are not watched, but taken in by their schedule: only reading tells.
"""

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

from flows.automation.notify import tell_of_run
from flows.automation.served_process import enter
from flows.automation.source_states import named_sources
from flows.automation.watching import Seen, files_of, look, read_seen, write_seen
from flows.configuration.settings import Settings
from flows.ingest_facts import AT_FAULT
from flows.refresh_facts import refresh
from warehouse.errors import RetryableError
from warehouse.sources import load_mapping

FOLDER = "watched"


@flow(flow_run_name="watch sources", on_failure=[tell_of_run], on_crashed=[tell_of_run])
def watch_sources(home: Path) -> Any:
    """Take in every source whose content moved since it was last taken in."""
    settings = enter(home)
    found = watch(settings)
    moved = found["moved"]
    message = f"{', '.join(moved)} changed" if moved else "no file changed"
    return Completed(message=message, data=found)


def watch(settings: Settings) -> dict[str, Any]:
    """Look at all sources that lie in files; take in those that moved, as one refresh.

    Raises:
        ContractError, SourceError, MappingError: a source is at fault; what the others say was
            published.
    """
    folder = settings.home / FOLDER
    moved: dict[str, str] = {}
    seen: dict[str, Seen] = {}
    for name, file in named_sources(settings).items():
        files = files_of(load_mapping(Path(file)))
        if files is None:
            continue
        before = read_seen(folder, name)
        seen[name] = look(files, before)
        if before is None or before.content != seen[name].content:
            moved[name] = file
        elif before.stat != seen[name].stat:
            write_seen(folder, name, seen[name])  # touched: not to be read again
    try:
        refreshed = refresh(settings, [*moved.values()]) if moved else None
    except AT_FAULT as error:
        # The same content would fail again; a person is told once, not every few minutes.
        if not isinstance(error, RetryableError):
            _remember(folder, moved, seen)
        raise
    # Only now: killed in between, the next look finds it again.
    _remember(folder, moved, seen)
    return {"moved": [*moved], "watched": [*seen], "refreshed": refreshed}


def _remember(folder: Path, moved: dict[str, str], seen: dict[str, Seen]) -> None:
    for name in moved:
        write_seen(folder, name, seen[name])
