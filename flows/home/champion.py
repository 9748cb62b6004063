"""The promoted checkpoint: the pointer to it, those before it, and the way back.

    HOME/HEAD_CHECKPOINT.json   the champion, its predecessors (newest first), what was rejected

The pointer is replaced as a whole, so a reader sees one champion or the other. What it says depends
on the runs alone, never on the moment.

A rollback does not wait for a run that works, so whoever changes the pointer holds a lock of its
own (`changing`), and a candidate is promoted only over the champion that its run found.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.errors import GateError, NothingYetError, PointerDamagedError
from flows.home.home import Home
from flows.home.run_lock import run_lock
from warehouse.durable import read_json, sealed, write_json
from warehouse.errors import OutsideHomeError
from warehouse.snapshots import open_snapshot, set_head

KEPT = 50
"""Predecessors that the pointer remembers."""
_WAIT_SECONDS = 5.0


class Champion(BaseModel):
    """What the pointer says of one checkpoint that was promoted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    """The checkpoint's folder, from the home."""
    run_key: str
    mode: str = "full"
    """full or incremental."""
    base: str | None = None
    """The run that an update was built upon."""
    snapshot_hash: str = ""
    training_hash: str = ""
    as_of: str | None = None
    num_facts: int = 0
    bank: Mapping[str, int | str] = {}
    """The versions of experts and keys that it answers from."""
    router_sha256: str = ""
    recipe: Mapping[str, Any] | None = None
    """What router and experts are made of besides the facts (`flows.planning.recipe`)."""
    agreement: float | None = None
    """The router's, of the training questions."""
    agreement_when_full: float | None = None
    """The same after the last full run."""
    num_collisions: int = 0
    """Facts that updates since the last full run sent to another fact's group."""

    def told(self) -> dict[str, Any]:
        """Return what is known of it as plain values."""
        return self.model_dump(mode="json", exclude_unset=True)


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """The champion, those before it (the newest first), and what no run trains by itself."""

    champion: Champion
    history: tuple[Champion, ...] = ()
    rejected: tuple[str, ...] = ()
    """Training hashes of facts whose model was rolled back."""

    def told(self) -> dict[str, Any]:
        """Return it as it stands in the file."""
        return {
            **self.champion.told(),
            "history": [before.told() for before in self.history],
            "rejected": [*self.rejected],
        }

    def write(self, home: Home) -> None:
        """Make it what the home says, whole or not at all."""
        write_json(sealed(self.told()), home.pointer)


@dataclass(frozen=True, kw_only=True)
class RolledBack:
    """Who answered before, and who does now."""

    left: Champion
    champion: Champion


def changing(home: Home) -> AbstractContextManager[None]:
    """Hold the pointer, to change it or to remove what it may lead to.

    Raises:
        RunLockedError: another process holds it: a promotion or rollback for a moment, `lamini gc`
            and a purge for as long as they remove.
    """
    return run_lock(home, name="promotion", wait_seconds=_WAIT_SECONDS)


def promoted(home: Home) -> Pointer:
    """Return what the pointer says of a champion that is there.

    Raises:
        NothingYetError: none was promoted, or it is gone.
        PointerDamagedError: the pointer cannot be read, or is not as it was written.
    """
    found = read_pointer(home)
    if found is None:
        raise NothingYetError(f"no checkpoint was promoted in {home}; make one with `lamini run`")
    folder = home.checkpoint(found.champion.path)
    if not folder.is_dir():
        raise NothingYetError(
            f"{home.pointer} names the checkpoint {folder}, which is not there; "
            "make it again with `lamini run --force`"
        )
    return found


def read_pointer(home: Home) -> Pointer | None:
    """Return what the pointer says, whatever became of the champion; null where there is none.

    Raises:
        PointerDamagedError: it cannot be read, or is not as it was written.
    """
    try:
        return _pointer(read_json(home.pointer))
    except FileNotFoundError as error:
        if not home.pointer.is_symlink() and not home.pointer.exists():
            return None
        raise _damaged(home, error) from error
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(home, error) from error


def checked_pointer(home: Home) -> Pointer | None:
    """Return what the pointer says; null where there is none.

    Raises:
        PointerDamagedError: it cannot be read, leads out of the home, or names a champion that is
            not there.
    """
    found = read_pointer(home)
    if found is None:
        return None
    try:
        for one in (found.champion, *found.history):  # a name that leads out of the home raises
            home.checkpoint(one.path)
            home.run(one.run_key)
            home.snapshot(one.snapshot_hash)
        folder = home.checkpoint(found.champion.path)
        # A purge that was killed puts back what it rewrote.
        if not folder.is_dir() and not folder.with_name(f".{folder.name}.rewritten").is_dir():
            raise FileNotFoundError(f"it names {found.champion.path}, which is not there")
    except (OSError, OutsideHomeError) as error:
        raise _damaged(home, error) from error
    return found


def _damaged(home: Home, error: Exception) -> PointerDamagedError:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    else:
        why = str(error)
    return PointerDamagedError(
        f"{home.pointer} names no champion ({why}); put it back from a backup, or delete it: "
        "then `lamini run --force` makes a champion anew"
    )


def _pointer(told: Mapping[str, Any]) -> Pointer:
    own = {name: value for name, value in told.items() if name not in ("history", "rejected")}
    return Pointer(
        champion=Champion(**own),
        history=tuple(Champion(**before) for before in told.get("history", ())),
        rejected=tuple(told.get("rejected", ())),
    )


def promote(home: Home, candidate: Champion, *, over: str | None) -> None:
    """Make the candidate champion, and the champion its predecessor; again, it changes nothing.

    `over` is the run of the champion that the candidate's run found, null if there was none.

    Raises:
        GateError: another one answers since: there was a rollback. It stays, and the candidate's
            facts are rejected with those of the champion that was left.
    """
    with changing(home):
        before = read_pointer(home)
        now = None if before is None else before.champion.run_key
        if before is not None and now not in (over, candidate.run_key):
            _rejecting(before, candidate.training_hash).write(home)
        if now not in (over, candidate.run_key):
            raise GateError(
                f"run {candidate.run_key} is not promoted: run {over} was the champion when it "
                f"began, and was left for run {now} since. Run {now} stays; --full or "
                "--incremental trains these facts all the same"
            )
        if before is None:
            return Pointer(champion=candidate).write(home)
        history = before.history
        if now != candidate.run_key:
            history = (before.champion, *history)
        rejected = tuple(h for h in before.rejected if h != candidate.training_hash)
        Pointer(champion=candidate, history=history[:KEPT], rejected=rejected).write(home)


def roll_back(home: Home) -> RolledBack:
    """Make the predecessor the champion again, with its snapshot as the head; give what changed.

    What is left is rejected: no run promotes those facts again by itself.

    Raises:
        NothingYetError: there is no champion, or none before it.
        SnapshotDamagedError: the predecessor's snapshot is gone; nothing was changed.
    """
    now = promoted(home)
    left = now.champion
    if not now.history:
        raise NothingYetError(
            f"run {left.run_key} is the first champion of {home}: there is none before it"
        )
    before = now.history[0]
    if not (home.checkpoint(before.path) / "checkpoint.json").is_file():
        raise NothingYetError(
            f"the champion before, run {before.run_key}, is gone from "
            f"{home.checkpoint(before.path)}"
        )
    # The head first: killed in between, the same command goes on where this one ended.
    set_head(home.warehouse, open_snapshot(home.snapshot(before.snapshot_hash)), before.as_of)
    back = Pointer(champion=before, history=now.history[1:], rejected=now.rejected)
    _rejecting(back, left.training_hash).write(home)
    return RolledBack(left=left, champion=before)


def _rejecting(pointer: Pointer, left: str) -> Pointer:
    """Return the pointer with the facts of `left` among what no run trains again by itself."""
    own = pointer.champion.training_hash
    rejected = tuple(h for h in pointer.rejected if h not in (own, left))
    return replace(pointer, rejected=(*rejected, left) if left and left != own else rejected)
