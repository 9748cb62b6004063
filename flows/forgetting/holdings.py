"""What under a home still holds a fact: checkpoints, older bank versions, snapshots, other files.

Nothing is written.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from flows.errors import GateError
from flows.forgetting.scrub import files_of, holds
from flows.home.champion import read_pointer
from flows.home.home import Home
from warehouse.snapshots import open_snapshot
from warehouse.tombstones import published_among

_TABLES = ("facts", "claims", "conflicts", "timeline")


@dataclass(frozen=True, kw_only=True)
class Holding:
    """A folder or file that still holds a fact."""

    kind: str
    path: Path
    """From the home."""
    what: str


def holdings(home: Home, fact_ids: Collection[str]) -> list[Holding]:
    """List what holds a fact: kind, path, and in words what it is."""
    wanted = frozenset(fact_ids)
    found = [*_checkpoints(home, wanted), *_snapshots(home, wanted), *_assignments(home, wanted)]
    return [replace(one, path=one.path.relative_to(home.path)) for one in found]


def roles(home: Home) -> dict[str, str]:
    """Return what each run of the pointer is: champion, previous, or an earlier champion."""
    pointer = read_pointer(home)
    if pointer is None:
        return {}
    history = [before.run_key for before in pointer.history]
    known = {key: f"{number} champions ago" for number, key in enumerate(history, start=1)}
    known |= {history[0]: "previous champion"} if history else {}
    return {**known, pointer.champion.run_key: "champion"}


def _checkpoints(home: Home, wanted: frozenset[str]) -> Iterator[Holding]:
    from lamini.checkpoint.checkpoint import read_manifest
    from lamini.checkpoint.held_facts import held_versions
    from lamini.errors import LaminiError

    known = roles(home)
    for path in sorted(home.runs.glob("*/checkpoint")):
        role = known.get(path.parent.name, "never promoted")
        try:
            now = int(read_manifest(path)["bank"]["keys"])
            versions = held_versions(path)
        except (LaminiError, OSError, ValueError) as error:
            yield Holding(kind="checkpoint", path=path, what=f"cannot be read: {error}")
            continue
        if wanted & versions.get(now, frozenset()):
            yield Holding(kind="checkpoint", path=path, what=f"{role}, answers with it")
        older = [number for number, ids in versions.items() if number != now and wanted & ids]
        if older:
            what = f"{role}, bank versions {', '.join(map(str, older))} hold its experts"
            yield Holding(kind="bank_version", path=path / "bank", what=what)


def _snapshots(home: Home, wanted: frozenset[str]) -> Iterator[Holding]:
    for path in sorted(home.snapshots.glob("*")):
        if in_tables((path / f"{name}.parquet" for name in ("facts",)), wanted):
            yield Holding(kind="snapshot", path=path, what="its facts and claims")


def check_rollback(home: Home) -> None:
    """Look whether the champion before answers with what was to be forgotten since.

    Raises:
        GateError: it does; the message names the facts and the ways out.
    """
    from lamini.checkpoint.held_facts import held_facts

    pointer = read_pointer(home)
    history = () if pointer is None else pointer.history
    if not history or not home.checkpoint(history[0].path).is_dir():
        return  # there is nothing to roll back to
    before = history[0]
    held = held_facts(home.checkpoint(before.path))
    if not (buried := published_among(home.warehouse, sorted(held))):
        return
    folder = home.snapshot(before.snapshot_hash)
    facts = [row for fact_id in buried for row in open_snapshot(folder).about("facts", fact_id)]
    names = ", ".join(f"({fact['subject']}, {fact['relation']})" for fact in facts[:5])
    raise GateError(
        f"run {before.run_key}, the champion before, answers with {len(buried)} facts that were "
        f"to be forgotten since: {names}. Lift their tombstones first (lamini forget --undo), or "
        "train what the tables say now (lamini run --full)"
    )


def mentions(snapshot: Path, fact_ids: Collection[str]) -> bool:
    """Whether a published snapshot has a row about the slot, be it an emptied one."""
    return in_tables((snapshot / f"{name}.parquet" for name in _TABLES), frozenset(fact_ids))


def _assignments(home: Home, wanted: frozenset[str]) -> Iterator[Holding]:
    for path in sorted(home.assignments.glob("*.parquet")):
        if in_tables([path], wanted):
            yield Holding(kind="assignment", path=path, what="its prompts and answer")
    for path in sorted(home.runs.glob("*/assignment.parquet")):
        if in_tables([path], wanted):
            what = "its prompts and answer, and what tuning left of it beside"
            yield Holding(kind="run", path=path.parent, what=what)


def in_tables(paths: Iterator[Path] | Sequence[Path], wanted: frozenset[str]) -> bool:
    """Whether any of the Parquet files has a row of one of these fact_ids."""
    filters = [("fact_id", "in", set(wanted))]
    return any(
        bool(pq.read_table(path, columns=["fact_id"], filters=filters).num_rows)
        for path in paths
        if path.is_file()
    )


def other_files(home: Home, found: Sequence[Holding], texts: Sequence[str]) -> list[Holding]:
    """List the files beside what was `found` in which one of the texts stands."""
    known = [home.path / one.path for one in found]
    return [
        Holding(kind="file", path=path.relative_to(home.path), what="its text")
        for path in files_with(home.path, texts, known)
    ]


def files_with(folder: Path, texts: Sequence[str], without: Collection[Path] = ()) -> list[Path]:
    """List every file under `folder` in which one of the texts stands, but for those left out."""
    return [
        path
        for path in files_of(folder)
        if not any(path.is_relative_to(one) for one in without) and holds(path, texts)
    ]
