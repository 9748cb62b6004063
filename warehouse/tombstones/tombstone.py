"""Slots that are to be forgotten: claims about them take no part, whoever makes them, ever after.

A tombstone stands for one slot: a subject under one name, and a relation. Its claims get the status
`forgotten`, and are published without their text. Purged, the catalogue loses the text as well: of
the slot a salted hash is left, by which later claims about it are known, counted and emptied.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse import query
from warehouse.catalogue import now, transaction
from warehouse.claims import final_names
from warehouse.normal import normal_form

FORGOTTEN = "(forgotten)"
"""Stands where a text was."""
DEFAULT_REASON = "a request to be forgotten"


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


def names_of(subject: str, same_as: Mapping[str, str]) -> list[str]:
    """Return the name that the subject goes by, then all others declared to be the same.

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


def add(
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
        query.execute(con, "drop_reconciled")
    return standing(con, subjects, relation)


def standing(
    con: duckdb.DuckDBPyConnection, subjects: Sequence[str], relation: str
) -> list[Tombstone]:
    """Return the tombstones that stand for the slot under these names."""
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
        query.execute(con, "drop_reconciled")


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
            query.execute(con, "drop_reconciled")
    finally:
        con.unregister("same_as")
        con.unregister("merged")
