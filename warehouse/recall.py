"""Keep what each run measured, per fact and template, so that recall can be followed over time."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import query
from warehouse.catalogue import transaction
from warehouse.errors import SourceError

KEPT = pa.schema(
    [
        ("fact_id", pa.string()),
        ("template", pa.string()),
        ("is_exact", pa.bool_()),
        ("agrees", pa.bool_()),
        ("oracle_exact", pa.bool_()),
    ]
)


def record_recall(con: duckdb.DuckDBPyConnection, path: Path, run_key: str) -> int:
    """Keep the recall measured in the Parquet file `path` under `run_key`; give its rows.

    What the same run recorded before is replaced. Columns of KEPT that the file lacks are null.

    Raises:
        SourceError: the file cannot be read, or has no column fact_id.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceError(f"cannot read the recall file {path}: {error}") from error
    if "fact_id" not in table.column_names:
        raise SourceError(f"{path} has no column fact_id; it has {table.column_names}")
    con.register("measured", _kept(table))
    try:
        with transaction(con):
            query.execute(con, "recall_clear", run_key=run_key)
            query.execute(con, "recall_record", run_key=run_key)
    finally:
        con.unregister("measured")
    return int(table.num_rows)


def _kept(table: pa.Table) -> pa.Table:
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in KEPT
    ]
    return pa.table(columns, schema=KEPT)
