"""Collect what is known about a home from its files alone: no catalogue is opened.

Reads: HOME/warehouse/HEAD.json and its snapshot, HOME/HEAD_CHECKPOINT.json, HOME/runs,
HOME/run.json, HOME/services.
"""

import json
from datetime import UTC, datetime
from typing import Any

from flows.errors import NothingYetError, PointerDamagedError
from flows.home.champion import Champion, checked_pointer
from flows.home.current_run import run_state
from flows.home.home import Home
from flows.home.receipts import Trained, Updated
from flows.home.run_folder import RunFolder
from flows.servers.server import find
from warehouse.errors import NoSnapshotError, OutsideHomeError, SnapshotDamagedError
from warehouse.snapshots import Snapshot, diff, head, open_snapshot

MAX_RUNS = 5


def status(home: Home) -> dict[str, Any]:
    """Return snapshot, checkpoint, pending changes, capacity alarm, last runs, servers of `home`.

    What a broken pointer should name is left out, and `broken` says why.
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
    return {
        "home": str(home),
        "broken": broken,
        "snapshot": _snapshot(home, snapshot),
        "checkpoint": pointer
        and {**pointer.told(), "path": str(home.checkpoint(pointer.champion.path))},
        "pending": _pending(home, snapshot, champion),
        "capacity_alarm": _capacity_alarm(home, champion),
        "run": run_state(home),
        "runs": last_runs(home)[:MAX_RUNS],
        "servers": _servers(home),
    }


def last_runs(home: Home) -> list[dict[str, Any]]:
    """List the runs of `home` with the steps that left a receipt, the newest first."""
    runs = []
    for folder in home.runs.glob("*/receipts"):
        receipts = sorted(folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
        if receipts:
            seconds = receipts[-1].stat().st_mtime
            runs.append(
                {
                    "run_key": folder.parent.name,
                    "steps": [file.stem for file in receipts],
                    "last_written": datetime.fromtimestamp(seconds, tz=UTC).isoformat(
                        timespec="seconds"
                    ),
                }
            )
    return sorted(runs, key=lambda run: str(run["last_written"]), reverse=True)


def newest_recall(home: Home) -> dict[str, Any]:
    """Return the receipt of the newest recall measurement, with its run key.

    Raises:
        NothingYetError: no run measured recall yet.
    """
    found = sorted(
        home.runs.glob("*/receipts/measure_recall.json"), key=lambda f: f.stat().st_mtime
    )
    if not found:
        raise NothingYetError(f"no run in {home} measured recall yet; `lamini run` does")
    receipt: dict[str, Any] = json.loads(found[-1].read_text(encoding="utf-8"))
    return {"run_key": found[-1].parent.parent.name, **receipt}


def _snapshot(home: Home, snapshot: Snapshot | None) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    pointer = json.loads(home.head.read_text(encoding="utf-8"))
    manifest = {k: v for k, v in snapshot.manifest.items() if k not in ("files", "format_version")}
    return {"path": str(snapshot.path), "as_of": pointer.get("as_of"), **manifest}


def _pending(
    home: Home, snapshot: Snapshot | None, champion: Champion | None
) -> dict[str, Any] | None:
    if snapshot is None:
        return None
    try:
        old = None if champion is None else open_snapshot(home.snapshot(champion.snapshot_hash))
        changes = diff(old, snapshot)
    except SnapshotDamagedError as error:
        return {"unknown": str(error)}
    return {
        "added": len(changes.added),
        "changed": len(changes.changed),
        "retired": len(changes.retired),
        "unchanged": changes.unchanged,
    }


def _capacity_alarm(home: Home, champion: Champion | None) -> str | None:
    """Return what the promoted checkpoint's training said of experts that are nearly full."""
    if champion is None:
        return None
    folder = RunFolder(path=home.checkpoint(champion.path).parent)
    told = folder.read(Trained) or folder.read(Updated)
    return None if told is None else told.capacity_alarm


def _servers(home: Home) -> list[dict[str, Any]]:
    servers = [find(home.path, name) for name in ("prefect", "mlflow")]
    return [
        {
            "name": server.name,
            "url": server.url,
            "page": server.page,
            "pid": server.pid,
            "answers": server.answers(),
        }
        for server in servers
        if server is not None
    ]
