"""Slots that are to be forgotten: claims about them take no part, whoever makes them, ever after.

A tombstone stands for one slot: a subject under one name, and a relation. Its claims get the status
`forgotten`, and are published without their text. Purged, the catalogue loses the text as well: of
the slot a salted hash is left, by which later claims about it are known, counted and emptied.

    home/tombstones.parquet    the tombstones that stand, for readers: hashes and reasons alone
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import durable, query
from warehouse.catalogue import now, transaction
from warehouse.normal import normal_form
from warehouse.same_as import final_names

FORGOTTEN = "(forgotten)"
"""Stands where a text was."""
DEFAULT_REASON = "a request to be forgotten"
FILE = "tombstones.parquet"


@dataclass(frozen=True, kw_only=True)
class Tombstone:
    """A slot that is to be forgotten."""

    slot_hash: str
    salt: str
    fact_id: str
    """Of the slot as it was asked for; the catalogue does not keep it once it is purged."""
    reason: str
    recorded_at: datetime
    purged_at: datetime | None

    @property
    def purged_id(self) -> str:
        """What stands for fact_id where the slot was purged."""
        return self.slot_hash[:16]


@dataclass(frozen=True, kw_only=True)
class SlotTexts:
    """What there is to find of a slot."""

    values: tuple[str, ...]
    prompts: tuple[str, ...]
    shared: tuple[str, ...]
    """Those of them that claims about other slots hold too."""


def names_of(subject: str, same_as: Mapping[str, str]) -> list[str]:
    """Give the name that the subject goes by, then all others declared to be the same.

    Raises:
        MappingError: names go in a circle, or one name goes by two.
    """
    final = final_names(same_as)
    name = normal_form(subject)
    goes_by = final.get(name, name)
    return [goes_by, *sorted({one for one, to in final.items() if to == goes_by} - {goes_by})]


def is_claimed(con: duckdb.DuckDBPyConnection, subjects: Sequence[str], relation: str) -> bool:
    """Whether any claim was ever about the slot under one of these names."""
    given = [normal_form(subject) for subject in subjects]
    rows = query.execute(con, "slots_named", subjects=given, relation=normal_form(relation))
    return bool(rows)


def bury(
    con: duckdb.DuckDBPyConnection,
    subjects: Sequence[str],
    relation: str,
    reason: str = DEFAULT_REASON,
    *,
    recorded_at: datetime | None = None,
) -> list[Tombstone]:
    """Put up a tombstone for the slot under each name; one that stands stays as it is."""
    known = query.execute(con, "tombstone_salt")
    with transaction(con):
        query.execute(
            con,
            "tombstone_set",
            subjects=[normal_form(subject) for subject in subjects],
            relation=normal_form(relation),
            reason=normal_form(reason) or DEFAULT_REASON,
            salt=str(known[0][0]) if known else secrets.token_hex(16),
            now=recorded_at or now(),
        )
        query.execute(con, "forget_reconciled")
    return standing(con, subjects, relation)


def standing(
    con: duckdb.DuckDBPyConnection, subjects: Sequence[str], relation: str
) -> list[Tombstone]:
    """Give the tombstones that stand for the slot under these names."""
    rows = query.run(
        con,
        "tombstones_of",
        subjects=[normal_form(subject) for subject in subjects],
        relation=normal_form(relation),
    )
    return [Tombstone(**row) for row in rows.to_pylist()]


def lift(
    con: duckdb.DuckDBPyConnection,
    tombstones: Sequence[Tombstone],
    *,
    recorded_at: datetime | None = None,
) -> None:
    """Let claims about these slots take part again; what was purged does not come back."""
    hashes = [tombstone.slot_hash for tombstone in tombstones]
    with transaction(con):
        query.execute(con, "tombstone_lift", slot_hashes=hashes, now=recorded_at or now())
        query.execute(con, "forget_reconciled")


def texts_of(con: duckdb.DuckDBPyConnection, fact_ids: Sequence[str]) -> SlotTexts:
    """Give all texts that the catalogue holds of these slots."""
    rows = query.run(con, "slot_texts", fact_ids=list(fact_ids)).to_pylist()
    texts = [row["text"] for row in rows]
    shared = query.execute(con, "values_elsewhere", texts=texts, fact_ids=list(fact_ids))
    return SlotTexts(
        values=tuple(row["text"] for row in rows if row["kind"] == "value"),
        prompts=tuple(row["text"] for row in rows if row["kind"] == "prompt"),
        shared=tuple(str(text) for (text,) in shared),
    )


def origins_of(con: duckdb.DuckDBPyConnection, fact_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Give the rows of the sources that assert these slots: source, file, row."""
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
            for name in query.names("purge_"):
                wanted = {
                    key: value for key, value in given.items() if f"${key}" in query.text(name)
                }
                query.execute(con, name, **wanted)
        query.execute(con, "forget_quarantine")
        named = [normal_form(subject) for subject in subjects]
        query.execute(con, "forget_raw", subjects=named, values=list(values))
        query.execute(con, "forget_said", texts=list(texts))
        query.execute(con, "forget_reconciled")


def keep_out(con: duckdb.DuckDBPyConnection) -> None:
    """Take the text out of judged rows about purged slots, and of refused ones."""
    query.execute(con, "forget_rows")
    query.execute(con, "forget_quarantine")


def spread(con: duckdb.DuckDBPyConnection, merged: pa.Table, names: Mapping[str, str]) -> None:
    """Let tombstones of any name hold for the name that it goes by, as the batch uses it."""
    final = final_names(names)
    table = pa.table(
        {
            "name": pa.array(final.keys(), pa.string()),
            "goes_by": pa.array(final.values(), pa.string()),
        }
    )
    con.register("same_as", table)
    con.register("merged", merged)
    try:
        (inserted,) = query.execute(con, "tombstone_spread", now=now())
        if inserted[0]:
            query.execute(con, "forget_reconciled")
    finally:
        con.unregister("same_as")
        con.unregister("merged")


def publish_tombstones(con: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Write the tombstones that stand under `home`, for readers."""
    durable.write_parquet(query.run(con, "export_tombstones"), home / FILE)


def published_tombstone(home: Path, subject: str, relation: str) -> dict[str, Any] | None:
    """Give reason, recorded_at and purged_at of a slot that is to be forgotten, else null."""
    named = {"subject": normal_form(subject), "relation": normal_form(relation)}
    rows = _ask_published(home, "tombstone_published", **named)
    return rows[0] if rows else None


def published_among(home: Path, fact_ids: Sequence[str]) -> list[str]:
    """Give those of the slots that are to be forgotten."""
    return [row["fact_id"] for row in _ask_published(home, "tombstones_among", fact_ids=fact_ids)]


def _ask_published(home: Path, name: str, **params: object) -> list[dict[str, Any]]:
    path = home / FILE
    if not path.is_file():
        return []
    with query.connect() as con:
        con.register("tombstones", pq.read_table(path))
        rows: list[dict[str, Any]] = query.run(con, name, **params).to_pylist()
    return rows
