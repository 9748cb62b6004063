"""Ingest facts: take the sources' claims into the catalogue, each content once.

    lamini ingest [MAPPING...]

Reads: the files that the mappings name, or the embedded reference facts. Writes: the catalogue in
HOME/warehouse.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from warehouse.catalogue import open_catalogue
from warehouse.errors import RetryableError
from warehouse.ingest import ingest
from warehouse.reference import read_cldr, read_iso
from warehouse.sources import load_mapping, read_source

REFERENCE = {"iso": read_iso, "cldr": read_cldr}
RETRY_DELAYS = [1.0, 2.0, 4.0, 8.0]


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
def ingest_source(home: Path, source: str) -> dict[str, Any]:
    """One source, by reference name or mapping file; the same content again does nothing."""
    batch = REFERENCE[source]() if source in REFERENCE else read_source(load_mapping(Path(source)))
    with open_catalogue(home / "warehouse") as con:
        return asdict(ingest(con, batch))


@flow
def ingest_facts(home: Path, sources: list[Path] | None = None) -> list[dict[str, Any]]:
    """Ingest every source, in order; none named means the embedded reference facts."""
    home = home.expanduser().resolve()
    receipts = [ingest_source(home, name) for name in source_names(sources or [])]
    create_table_artifact(table=receipts, key="ingest-facts", description="What became of the rows")
    return receipts


def source_names(sources: list[Path]) -> list[str]:
    """Give what `ingest_source` takes for each of `sources`."""
    return [str(source.expanduser().resolve()) for source in sources] or list(REFERENCE)
