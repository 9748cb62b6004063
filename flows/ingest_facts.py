"""Ingest facts: take the sources' claims into the catalogue, each content once.

    lamini ingest [MAPPING...]

Reads: the tables that the mappings name, those registered in HOME/sources, or the embedded
reference facts; HOME/same_as.toml, where there is one: names that are one subject. Writes: the
catalogue in HOME/warehouse.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb
from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.home.home import Home
from flows.tracking.run_pages import said
from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch, merge_subjects, read_same_as
from warehouse.errors import (
    ContractError,
    MappingError,
    RelationConflictError,
    RetryableError,
    SourceError,
    WarehouseError,
)
from warehouse.intake import IngestReceipt, ingest, last_batch
from warehouse.reference import read_cldr, read_iso
from warehouse.sources import load_mapping, read_source
from warehouse.sources.registry import registered
from warehouse.tombstones import spread
from warehouse.within import expanded

REFERENCE = {"iso": read_iso, "cldr": read_cldr}
RETRY_DELAYS = [1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0, 60.0]
"""The catalogue has one writer: sources of one schedule queue for it, and a reconcile of millions
of claims takes minutes."""
AT_FAULT = (ContractError, SourceError, MappingError, RelationConflictError)
"""What is wrong with one source and none of the others' business."""

log = logging.getLogger(__name__)


def is_retryable(task: object, task_run: object, state: Any) -> bool:
    """Tell Prefect to try again only where another process held what was needed."""
    return isinstance(state.result(raise_on_failure=False), RetryableError)


@task(
    cache_policy=NO_CACHE,
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_retryable,
    task_run_name="ingest {source}",
)
def ingest_source(home: Path, source: str) -> IngestReceipt:
    """One source, by reference name or mapping file; the same content again does nothing."""
    at, read = Home(home), _reader(source)
    with open_catalogue(at.warehouse) as con:
        batch = read(con)
        if at.same_as.is_file():
            same_as = read_same_as(at.same_as)
            batch = merge_subjects(batch, same_as)
            spread(con, batch.claims, same_as)
        receipt = ingest(con, batch)
    for warning in receipt.warnings:
        log.warning("source %s: %s", receipt.source, warning)
    return receipt


def _reader(source: str) -> Callable[[duckdb.DuckDBPyConnection], ClaimBatch]:
    """Return what gives the claims of a source under the catalogue's lock.

    They are read at once, before the lock, for that may take long: only what begins where the last
    batch ended has to ask the catalogue first.
    """
    if source in REFERENCE:
        batch = REFERENCE[source]()
        return lambda con: batch
    mapping = load_mapping(Path(source))
    if mapping.options.watermark is None:
        batch = read_source(mapping)
        return lambda con: batch
    return lambda con: read_source(mapping, last_batch(con, mapping.name))


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What became of several sources: one at fault does not keep the others out."""

    receipts: tuple[IngestReceipt, ...]
    faults: dict[str, WarehouseError]
    """By the name that the source was given by; what it claimed before still counts."""

    def raise_faults(self) -> None:
        """Complain of all sources at fault, as one error.

        Raises:
            ContractError, SourceError, MappingError, RelationConflictError: a source is at fault.
        """
        if self.faults:
            others = f" ({len(self.receipts)} other sources were taken in)" * bool(self.receipts)
            first, *_ = self.faults.values()
            message = "\n".join(map(str, self.faults.values())) + others
            raise type(first)(message, where=first.where)


@flow(flow_run_name="ingest facts")
def ingest_facts(
    home: Path, sources: list[Path] | None = None, pass_faults: bool = False
) -> tuple[IngestReceipt, ...]:
    """Ingest every source, in order; none named means those registered, or the reference facts.

    With `pass_faults` a source at fault is told of, and its last claims stand.
    """
    home = expanded(home).resolve()
    found = ingest_each(home, source_names(home, sources or []), ingest_source)
    if not pass_faults:
        found.raise_faults()
    for fault in found.faults.values():
        log.warning("a source is at fault, what it claimed before stands: %s", fault)
    receipts = found.receipts
    rows = [asdict(receipt) for receipt in receipts]
    create_table_artifact(table=rows, key="ingest-facts", description="What became of the rows")
    new = sum(receipt.num_accepted for receipt in receipts if receipt.is_new)
    names = ", ".join(receipt.source for receipt in receipts) or "no source"
    message = f"{new} new claims" if new else "Nothing new"
    at_fault = "".join(f"; at fault: {Path(name).stem}" for name in found.faults)
    result: tuple[IngestReceipt, ...] = said(f"{message} from {names}{at_fault}", receipts)
    return result


def ingest_each(
    home: Path, names: Sequence[str], step: Callable[[Path, str], IngestReceipt]
) -> Ingested:
    """Take in every source by `step`, one after the other."""
    receipts: list[IngestReceipt] = []
    faults: dict[str, WarehouseError] = {}
    for name in names:
        try:
            receipts.append(step(home, name))
        except AT_FAULT as error:
            faults[name] = error
    return Ingested(receipts=tuple(receipts), faults=faults)


def source_names(home: Path, sources: list[Path]) -> list[str]:
    """Return what `ingest_source` takes for each of `sources`."""
    named = [expanded(source).resolve() for source in sources] or registered(Home(home).sources)
    return [str(source) for source in named] or list(REFERENCE)
