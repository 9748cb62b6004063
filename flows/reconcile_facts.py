"""Reconcile facts: decide one fact per slot from all claims, and publish the snapshot.

    lamini reconcile [--as-of DATE]

Reads: the catalogue in HOME/warehouse, the backbone's tokenizer. Writes: the decisions there, and
HOME/warehouse/snapshots/<hash> with HEAD.json.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from prefect import flow, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from flows.configuration.settings import Settings
from flows.home.decided import Decided
from flows.home.home import Home
from flows.ingest_facts import RETRY_DELAYS, is_retryable
from flows.planning.tokens import answer_counter
from flows.tracking.run_pages import said
from warehouse.catalogue import open_catalogue
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.judgement import Weighing
from warehouse.snapshots import publish
from warehouse.within import expanded


@task(
    cache_policy=NO_CACHE,
    retries=len(RETRY_DELAYS),
    retry_delay_seconds=RETRY_DELAYS,
    retry_condition_fn=is_retryable,
    task_run_name="reconcile as of {as_of}",
)
def reconcile_and_publish(
    home: Path,
    as_of: date,
    backbone: str,
    max_answer_tokens: int,
    num_parts: int = 1,
    num_workers: int = 2,
) -> Decided:
    """Decide and publish under one lock, so that no claim comes in between."""
    # The end of the answer is one of the tokens that the limit allows.
    counter = answer_counter(backbone)
    settings = ReconcileSettings(
        as_of=as_of,
        count_tokens=counter,
        token_counter=counter.name,
        max_answer_tokens=max_answer_tokens - 1,
    )
    warehouse = Home(home).warehouse
    with open_catalogue(warehouse) as con, _weighing(warehouse, num_parts, num_workers) as weighing:
        receipt = reconcile(con, replace(settings, weighing=weighing))
        snapshot = publish(con, warehouse)
    return Decided(**vars(receipt), path=snapshot.path)


@contextmanager
def _weighing(warehouse: Path, num_parts: int, num_workers: int) -> Iterator[Weighing]:
    """Have slots judged here, or for several parts as Ray tasks; the result is the same."""
    if num_parts == 1:
        yield Weighing()
        return
    from flows.training.launch import cluster
    from flows.training.ray_tasks import each_on_ray

    with cluster(num_workers):
        # On several nodes, HOME lies where all of them reach it: training needs that, too.
        yield Weighing(num_parts=num_parts, each=each_on_ray, folder=warehouse)


@flow(flow_run_name="reconcile facts")
def reconcile_facts(
    home: Path,
    as_of: date | None = None,
    backbone: str = "embedded",
    max_answer_tokens: int = 64,
    num_parts: int = 1,
    num_workers: int = 2,
) -> Decided:
    """Reconcile everything that was ingested as of `as_of` (default today) and publish it."""
    as_of = as_of or datetime.now(tz=UTC).date()
    receipt = reconcile_and_publish(
        expanded(home).resolve(), as_of, backbone, max_answer_tokens, num_parts, num_workers
    )
    rows = [{"status": status, "rows": count} for status, count in receipt.counts.items()]
    create_table_artifact(table=rows, key="reconcile-facts", description="Where every row went")
    changed = f"{receipt.num_added} added, {receipt.num_changed} changed"
    told = f"{receipt.num_facts} facts: {changed}, {receipt.num_retired} retired"
    result: Decided = said(told, receipt)
    return result


def reconcile_by(settings: Settings, step: Callable[..., Decided]) -> Decided:
    """Reconcile as the settings say, by the task, by its function, or by the flow."""
    return step(
        settings.home.path,
        settings.as_of,
        settings.backbone,
        settings.tuning.max_answer_tokens,
        settings.reconcile_parts,
        settings.num_workers,
    )
