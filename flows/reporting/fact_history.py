"""Recall of each fact at each judged run: kept in the warehouse, asked of it, drawn.

Reads: RUN/recall/recall.parquet, HOME/warehouse/recall. Writes: the catalogue,
HOME/warehouse/recall and RUN/plots/heat_*.png.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
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
from warehouse.recall import Evaluation, open_history, record_evaluation

_WAIT_SECONDS = 600.0
"""What a training found is not lost to a large reconcile beside it."""


def keep_evaluation(settings: Settings, folder: RunFolder, judged: Champion, passed: bool) -> Path:
    """Keep that the run was judged, and publish what it recalls of each fact; give that file.

    Raises:
        CatalogueLockedError: another process holds the catalogue for longer than an ingest takes.
    """
    measured = (folder.path / "recall" / "recall.parquet").stat().st_mtime
    evaluation = Evaluation(
        run_key=folder.key,
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


def history_of(home: Home, subject: str, relation: str) -> dict[str, Any]:
    """Return one fact at every checkpoint, the oldest first.

    Raises:
        NoHistoryError: no run was judged yet.
        SettingsError: no checkpoint ever held that fact.
    """
    history = open_history(home.warehouse)
    subject, relation = normal_form(subject), relation_name(relation)
    fact_id = history.fact_id_of(subject, relation)
    rows = history.of_fact(fact_id).to_pylist()
    if all(row["state"] == "not held" for row in rows):
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
    return {"subject": subject, "relation": relation, "fact_id": fact_id, "checkpoints": rows}


def listed(home: Home, question: str, since: str | None = None, turns: int = 2) -> dict[str, Any]:
    """Answer one of the questions about all facts: `regressed`, `never` or `flapping`."""
    history = open_history(home.warehouse)
    found: dict[str, Any] = {"question": question, "num_checkpoints": history.evaluations.num_rows}
    if question == "regressed":
        assert since is not None
        found["since"] = history.checkpoint_at(since)
        rows = history.regressed_since(since)
    elif question == "never":
        rows = history.never_memorized()
    else:
        rows = history.flapping(turns)
    return {**found, "facts": rows.to_pylist()}
