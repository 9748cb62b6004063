"""Write the tombstones that stand for readers, who never open the catalogue, and read them.

home/tombstones.parquet    hashes and reasons alone
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from warehouse import durable, query
from warehouse.catalogue import TOMBSTONES
from warehouse.normal import normal_form


def publish_tombstones(con: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Write the tombstones that stand under `home`, for readers."""
    durable.write_parquet(query.run(con, "export_tombstones"), home / TOMBSTONES)


def published_tombstone(home: Path, subject: str, relation: str) -> dict[str, Any] | None:
    """Return reason, recorded_at and purged_at of a slot that is to be forgotten, else null."""
    named = {"subject": normal_form(subject), "relation": normal_form(relation)}
    rows = _ask_published(home, "tombstone_published", **named)
    return rows[0] if rows else None


def published_among(home: Path, fact_ids: Sequence[str]) -> list[str]:
    """Return those of the slots that are to be forgotten."""
    return [row["fact_id"] for row in _ask_published(home, "tombstones_among", fact_ids=fact_ids)]


def _ask_published(home: Path, name: str, **params: object) -> list[dict[str, Any]]:
    path = home / TOMBSTONES
    if not path.is_file():
        return []
    with query.connect() as con:
        con.register("tombstones", pq.read_table(path))
        rows: list[dict[str, Any]] = query.run(con, name, **params).to_pylist()
    return rows
