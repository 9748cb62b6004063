"""Remove what may go: runs, bank versions, snapshots, assignments, refused rows, leftovers.

    lamini gc [--dry-run]

Reads and removes under HOME/runs and HOME/warehouse; `may_go` says what. Killed in the middle, the
same command goes on.
"""

import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows import failpoints
from flows.configuration.retention import Retention
from flows.forgetting.may_go import Item, counted, find
from flows.home.champion import changing, checked_pointer
from flows.home.run_lock import run_lock
from warehouse.snapshots import drop_dates

if TYPE_CHECKING:
    from flows.configuration.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Removed:
    """One thing that went, or may go."""

    kind: str
    path: str
    """From the home."""
    why: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class Emptied:
    """Rows that were refused long ago, and now are without their text."""

    rows: int = 0
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Collected:
    """What was removed, or may be, and by which policy."""

    dry_run: bool
    items: tuple[Removed, ...]
    refused_rows: Emptied
    bytes: int
    policy: Retention


def collect(settings: "Settings", *, dry_run: bool = False) -> Collected:
    """Remove what may go, or only say so; give each thing with the bytes that it frees.

    Raises:
        RunLockedError: a run works on the home.
        CatalogueLockedError: another process writes to the catalogue.
        PointerDamagedError, SnapshotDamagedError, OutsideHomeError: a pointer is broken, and what
            it should name must stay; nothing is removed.
    """
    with run_lock(settings.home), changing(settings.home):
        items = _found(settings) if dry_run else _remove(settings)
        refused = _refused_rows(settings, dry_run=dry_run)
    return Collected(
        dry_run=dry_run,
        items=tuple(
            Removed(
                kind=item.kind,
                path=str(item.path.relative_to(settings.home.path)),
                why=item.why,
                bytes=item.bytes,
            )
            for item in items
        ),
        refused_rows=refused,
        bytes=sum(item.bytes for item in items) + refused.bytes,
        policy=settings.retention,
    )


def _found(settings: "Settings") -> list[Item]:
    return counted(find(settings, datetime.now(tz=UTC)))


def _remove(settings: "Settings") -> list[Item]:
    from flows.tracking.registry import drop_versions  # slow
    from warehouse.catalogue import open_catalogue

    with open_catalogue(settings.home.warehouse):  # nobody publishes meanwhile
        items = _found(settings)
        gone = {item.path.name for item in items if item.kind == "run"}
        _drop_runs(settings, gone)
        drop_dates(
            settings.home.warehouse, {item.path.name for item in items if item.kind == "snapshot"}
        )
        failpoints.reach("gc.after_pointer")
        for item in items:
            _remove_one(item)
            failpoints.reach("gc.while_removing")
    drop_versions(settings.home, gone)
    return items


def _drop_runs(settings: "Settings", gone: set[str]) -> None:
    """Let the pointer lead to no run that goes, before it goes: a kill leaves no dead end."""
    pointer = checked_pointer(settings.home)
    if pointer is None:
        return
    history = tuple(before for before in pointer.history if before.run_key not in gone)
    if history != pointer.history:
        replace(pointer, history=history).write(settings.home)


def _remove_one(item: Item) -> None:
    if item.versions:
        import lance

        # The run lock keeps all writers out, so what no version names is nobody's.
        lance.dataset(str(item.path)).cleanup_old_versions(
            versions=[*item.versions], delete_unverified=True
        )
    elif item.path.is_dir():
        away = item.path.with_name(f".gone-{item.path.name}") if item.kind == "run" else item.path
        if away != item.path:
            item.path.rename(away)
        shutil.rmtree(away)
    else:
        item.path.unlink(missing_ok=True)


def _refused_rows(settings: "Settings", *, dry_run: bool) -> Emptied:
    """Take the text out of rows that were refused long ago; give how many, and the bytes freed."""
    from warehouse.catalogue import open_catalogue, rewrite_catalogue
    from warehouse.intake import drop_texts, old_texts

    if not settings.home.catalogue.is_file():
        return Emptied()
    days = settings.retention.keep_quarantine_days
    with open_catalogue(settings.home.warehouse) as con:
        rows, size = old_texts(con, days)
        if dry_run or not rows:
            return Emptied(rows=rows, bytes=size)
        drop_texts(con, days)
    return Emptied(rows=rows, bytes=rewrite_catalogue(settings.home.warehouse))
