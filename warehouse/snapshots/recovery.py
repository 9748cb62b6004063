"""Make a catalogue that was lost anew, from the claims of the newest snapshot.

A snapshot has every claim, so what was decided can be decided again. It lacks what the sources
bring back when they are read next: refused rows, watermarks, the time at which each claim came.
"""

from dataclasses import dataclass
from pathlib import Path

from warehouse import query
from warehouse.catalogue import now, open_catalogue, transaction
from warehouse.errors import CatalogueGoneError
from warehouse.snapshots.snapshot import head


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What a new catalogue was made of."""

    snapshot_hash: str
    num_claims: int
    num_rows: int
    num_tombstones: int


def recover(home: Path) -> Recovered:
    """Make the catalogue of `home` from its newest snapshot and its tombstones.

    Killed, it is done again: the catalogue is empty until all of it is in.

    Raises:
        CatalogueGoneError: there is one that holds claims; nothing was changed.
        NoSnapshotError: nothing is published.
        SnapshotDamagedError: the snapshot is not as it was published.
        CatalogueLockedError: another process has it open.
    """
    snapshot = head(home)
    tables = {
        "published_claims": snapshot.claims(),
        "published_duplicates": snapshot.duplicates(),
        "published_relations": snapshot.relations(),
    }
    content_hash, moment = f"recovered {snapshot.snapshot_hash}", now()
    with open_catalogue(home, anew=True) as con:
        if query.execute(con, "holds_claims"):
            raise CatalogueGoneError(
                f"{home / 'catalogue.duckdb'} holds claims; move it away to make another one from "
                "the newest snapshot"
            )
        for name, table in tables.items():
            con.register(name, table)
        with transaction(con):
            query.execute(con, "recover_claims", now=moment)
            query.execute(con, "recover_origins", content_hash=content_hash)
            query.execute(con, "recover_slots")
            query.execute(con, "recover_relations", now=moment)
            query.execute(con, "recover_retractions", now=moment)
            named = {"content_hash": content_hash, "file": f"snapshot {snapshot.path.name}"}
            query.execute(con, "recover_ingest", now=moment, **named)
        (counts,) = query.execute(con, "recovered")
    claims, rows, tombstones = (int(str(count)) for count in counts)
    return Recovered(
        snapshot_hash=snapshot.snapshot_hash,
        num_claims=claims,
        num_rows=rows,
        num_tombstones=tombstones,
    )
