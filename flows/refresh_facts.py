"""Refresh: take in a source, reconcile and publish, and announce what is pending.

    a deployment for each source (flows/automation/deployments.py); by hand, `lamini ingest` and
    `lamini reconcile`

Reads: the source's table. Writes: the catalogue and snapshot in HOME/warehouse, HOME/pending.json.
It trains nothing, so it may run beside a training, which goes on with the snapshot that it has.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.automation.announce import Announced, announce_pending
from flows.automation.notify import tell_of_run
from flows.automation.served_process import enter
from flows.configuration.settings import Settings
from flows.home.decided import Decided
from flows.ingest_facts import Ingested, ingest_each, ingest_source, source_names
from flows.reconcile_facts import reconcile_and_publish, reconcile_by


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh took in, decided and announced."""

    ingested: Ingested
    reconciled: Decided
    pending: Announced


def _named() -> str:
    return f"refresh {Path(flow_run.parameters['source']).stem}"


@flow(flow_run_name=_named, on_failure=[tell_of_run], on_crashed=[tell_of_run])
def refresh_facts(home: Path, source: str = "all") -> Any:
    """Bring the facts to the state of one source (a mapping file or reference name), or of all."""
    settings = enter(home)
    everything = source_names(settings.home.path, list(settings.sources))
    found = refresh(settings, everything if source == "all" else [source])
    found.ingested.raise_faults()
    return Completed(message=_told(found), data=found)


def refresh(settings: Settings, sources: list[str]) -> Refreshed:
    """Take in `sources`, reconcile everything, announce what is pending; give what was done.

    A source at fault keeps nothing of the others from being published.
    """
    ingested = ingest_each(settings.home.path, sources, ingest_source)
    decided = reconcile_by(settings, reconcile_and_publish)
    pending = announce_pending(settings.home)
    return Refreshed(ingested=ingested, reconciled=decided, pending=pending)


def _told(found: Refreshed) -> str:
    receipts, pending = found.ingested.receipts, found.pending
    new = sum(receipt.is_new for receipt in receipts)
    what = f"{new} of {len(receipts)} sources had new content"
    if not pending.is_announced:
        return f"{what}; nothing to train"
    changed = f"{pending.num_added} added, {pending.num_changed} changed"
    return f"{what}; {changed}, {pending.num_retired} retired"
