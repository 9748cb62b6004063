"""The promoted checkpoint: the pointer to it, those before it, and the way back.

    HOME/HEAD_CHECKPOINT.json   the champion, its predecessors (newest first), what was rejected

The pointer is replaced as a whole, so a reader sees one champion or the other. What it says depends
on the runs alone, never on the moment.

A rollback does not wait for a run that works, so whoever changes the pointer holds a lock of its
own (`changing`), and a candidate is promoted only over the champion that its run found.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from flows.errors import GateError, NothingYetError
from flows.home.home import Home
from flows.home.run_lock import run_lock
from warehouse.durable import write_json
from warehouse.snapshot import open_snapshot, set_head

KEPT = 50
"""Predecessors that the pointer remembers."""
_WAIT_SECONDS = 5.0


def changing(home: Home) -> AbstractContextManager[None]:
    """Hold the pointer, to change it or to remove what it may lead to.

    Raises:
        RunLockedError: another process holds it: a promotion or rollback for a moment, `lamini gc`
            and a purge for as long as they remove.
    """
    return run_lock(home, name="promotion", wait_seconds=_WAIT_SECONDS)


def promoted(home: Home) -> dict[str, Any]:
    """Give the entry of the promoted checkpoint, its path absolute.

    Raises:
        NothingYetError: none was promoted, or it is gone.
    """
    pointer = home.pointer
    if not pointer.is_file():
        raise NothingYetError(f"no checkpoint was promoted in {home}; make one with `lamini run`")
    found: dict[str, Any] = json.loads(pointer.read_text(encoding="utf-8"))
    folder = home.checkpoint(found["path"])
    if not folder.is_dir():
        raise NothingYetError(
            f"{pointer} names the checkpoint {folder}, which is not there; "
            "make it again with `lamini run --force`"
        )
    return {**found, "path": str(folder)}


def read_pointer(home: Home) -> dict[str, Any] | None:
    """Give what the pointer says, as it stands there; null where none can be read."""
    try:
        found: dict[str, Any] = json.loads(home.pointer.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return found


def promote(home: Home, entry: Mapping[str, Any], *, over: str | None) -> None:
    """Make `entry` the champion, and the champion its predecessor; again, it changes nothing.

    `over` is the run of the champion that the candidate's run found, null if there was none.

    Raises:
        GateError: another one answers since: there was a rollback. It stays, and the candidate's
            facts are rejected with those of the champion that was left.
    """
    with changing(home):
        before = read_pointer(home) or {}
        now = before.get("run_key")
        if now not in (over, entry["run_key"]):
            write_json(_rejecting(before, entry.get("training_hash")), home.pointer)
            raise GateError(
                f"run {entry['run_key']} is not promoted: run {over} was the champion when it "
                f"began, and was left for run {now} since. Run {now} stays; --full or "
                "--incremental trains these facts all the same"
            )
        history = [*before.get("history", ())]
        if before and now != entry["run_key"]:
            history = [_alone(before), *history]
        rejected = [h for h in before.get("rejected", ()) if h != entry.get("training_hash")]
        write_json({**entry, "history": history[:KEPT], "rejected": rejected}, home.pointer)


def roll_back(home: Home) -> dict[str, Any]:
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
    if not (home.checkpoint(before["path"]) / "checkpoint.json").is_file():
        raise NothingYetError(
            f"the champion before, run {before['run_key']}, is gone from "
            f"{home.checkpoint(before['path'])}"
        )
    # The head first: killed in between, the same command goes on where this one ended.
    _set_head(home, before)
    back = {**before, "history": history[1:], "rejected": now.get("rejected", ())}
    write_json(_rejecting(back, now.get("training_hash")), home.pointer)
    left_entry = {**now, "path": str(Path(now["path"]).relative_to(home.path))}
    return {"left": _alone(left_entry), "champion": _alone(before)}


def _set_head(home: Home, entry: Mapping[str, Any]) -> None:
    snapshot = open_snapshot(home.snapshot(entry["snapshot_hash"]))
    set_head(home.warehouse, snapshot, entry.get("as_of"))


def _rejecting(entry: Mapping[str, Any], left: str | None) -> dict[str, Any]:
    """Return the pointer with the facts of `left` among what no run trains again by itself."""
    own = entry.get("training_hash")
    rejected = [h for h in entry.get("rejected", ()) if h not in (own, left)]
    return {**entry, "rejected": [*rejected, left] if left and left != own else rejected}


def _alone(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if k not in ("history", "rejected")}
