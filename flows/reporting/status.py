"""Collect what is known about a home from its files alone: no catalogue is opened.

Reads: HOME/warehouse/HEAD.json and its snapshot, HOME/HEAD_CHECKPOINT.json, HOME/runs,
HOME/run.json, HOME/services.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.errors import NothingYetError, PointerDamagedError
from flows.home.champion import Champion, Pointer, checked_pointer
from flows.home.current_run import RunState, run_state
from flows.home.home import Home
from flows.home.receipts import Measured, Trained, Updated
from flows.home.run_folder import RunFolder
from flows.servers.server import find
from warehouse.errors import MappingError, NoSnapshotError, OutsideHomeError, SnapshotDamagedError
from warehouse.snapshots import Snapshot, diff, head, open_snapshot

MAX_RUNS = 5


@dataclass(frozen=True, kw_only=True)
class Published:
    """The head snapshot, and the day whose facts it holds."""

    path: str
    snapshot_hash: str
    as_of: str | None
    manifest: Mapping[str, Any]
    """What it says of itself, but for its files."""

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {"path": self.path, "as_of": self.as_of, **self.manifest}


@dataclass(frozen=True, kw_only=True)
class Promoted:
    """What the pointer says of the champion, and where that lies."""

    pointer: Pointer
    path: str

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {**self.pointer.told(), "path": self.path}


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The head snapshot minus what the champion was trained on, in facts."""

    added: int
    changed: int
    retired: int
    unchanged: int

    @property
    def shown(self) -> str:
        """As people read it."""
        return (
            f"{self.added} added, {self.changed} changed, {self.retired} retired, "
            f"{self.unchanged} unchanged"
        )


@dataclass(frozen=True, kw_only=True)
class WaitingUnknown:
    """Why nobody can say what waits: one of the two snapshots cannot be read."""

    unknown: str

    @property
    def shown(self) -> str:
        """As people read it."""
        return f"unknown: {self.unknown}"


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """A run by the receipts that it left."""

    run_key: str
    steps: tuple[str, ...]
    last_written: str


@dataclass(frozen=True, kw_only=True)
class KnownServer:
    """A server of the home whose process runs."""

    name: str
    url: str
    page: str
    pid: int
    answers: bool


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where a home stands."""

    home: str
    broken: Sequence[str]
    """What a pointer should name and does not, and registered sources that cannot be read."""
    snapshot: Published | None
    checkpoint: Promoted | None
    pending: Waiting | WaitingUnknown | None
    """Null where nothing is published."""
    capacity_alarm: str | None
    run: RunState | None
    runs: Sequence[PastRun]
    servers: Sequence[KnownServer]


@dataclass(frozen=True, kw_only=True)
class MeasuredRun:
    """What a run measured of recall."""

    run_key: str
    measured: Measured

    def told(self) -> dict[str, object]:
        """Return it as programs read it."""
        return {"run_key": self.run_key, **self.measured.told()}


def status(home: Home) -> Status:
    """Return snapshot, checkpoint, pending changes, capacity alarm, last runs, servers of `home`.

    What a broken pointer should name is left out, and `broken` says why; sources are named, too.
    """
    snapshot, pointer, broken = None, None, []
    try:
        snapshot = head(home.warehouse)
    except NoSnapshotError:
        pass
    except (SnapshotDamagedError, OutsideHomeError) as error:
        broken.append(str(error))
    try:
        pointer = checked_pointer(home)
    except PointerDamagedError as error:
        broken.append(str(error))
    champion = None if pointer is None else pointer.champion
    return Status(
        home=str(home),
        broken=[*broken, *_broken_sources(home)],
        snapshot=None if snapshot is None else _published(home, snapshot),
        checkpoint=None
        if pointer is None
        else Promoted(pointer=pointer, path=str(home.checkpoint(pointer.champion.path))),
        pending=None if snapshot is None else _waiting(home, snapshot, champion),
        capacity_alarm=_capacity_alarm(home, champion),
        run=run_state(home),
        runs=last_runs(home)[:MAX_RUNS],
        servers=_servers(home),
    )


def last_runs(home: Home) -> list[PastRun]:
    """List the runs of `home` with the steps that left a receipt, the newest first."""
    runs = []
    for folder in home.runs.glob("*/receipts"):
        receipts = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        if receipts:
            written = datetime.fromtimestamp(receipts[-1].stat().st_mtime, tz=UTC)
            runs.append(
                PastRun(
                    run_key=folder.parent.name,
                    steps=tuple(file.stem for file in receipts),
                    last_written=written.isoformat(timespec="seconds"),
                )
            )
    return sorted(runs, key=lambda run: run.last_written, reverse=True)


def newest_recall(home: Home) -> MeasuredRun:
    """Return the newest recall measurement, with its run key.

    Raises:
        NothingYetError: no run measured recall yet.
    """
    found = sorted(
        home.runs.glob("*/receipts/measure_recall.json"), key=lambda f: f.stat().st_mtime
    )
    folder = RunFolder(path=found[-1].parents[1]) if found else None
    measured = None if folder is None else folder.read(Measured)
    if folder is None or measured is None:
        raise NothingYetError(f"no run in {home} measured recall yet; `lamini run` does")
    return MeasuredRun(run_key=folder.run_key, measured=measured)


def _broken_sources(home: Home) -> Iterator[str]:
    """Yield what is wrong with registered sources, as far as it shows without reading them."""
    from warehouse.sources import load_mapping
    from warehouse.sources.options import is_url
    from warehouse.sources.registry import registered

    for file in registered(home.sources):
        try:
            mapping = load_mapping(file)
        except MappingError as error:
            yield f"source {file.stem}: {error}"
            continue
        place = mapping.options.location
        is_file = mapping.format != "postgresql" and not is_url(place)
        if place and is_file and not Path(place).exists() and not set("*?[") & set(place):
            yield f"source {mapping.name}: {place} is not there (lamini source check says more)"


def _published(home: Home, snapshot: Snapshot) -> Published:
    pointer = json.loads(home.head.read_text(encoding="utf-8"))
    manifest = {k: v for k, v in snapshot.manifest.items() if k not in ("files", "format_version")}
    return Published(
        path=str(snapshot.path),
        snapshot_hash=snapshot.snapshot_hash,
        as_of=pointer.get("as_of"),
        manifest=manifest,
    )


def _waiting(home: Home, snapshot: Snapshot, champion: Champion | None) -> Waiting | WaitingUnknown:
    try:
        old = None if champion is None else open_snapshot(home.snapshot(champion.snapshot_hash))
        changes = diff(old, snapshot)
    except SnapshotDamagedError as error:
        return WaitingUnknown(unknown=str(error))
    return Waiting(
        added=len(changes.added),
        changed=len(changes.changed),
        retired=len(changes.retired),
        unchanged=changes.unchanged,
    )


def _capacity_alarm(home: Home, champion: Champion | None) -> str | None:
    """Return what the promoted checkpoint's training said of experts that are nearly full."""
    if champion is None:
        return None
    folder = RunFolder(path=home.checkpoint(champion.path).parent)
    told = folder.read(Trained) or folder.read(Updated)
    return None if told is None else told.capacity_alarm


def _servers(home: Home) -> list[KnownServer]:
    servers = [find(home.path, name) for name in ("prefect", "mlflow")]
    return [
        KnownServer(
            name=server.name,
            url=server.url,
            page=server.page,
            pid=server.pid,
            answers=server.answers(),
        )
        for server in servers
        if server is not None
    ]
