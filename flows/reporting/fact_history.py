"""Recall of each fact at each judged run: kept in the warehouse, asked of it, drawn.

Reads: RUN/recall/recall.parquet, HOME/warehouse/recall. Writes: the catalogue,
HOME/warehouse/recall and RUN/plots/heat_*.png.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from flows.configuration.settings import Settings
from flows.errors import SettingsError
from flows.home.champion import Champion
from flows.home.home import Home
from flows.home.run_folder import RunFolder
from warehouse.catalogue import open_catalogue
from warehouse.errors import CatalogueLockedError
from warehouse.nearest import hint
from warehouse.normal import normal_form, relation_name
from warehouse.recall import Evaluation, RecallHistory, open_history, record_evaluation

_WAIT_SECONDS = 600.0
"""What a training found is not lost to a large reconcile beside it."""


def keep_evaluation(settings: Settings, folder: RunFolder, judged: Champion, passed: bool) -> Path:
    """Keep that the run was judged, and publish what it recalls of each fact; give that file.

    Raises:
        CatalogueLockedError: another process holds the catalogue for longer than an ingest takes.
    """
    measured = (folder.path / "recall" / "recall.parquet").stat().st_mtime
    evaluation = Evaluation(
        run_key=folder.run_key,
        mode=judged.mode,
        base=judged.base,
        snapshot_hash=judged.snapshot_hash,
        as_of=str(judged.as_of),
        passed=passed,
        measured_at=datetime.fromtimestamp(measured, tz=UTC).replace(tzinfo=None),
    )
    with patient_catalogue(settings.home.warehouse) as con:
        return record_evaluation(con, settings.home.warehouse, evaluation)


@contextmanager
def patient_catalogue(
    warehouse: Path, wait_seconds: float = _WAIT_SECONDS
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open the catalogue for writing; wait for whoever holds it."""
    deadline = time.monotonic() + wait_seconds
    while True:
        opened = open_catalogue(warehouse)
        try:
            con = opened.__enter__()
        except CatalogueLockedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
            continue
        break
    try:
        yield con
    finally:
        opened.__exit__(None, None, None)


def draw_history(warehouse: Path, folder: Path) -> list[Path]:
    """Draw recall over the checkpoints, by relation and of the facts missed most."""
    from flows.reporting.heat_map import facts_map, relations_map

    history = open_history(warehouse)
    return [
        relations_map(history.by_relation().to_pylist(), folder),
        facts_map(history.troubled().to_pylist(), folder),
    ]


@dataclass(frozen=True, kw_only=True)
class FactAt:
    """One fact at one judged checkpoint; null where that does not hold it."""

    measured_at: datetime
    run_key: str
    mode: str
    as_of: str
    passed: bool
    """The gate let the checkpoint pass."""
    state: str
    answer: str | None
    num_own: int | None
    num_own_exact: int | None
    num_heldout: int | None
    num_heldout_exact: int | None
    num_agreeing: int | None
    num_oracle_exact: int | None
    is_carried: bool | None
    said: str | None


@dataclass(frozen=True, kw_only=True)
class FactHistory:
    """One fact at every judged checkpoint, the oldest first."""

    subject: str
    relation: str
    fact_id: str
    checkpoints: Sequence[FactAt]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What answers a question about all facts."""

    question: str
    num_checkpoints: int
    since: str | None
    """The run from which on; null where the question asks for none."""
    facts: Sequence[Mapping[str, object]]
    """Rows, with the columns of that question's statement in `warehouse/recall/history.sql`."""

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {name: value for name, value in vars(self).items() if name != "since" or value}


def history_of(home: Home, subject: str, relation: str) -> FactHistory:
    """Return one fact at every checkpoint, the oldest first.

    Raises:
        NoHistoryError: no run was judged yet.
        SettingsError: no checkpoint ever held that fact.
    """
    history = open_history(home.warehouse)
    subject, relation = normal_form(subject), relation_name(relation)
    fact_id = history.fact_id_of(subject, relation)
    rows = [FactAt(**row) for row in history.of_fact(fact_id).to_pylist()]
    if all(row.state == "not held" for row in rows):
        known = history.facts.to_table(columns=["subject", "relation"])
        of_subject = known.filter(pc.equal(known["subject"], subject))["relation"].unique()
        near = (
            hint(relation, of_subject.to_pylist(), what="it has")
            if len(of_subject)
            else hint(subject, known["subject"].unique().to_pylist(), what="held are")
        )
        raise SettingsError(
            f"no checkpoint held a fact of subject {subject!r} and relation {relation!r}{near}"
        )
    return FactHistory(subject=subject, relation=relation, fact_id=fact_id, checkpoints=rows)


def regressed(home: Home, since: str) -> Listed:
    """List the facts that the newest checkpoint recalls worse than that of a run or a day."""
    history = open_history(home.warehouse)
    return _listed(
        history, "regressed", history.regressed_since(since), history.checkpoint_at(since)
    )


def never_memorized(home: Home) -> Listed:
    """List the facts whose present answer no checkpoint gave."""
    history = open_history(home.warehouse)
    return _listed(history, "never", history.never_memorized())


def flapping(home: Home) -> Listed:
    """List the facts that were memorized and lost by turns."""
    history = open_history(home.warehouse)
    return _listed(history, "flapping", history.flapping())


def _listed(
    history: RecallHistory, question: str, rows: pa.Table, since: str | None = None
) -> Listed:
    return Listed(
        question=question,
        num_checkpoints=history.evaluations.num_rows,
        since=since,
        facts=rows.to_pylist(),
    )
