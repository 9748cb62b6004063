"""List what may go, by the retention policy: runs, bank versions, snapshots and other files.

The champion, the previous one, the head snapshot and those that both were trained on never go. Of
the rest the newest stay by number, and nothing goes that was written in the last days.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from flows.configuration.retention import Retention
from flows.home.champion import Champion, checked_pointer

if TYPE_CHECKING:
    from flows.configuration.settings import Settings

_PARTS = (".checkpoint.staging", ".checkpoint.retired", ".checkpoint.rewritten")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One thing that may go."""

    kind: str
    path: Path
    why: str
    files: tuple[Path, ...] = ()
    """What goes of it."""
    versions: tuple[int, ...] = ()
    """Of a bank's dataset: the versions that go."""
    bytes: int = 0
    """What that frees after all that is listed before it: a file goes with its last link."""


def find(settings: "Settings", now: datetime) -> list[Item]:
    """List what may go, in the order in which it would.

    Raises:
        PointerDamagedError, SnapshotDamagedError, OutsideHomeError: nobody can say what must stay.
    """
    runs = [*_runs(settings, now)]
    gone = {item.path.name for item in runs}
    return [
        *_leftovers(settings, gone),
        *runs,
        *_bank_versions(settings, now, gone),
        *_snapshots(settings, now, gone),
        *_assignments(settings, now),
    ]


def counted(items: Iterable[Item]) -> list[Item]:
    """Return the items with the bytes that each frees once those before it are gone."""
    links: dict[tuple[int, int], int] = {}
    found = []
    for item in items:
        freed = 0
        for path in item.files:
            stat = path.stat()
            inode = (stat.st_dev, stat.st_ino)
            links[inode] = links.get(inode, 0) + 1
            if links[inode] == stat.st_nlink:
                freed += stat.st_size
        found.append(replace(item, bytes=freed))
    return found


def _kept_runs(settings: "Settings") -> list[Champion]:
    """Return those that never go: the champion and the previous one."""
    pointer = checked_pointer(settings.home)
    return [] if pointer is None else [pointer.champion, *pointer.history[:1]]


def _runs(settings: "Settings", now: datetime) -> Iterator[Item]:
    policy, stay = settings.retention, {kept.run_key for kept in _kept_runs(settings)}
    folders = [path for path in settings.home.runs.glob("[!.]*") if path.is_dir()]
    others = sorted((p for p in folders if p.name not in stay), key=_written, reverse=True)
    for folder in others[policy.keep_runs :]:
        if _is_old(folder, now, policy):
            why = f"beyond the {policy.keep_runs} newest, last written {_day(folder)}"
            yield Item(kind="run", path=folder, why=why, files=_files(folder))


def _bank_versions(settings: "Settings", now: datetime, gone: set[str]) -> Iterator[Item]:
    from lamini.checkpoint.checkpoint import read_manifest
    from lamini.errors import LaminiError

    for folder in sorted(settings.home.runs.glob("[!.]*/checkpoint")):
        # Until it is measured, an update compares its bank with the version before.
        measured = (folder.parent / "receipts" / "measure_recall.json").is_file()
        if folder.parent.name in gone or not measured:
            continue
        try:
            held = read_manifest(folder)["bank"]
        except LaminiError:
            continue
        for name in ("experts", "keys"):
            yield from _versions(folder / "bank" / f"{name}.lance", held[name], now, settings)


def _versions(uri: Path, held: int, now: datetime, settings: "Settings") -> Iterator[Item]:
    import lance

    dataset = lance.dataset(str(uri))
    since = now - timedelta(days=settings.retention.keep_days)
    # Lance gives local time without a zone.
    old = [
        int(entry["version"])
        for entry in dataset.versions()
        if entry["version"] != held and cast(datetime, entry["timestamp"]).astimezone(UTC) < since
    ]
    if not old:
        return
    told = dataset.explain_cleanup_old_versions(
        versions=old, delete_unverified=True, include_files=True, max_files=10**6
    )
    yield Item(
        kind="bank_version",
        path=uri,
        why=f"versions {_span(old)}; the checkpoint answers from {held}",
        # Lance names files from the root, without its slash.
        files=tuple(
            uri / candidate.path.rsplit(f"{uri.name}/", 1)[-1] for candidate in told.candidate_files
        ),
        versions=tuple(old),
    )


def _snapshots(settings: "Settings", now: datetime, gone: set[str]) -> Iterator[Item]:
    policy, pointer = settings.retention, checked_pointer(settings.home)
    known = () if pointer is None else (pointer.champion, *pointer.history)
    needed = {one.snapshot_hash[:16] for one in known if one.run_key not in gone}
    needed.add(_head_name(settings))
    folders = [*settings.home.snapshots.glob("*")]
    others = sorted((p for p in folders if p.name not in needed), key=_written, reverse=True)
    for folder in others[policy.keep_snapshots :]:
        if _is_old(folder, now, policy):
            why = f"beyond the {policy.keep_snapshots} newest, written {_day(folder)}"
            yield Item(kind="snapshot", path=folder, why=why, files=_files(folder))


def _assignments(settings: "Settings", now: datetime) -> Iterator[Item]:
    from warehouse.errors import NoSnapshotError
    from warehouse.snapshots import head

    try:
        needed = head(settings.home.warehouse).training_hash[:16]
    except NoSnapshotError:
        return
    for path in sorted(settings.home.assignments.glob("*.parquet")):
        if not path.name.startswith(needed) and _is_old(path, now, settings.retention):
            why = f"every run keeps its own copy; written {_day(path)}"
            yield Item(kind="assignment", path=path, why=why, files=(path,))


def _leftovers(settings: "Settings", gone: set[str]) -> Iterator[Item]:
    """List what killed processes left half made or half removed."""
    parts = [path for name in _PARTS for path in settings.home.runs.glob(f"[!.]*/{name}")]
    for path in sorted((*settings.home.runs.glob(".gone-*"), *parts)):
        unfinished = (
            path.name == ".checkpoint.rewritten" and not (path.parent / "checkpoint").exists()
        )
        if path.parent.name not in gone and not unfinished:
            yield Item(
                kind="leftover", path=path, why="a killed process left it", files=_files(path)
            )


def _head_name(settings: "Settings") -> str:
    from warehouse.errors import NoSnapshotError
    from warehouse.snapshots import head

    try:
        return head(settings.home.warehouse).path.name
    except NoSnapshotError:
        return ""


def _files(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()))


def _written(path: Path) -> float:
    """Return when the newest file in it was written or linked there."""
    parts = [path, *path.iterdir()] if path.is_dir() else [path]
    return max(part.lstat().st_mtime for part in parts)


def _is_old(path: Path, now: datetime, policy: Retention) -> bool:
    return datetime.fromtimestamp(_written(path), tz=UTC) < now - timedelta(days=policy.keep_days)


def _day(path: Path) -> str:
    return datetime.fromtimestamp(_written(path), tz=UTC).date().isoformat()


def _span(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{min(numbers)} to {max(numbers)}"
