"""Publish what was decided as immutable Parquet, and read it: readers never open the catalogue.

    home/HEAD.json                     which snapshot is current, and which one was published last
                                       for each as-of date; replaced atomically
    home/snapshots/<16 hex>/           a Parquet file for each of TABLES, the manifest, and
                                       views.sql for those who live in SQL

A snapshot is built aside, flushed to the disk and renamed, so it is there whole or not at all.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import durable, failpoints, query
from warehouse.catalogue import WAYS_BACK, look_back, now
from warehouse.claims import RelationRule
from warehouse.errors import (
    CatalogueGoneError,
    NoSnapshotError,
    SnapshotDamagedError,
    StaleDecisionsError,
    Where,
)
from warehouse.within import within

TABLES = (
    "facts",
    "claims",
    "quarantine",
    "conflicts",
    "duplicates",
    "timeline",
    "sources",
    "relations",
)
VIEWS = "views.sql"
FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A published snapshot, read from its files."""

    path: Path
    manifest: dict[str, Any]

    @property
    def snapshot_hash(self) -> str:
        """Fingerprint of everything in it."""
        return str(self.manifest["snapshot_hash"])

    @property
    def training_hash(self) -> str:
        """Fingerprint of facts, prompts and answers."""
        return str(self.manifest["training_hash"])

    def facts(self) -> pa.Table:
        """Return the facts, ordered by fact_id."""
        return self._read("facts")

    def claims(self) -> pa.Table:
        """Return every claim with its status, reason and origin."""
        return self._read("claims")

    def quarantine(self) -> pa.Table:
        """Return the rows that were not taken in, with the reason."""
        return self._read("quarantine")

    def conflicts(self) -> pa.Table:
        """Return the ties."""
        return self._read("conflicts")

    def duplicates(self) -> pa.Table:
        """Return the rows that repeat a claim."""
        return self._read("duplicates")

    def timeline(self) -> pa.Table:
        """Return what held when in the time-varying slots."""
        return self._read("timeline")

    def sources(self) -> pa.Table:
        """Return how each source fared in each relation, with its accuracy where it was learned."""
        return self._read("sources")

    def relations(self) -> pa.Table:
        """Return the rule of each relation that has one declared, and the default under null."""
        return self._read("relations")

    def verify(self) -> None:
        """Compare every file with the manifest.

        Raises:
            SnapshotDamagedError: a file is missing or differs.
            OutsideHomeError: the manifest names one that lies elsewhere.
        """
        for name in self.manifest["files"]:
            self._compare(within(self.path, name), _sha256)

    def about(self, name: str, fact_id: str) -> list[dict[str, Any]]:
        """Return the rows of one of TABLES about one slot, reading no more than it must."""
        found: list[dict[str, Any]] = self._read(name, [("fact_id", "=", fact_id)]).to_pylist()
        return found

    def _read(self, name: str, filters: list[tuple[str, str, str]] | None = None) -> pa.Table:
        path = within(self.path, f"{name}.parquet")
        self._compare(path, _sha256_once)
        try:
            return pq.read_table(path, filters=filters)
        except (OSError, pa.ArrowException) as error:
            raise SnapshotDamagedError(f"cannot read {path}: {error}") from error

    def _compare(self, path: Path, hash_of: Callable[[Path], str]) -> None:
        entry = self.manifest.get("files", {}).get(path.name)
        try:
            found = None if entry is None else hash_of(path)
        except OSError as error:
            raise _other_than_published(path) from error
        if entry is not None and found != entry["sha256"]:
            raise _other_than_published(path)


def publish(con: duckdb.DuckDBPyConnection, home: Path) -> Snapshot:
    """Write the decided state under `home` and make it the head; the same state is written once.

    Raises:
        StaleDecisionsError: nothing was reconciled since the last ingest.
        CatalogueGoneError: it knows fewer rows than what is published was made of.
    """
    look_back(con, None)
    snapshot = write_snapshot(con, home)
    _expect_no_loss(snapshot, home)
    failpoints.reach("publish.before_head")
    as_of = _totals(con)["as_of"].isoformat()
    name = snapshot.path.name
    _tell_head(home, snapshot=name, as_of=as_of, dates={**published_dates(home), as_of: name})
    failpoints.reach("publish.after_head")
    query.execute(con, "snapshot_published", snapshot_hash=snapshot.snapshot_hash, now=now())
    return snapshot


def _expect_no_loss(snapshot: Snapshot, home: Path) -> None:
    # Claims are never deleted, only refused rows are (`lamini gc`).
    try:
        before = head(home)
    except (NoSnapshotError, SnapshotDamagedError):
        return
    now, then = _num_taken_in(snapshot), _num_taken_in(before)
    if now < then:
        raise CatalogueGoneError(
            f"{home / 'catalogue.duckdb'} knows {now} rows that assert something, but what is "
            f"published was made of {then}: it is an older one, or another home's; {WAYS_BACK}",
            where=Where(file=str(home / "catalogue.duckdb")),
        )


def _num_taken_in(snapshot: Snapshot) -> int:
    counts = snapshot.manifest.get("counts", {})
    return sum(int(count) for status, count in counts.items() if status != "quarantined")


def set_head(home: Path, snapshot: Snapshot, as_of: str | None) -> None:
    """Make a snapshot that was published before the head again; all else the head says stays."""
    _tell_head(home, snapshot=snapshot.path.name, as_of=as_of)


def drop_dates(home: Path, names: set[str]) -> None:
    """Let the head name none of these snapshots as the last one of a date."""
    told = _told_by_head(home)
    dates = {day: name for day, name in told.get("dates", {}).items() if name not in names}
    if dates != told.get("dates", {}):
        _tell_head(home, dates=dates)


def _tell_head(home: Path, **said: Any) -> None:
    durable.write_json(durable.sealed({**_told_by_head(home), **said}), home / "HEAD.json")


def _told_by_head(home: Path) -> dict[str, Any]:
    pointer = home / "HEAD.json"
    if not pointer.is_file():
        return {}
    told = _object(pointer, "delete it, then reconcile again to publish anew")
    dates, name = told.get("dates", {}), told.get("snapshot")
    if not isinstance(name, str) or not isinstance(dates, dict):
        raise SnapshotDamagedError(
            f"{pointer} names no snapshot; delete it, then reconcile again to publish anew"
        )
    for named in (*dates.values(), name):
        within(home / "snapshots", str(named))
    return told


def _object(path: Path, remedy: str) -> dict[str, Any]:
    try:
        return durable.read_json(path)
    except (OSError, ValueError) as error:
        raise SnapshotDamagedError(
            f"{path} cannot be read ({error}); {remedy}", where=Where(file=str(path))
        ) from error


def write_snapshot(con: duckdb.DuckDBPyConnection, home: Path) -> Snapshot:
    """Write the decided state under `home`, once, without making it the head.

    Raises:
        StaleDecisionsError: nothing was reconciled since the last ingest.
    """
    totals = _totals(con)
    folder = home / "snapshots" / str(totals["snapshot_hash"])[:16]
    staging = durable.staging_folder(home)
    if not (folder / "manifest.json").is_file():
        _build(con, staging, totals)
        failpoints.reach("publish.before_rename")
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging.rename(folder)
        durable.flush(folder.parent)
    durable.sweep(home)
    return open_snapshot(folder)


def _totals(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    totals = query.run(con, "reconcile_totals").to_pylist()
    if not totals:
        raise StaleDecisionsError(
            "claims came in after the last reconcile; run reconcile before publishing"
        )
    return totals[0]


def head(home: Path) -> Snapshot:
    """Return the current snapshot.

    Raises:
        NoSnapshotError: nothing was published under `home` yet.
        SnapshotDamagedError: the head points to a snapshot that is not there.
    """
    told = _told_by_head(home)
    if not told:
        raise NoSnapshotError(f"nothing is published in {home}; ingest a source, then reconcile")
    return open_snapshot(home / "snapshots" / str(told["snapshot"]))


def published_dates(home: Path) -> dict[str, str]:
    """Return the folder's name of the snapshot published last for each as-of date, in order."""
    told = _told_by_head(home)
    known = {str(told["as_of"]): told["snapshot"]} if "as_of" in told else {}
    return dict(sorted({**known, **told.get("dates", {})}.items()))


def open_snapshot(path: Path) -> Snapshot:
    """Open the snapshot in the folder `path`.

    Raises:
        SnapshotDamagedError: there is no manifest in it.
    """
    manifest = path / "manifest.json"
    if not manifest.is_file():
        raise SnapshotDamagedError(f"{manifest} is missing; reconcile again to publish anew")
    return Snapshot(path=path, manifest=_object(manifest, "reconcile again to publish anew"))


_PARAMS: dict[str, dict[str, str]] = {"relations": {"default_rule": RelationRule().to_json()}}


def _build(con: duckdb.DuckDBPyConnection, folder: Path, totals: dict[str, Any]) -> None:
    files = {}
    for name in TABLES:
        path = folder / f"{name}.parquet"
        rows = query.stream(con, f"export_{name}", **_PARAMS.get(name, {}))
        files[path.name] = {"num_rows": durable.stream_parquet(rows, path), "sha256": _sha256(path)}
    counts = {str(status): count for status, count in query.execute(con, "reconcile_counts")}
    (folder / VIEWS).write_text(query.text("published_views"), encoding="utf-8")
    durable.flush(folder / VIEWS)
    failpoints.reach("publish.after_files")
    manifest = {
        "format_version": FORMAT_VERSION,
        "snapshot_hash": totals["snapshot_hash"],
        "training_hash": totals["training_hash"],
        "num_slots": totals["num_slots"],
        "num_facts": totals["num_facts"],
        "num_input_rows": totals["num_input_rows"],
        "num_conflicts_resolved": totals["num_conflicts_resolved"],
        "num_ties": totals["num_ties"],
        "num_ambiguous_prompts": totals["num_ambiguous_prompts"],
        "counts": counts,
        "files": files,
    }
    durable.write_json(durable.sealed(manifest), folder / "manifest.json")


def _other_than_published(path: Path) -> SnapshotDamagedError:
    return SnapshotDamagedError(
        f"{path} is not the file that was published; restore it from a backup, or remove its "
        "folder and reconcile again",
        where=Where(file=str(path)),
    )


def _sha256_once(path: Path) -> str:
    """Return the hash of a file, read once for as long as it seems to be the same one."""
    stat = path.stat()
    return _sha256_of(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))


@lru_cache(maxsize=256)
def _sha256_of(path: Path, version: tuple[int, ...]) -> str:
    return _sha256(path)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
