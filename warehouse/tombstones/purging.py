"""Take the text of slots out of the catalogue: their rows go on to count, under a salted hash."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from warehouse import query
from warehouse.catalogue import now, transaction
from warehouse.normal import normal_form
from warehouse.tombstones.tombstone import Tombstone

_PURGE = {
    "purge_origins": ("fact_id", "salt"),
    "purge_retractions": ("fact_id", "salt"),
    "purge_quarantine": ("fact_id", "salt"),
    "purge_decisions": ("fact_id",),
    "purge_claims": ("fact_id", "salt", "slot_hash"),
    "purge_slots": ("fact_id", "slot_hash"),
    "purge_slot_twice": ("slot_hash",),
    "purge_ambiguous_prompts": ("fact_id",),
    "purge_assignment": ("fact_id",),
    "purge_change_log": ("fact_id",),
    "purge_conflicts": ("fact_id",),
    "purge_facts": ("fact_id",),
    "purge_recall": ("fact_id",),
    "purge_suspected_claims": ("fact_id",),
    "purge_timeline": ("fact_id",),
    "purge_tombstone": ("slot_hash", "now"),
}
"""The statements in their order, each with its parameters: what is named after the claims goes
before them, and the slot's own row after them."""


@dataclass(frozen=True, kw_only=True)
class SlotTexts:
    """What there is to find of a slot."""

    values: tuple[str, ...]
    prompts: tuple[str, ...]
    shared: tuple[str, ...]
    """Those of them that claims about other slots hold too."""


def texts_of(con: duckdb.DuckDBPyConnection, fact_ids: Sequence[str]) -> SlotTexts:
    """Return all texts that the catalogue holds of these slots."""
    rows = query.run(con, "slot_texts", fact_ids=list(fact_ids)).to_pylist()
    texts = [row["text"] for row in rows]
    shared = query.execute(con, "values_elsewhere", texts=texts, fact_ids=list(fact_ids))
    return SlotTexts(
        values=tuple(row["text"] for row in rows if row["kind"] == "value"),
        prompts=tuple(row["text"] for row in rows if row["kind"] == "prompt"),
        shared=tuple(str(text) for (text,) in shared),
    )


def origins_of(con: duckdb.DuckDBPyConnection, fact_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of the sources that assert these slots: source, file, row."""
    rows: list[dict[str, Any]] = query.run(con, "slot_origins", fact_ids=list(fact_ids)).to_pylist()
    return rows


def purge(
    con: duckdb.DuckDBPyConnection,
    tombstones: Sequence[Tombstone],
    subjects: Sequence[str],
    values: Sequence[str],
    texts: Sequence[str] = (),
    *,
    recorded_at: datetime | None = None,
) -> None:
    """Take the text of these slots out of every table; their rows go on to count.

    `texts` are covered in what was said to questions about other slots, too. The file of the
    catalogue still holds all of it in free blocks: see `rewriting.rewrite_catalogue`.
    """
    with transaction(con):
        for tombstone in tombstones:
            given = {
                "fact_id": tombstone.fact_id,
                "salt": tombstone.salt,
                "slot_hash": tombstone.slot_hash,
                "now": recorded_at or now(),
            }
            for name, params in _PURGE.items():
                query.execute(con, name, **{param: given[param] for param in params})
        query.execute(con, "forget_quarantine")
        named = [normal_form(subject) for subject in subjects]
        query.execute(con, "forget_raw", subjects=named, values=list(values))
        query.execute(con, "forget_said", texts=list(texts))
        query.execute(con, "drop_reconciled")


def keep_out(con: duckdb.DuckDBPyConnection) -> None:
    """Take the text out of judged rows about purged slots, and of refused ones."""
    query.execute(con, "forget_rows")
    query.execute(con, "forget_quarantine")
