"""Keep what each run recalls of each fact, so that recall can be followed over time.

The catalogue holds every question's outcome; what readers need is published beside the snapshots:

    HOME/warehouse/recall/evaluations.parquet      the judged runs, in the order of measuring
    HOME/warehouse/recall/facts/RUN_KEY.parquet    what one of them recalls of each fact
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import query
from warehouse.catalogue import transaction
from warehouse.durable import write_parquet
from warehouse.errors import SourceError

KEPT = pa.schema(
    [
        ("fact_id", pa.string()),
        ("template", pa.string()),
        ("is_exact", pa.bool_()),
        ("agrees", pa.bool_()),
        ("oracle_exact", pa.bool_()),
        ("kind", pa.string()),
        ("answer", pa.string()),
        ("generated", pa.string()),
        ("is_carried", pa.bool_()),
    ]
)
FOLDER, EVALUATIONS, FACTS = "recall", "evaluations.parquet", "facts"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One judged run: a checkpoint at which the recall of each fact is known."""

    run_key: str
    mode: str
    base: str | None
    """The run that was updated; null for a full run."""
    snapshot_hash: str
    as_of: str
    passed: bool
    """The gate let it become the champion."""
    measured_at: datetime
    """UTC, without zone; it puts the runs in order."""


def record_recall(
    con: duckdb.DuckDBPyConnection, path: Path, run_key: str, *, num_asked: int | None = None
) -> int:
    """Keep the recall measured in the Parquet file `path` under `run_key`; give its rows.

    What the same run recorded before is replaced. Columns of KEPT that the file lacks are null. The
    first `num_asked` rows (default all) were measured by this run; the others are carried over.

    Raises:
        SourceError: the file cannot be read, or has no column fact_id.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot read the recall file {path}: {error}") from error
    if "fact_id" not in table.column_names:
        raise SourceError(f"{path} has no column fact_id; it has {table.column_names}")
    if num_asked is not None:
        carried = pa.array([row >= num_asked for row in range(table.num_rows)], pa.bool_())
        table = table.append_column("is_carried", carried)
    con.register("measured", _kept(table))
    try:
        with transaction(con):
            query.execute(con, "recall_clear", run_key=run_key)
            query.execute(con, "recall_record", run_key=run_key)
    finally:
        con.unregister("measured")
    return int(table.num_rows)


def record_evaluation(
    con: duckdb.DuckDBPyConnection, warehouse: Path, evaluation: Evaluation
) -> Path:
    """Keep that a run was judged, and publish what it recalls; give the file of its facts.

    Done again, it changes nothing.
    """
    with transaction(con):
        query.execute(con, "evaluation_clear", run_key=evaluation.run_key)
        query.execute(con, "evaluation_record", **asdict(evaluation))
    # The facts first: whoever reads of a run finds them.
    path = _publish(con, warehouse, evaluation.run_key)
    write_parquet(query.run(con, "export_evaluations"), warehouse / FOLDER / EVALUATIONS)
    return path


def _publish(con: duckdb.DuckDBPyConnection, warehouse: Path, run_key: str) -> Path:
    path = warehouse / FOLDER / FACTS / f"{run_key}.parquet"
    write_parquet(query.run(con, "export_fact_recall", run_key=run_key), path)
    return path


def _kept(table: pa.Table) -> pa.Table:
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in KEPT
    ]
    return pa.table(columns, schema=KEPT)
