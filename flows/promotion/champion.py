"""The promoted checkpoint: the pointer to it, those before it, and the way back.

    HOME/HEAD_CHECKPOINT.json   the champion, its predecessors (newest first), what was rejected

The pointer is replaced as a whole, so a reader sees one champion or the other. What it says depends
on the runs alone, never on the moment.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flows.errors import NothingYetError
from warehouse.durable import write_json
from warehouse.snapshot import open_snapshot, set_head

POINTER = "HEAD_CHECKPOINT.json"
KEPT = 50
"""Predecessors that the pointer remembers."""


def promoted(home: Path) -> dict[str, Any]:
    """Give the entry of the promoted checkpoint, its path absolute.

    Raises:
        NothingYetError: none was promoted, or it is gone.
    """
    pointer = home / POINTER
    if not pointer.is_file():
        raise NothingYetError(f"no checkpoint was promoted in {home}; make one with `lamini run`")
    found: dict[str, Any] = json.loads(pointer.read_text(encoding="utf-8"))
    folder = home / str(found["path"])
    if not folder.is_dir():
        raise NothingYetError(
            f"{pointer} names the checkpoint {folder}, which is not there; "
            "make it again with `lamini run --force`"
        )
    return {**found, "path": str(folder)}


def read_pointer(home: Path) -> dict[str, Any] | None:
    """Give what the pointer says, as it stands there; null where none can be read."""
    try:
        found: dict[str, Any] = json.loads((home / POINTER).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return found


def promote(home: Path, entry: Mapping[str, Any]) -> None:
    """Make `entry` the champion, and the champion its predecessor; again, it changes nothing."""
    before = read_pointer(home) or {}
    history = [*before.get("history", ())]
    if before and before.get("run_key") != entry["run_key"]:
        history = [_alone(before), *history]
    rejected = [h for h in before.get("rejected", ()) if h != entry.get("training_hash")]
    write_json({**entry, "history": history[:KEPT], "rejected": rejected}, home / POINTER)


def roll_back(home: Path) -> dict[str, Any]:
    """Make the predecessor the champion again, with its snapshot as the head; give what changed.

    What is left is rejected: no run promotes those facts again by itself.

    Raises:
        NothingYetError: there is no champion, or none before it.
        SnapshotDamagedError: the predecessor's snapshot is gone; nothing was changed.
    """
    now = promoted(home)
    history = now.get("history", [])
    if not history:
        raise NothingYetError(
            f"run {now['run_key']} is the first champion of {home}: there is none before it"
        )
    before = history[0]
    if not (home / before["path"] / "checkpoint.json").is_file():
        raise NothingYetError(
            f"the champion before, run {before['run_key']}, is gone from {home / before['path']}"
        )
    # The head first: killed in between, the same command goes on where this one ended.
    _set_head(home / "warehouse", before)
    rejected = [h for h in now.get("rejected", ()) if h != before.get("training_hash")]
    if (left := now.get("training_hash")) and left != before.get("training_hash"):
        rejected = [*(h for h in rejected if h != left), left]
    write_json({**before, "history": history[1:], "rejected": rejected}, home / POINTER)
    left_entry = {**now, "path": str(Path(now["path"]).relative_to(home))}
    return {"left": _alone(left_entry), "champion": _alone(before)}


def _set_head(warehouse: Path, entry: Mapping[str, Any]) -> None:
    folder = warehouse / "snapshots" / str(entry["snapshot_hash"])[:16]
    set_head(warehouse, open_snapshot(folder), entry.get("as_of"))


def _alone(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k not in ("history", "rejected")}
