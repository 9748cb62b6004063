"""Assign facts: say which group of experts every fact of a snapshot is written to.

Reads: the snapshot, the catalogue in HOME/warehouse, the backbone's tokenizer. Writes: the
assignment in the catalogue and HOME/warehouse/assignments/<hash>-<geometry>.parquet.
"""

from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.home.home import Home
from flows.ingest_facts import RETRY_DELAYS, is_retryable
from flows.planning.tokens import answer_counter
from warehouse.assignment import AssignmentReceipt, assign
from warehouse.catalogue import open_catalogue
from warehouse.snapshots import head, open_snapshot
from warehouse.within import expanded


@task(
    cache_policy=NO_CACHE,
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_retryable,
    task_run_name="assign groups",
)
def assign_groups(
    home: Path,
    num_groups: int,
    group_size: int,
    num_shards: int,
    backbone: str,
    snapshot: Path,
) -> AssignmentReceipt:
    """One group for each fact of the snapshot; a fact that had one keeps it."""
    count = answer_counter(backbone)
    warehouse = Home(home).warehouse
    with open_catalogue(warehouse) as con:
        return assign(
            con,
            warehouse,
            open_snapshot(snapshot),
            num_groups=num_groups,
            group_size=group_size,
            num_shards=num_shards,
            # The end of the answer is a token to decide as well.
            num_tokens_by_fact=lambda answers: [number + 1 for number in count(answers)],
        )


@flow(flow_run_name="assign facts")
def assign_facts(
    home: Path,
    num_groups: int,
    group_size: int,
    num_shards: int = 8,
    backbone: str = "embedded",
    snapshot: Path | None = None,
) -> AssignmentReceipt:
    """Assign every fact of a snapshot, the head where none is given; return its file."""
    home = expanded(home).resolve()
    snapshot = snapshot or head(Home(home).warehouse).path
    return assign_groups(home, num_groups, group_size, num_shards, backbone, snapshot)
