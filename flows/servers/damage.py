"""Look for damage in the files of a home, and say how each heals; changes nothing.

Whatever has a hash is compared with it when it is read, so that nothing damaged answers. Here all
of it is read, before anybody asks: `lamini doctor --deep`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from flows.environment import mlflow_database
from flows.errors import PointerDamagedError
from flows.home.champion import Champion, checked_pointer, read_pointer
from flows.home.home import Home
from flows.servers.check import Check
from flows.servers.database_file import SET_ASIDE, wrong_in
from lamini.errors import LaminiError
from warehouse.errors import CatalogueLockedError, NoSnapshotError, WarehouseError
from warehouse.snapshots import head, open_snapshot

_BACK = "lamini rollback makes the one before answer again"
_ANEW = "or restore it from a backup, or lamini run --force trains anew"
_SNAPSHOT = (
    "restore it from a backup, or remove its folder and let lamini reconcile publish it again; "
    "an older one is needed for lamini rollback and lamini diff alone"
)


def pointer(home: Path) -> Iterator[Check]:
    """Look at what names the champion, and at whether it is there."""
    try:
        found = checked_pointer(Home(home))
    except PointerDamagedError as error:
        yield Check(name="champion", status="fail", found=str(error))
        return
    told = "nothing was promoted yet" if found is None else f"run {found.champion.run_key}"
    yield Check(name="champion", status="ok", found=told)


def databases(home: Path) -> Iterator[Check]:
    """Have SQLite look over what MLflow and Prefect keep; a page that lies is found, too."""
    for name, path in (
        ("mlflow", mlflow_database(home)),
        ("prefect", home / "prefect" / "prefect.db"),
    ):
        if path.is_file():
            wrong = wrong_in(path)
            yield Check(
                name=f"{name} database",
                status="fail" if wrong else "ok",
                found=f"{path}: {wrong}" if wrong else f"{path.name} is whole",
                advice=f"restore it from a backup, {SET_ASIDE[path.name]}",
            )


def _checkpoints(home: Path) -> Iterator[Check]:
    try:
        found = read_pointer(Home(home))
    except PointerDamagedError:  # said already
        return
    for place, one in enumerate(() if found is None else (found.champion, *found.history)):
        folder = Home(home).checkpoint(one.path)
        if place and not folder.is_dir():  # gone by lamini gc
            continue
        wrong = "; ".join(_wrong_of(folder, one))
        yield Check(
            name=f"checkpoint of {one.run_key[:8]}",
            status="ok" if not wrong else "warn" if place else "fail",
            found=wrong or "manifest, router, keys and every expert as they were written",
            advice="lamini rollback would make it answer" if place else f"{_BACK}, {_ANEW}",
        )


def _wrong_of(folder: Path, one: Champion) -> Iterator[str]:
    from lamini.checkpoint.checkpoint import open_bank, read_manifest
    from lamini.inline.due_keys import read_due_keys
    from lamini.router.frozen_router import read_router

    try:
        manifest = read_manifest(folder)
    except LaminiError as error:
        yield str(error)
        return
    if one.router_sha256 not in ("", manifest["router_sha256"]):
        yield f"{folder} has not the router that was promoted"
    for look in (
        lambda: read_router(folder, manifest["router_sha256"]),
        lambda: read_due_keys(folder),
    ):
        try:
            look()
        except LaminiError as error:
            yield str(error)
    try:
        bank = open_bank(folder)
        wrong = bank.damaged_groups()
        if wrong:
            table = bank.group_table()
            facts = [table.fact_ids[table.row_of(group)] for group in wrong[:3]]
            yield f"{bank.folder}: experts of {len(wrong)} facts are damaged: {', '.join(facts)}"
    except LaminiError as error:
        yield str(error)


def _snapshots(home: Path) -> Iterator[Check]:
    where = Home(home)
    try:
        newest = head(where.warehouse).path
    except (NoSnapshotError, WarehouseError):  # said already
        newest = None
    damaged, num_whole = [], 0
    for path in sorted(where.snapshots.glob("*")):
        if path != newest:
            try:
                open_snapshot(path).verify()
                num_whole += 1
            except (WarehouseError, KeyError) as error:
                damaged.append(str(error))
    yield Check(
        name="older snapshots",
        status="warn" if damaged else "ok",
        found="; ".join(damaged) or f"{num_whole}, every file as published",
        advice=_SNAPSHOT,
    )


def _catalogue(home: Path) -> Iterator[Check]:
    from warehouse.catalogue import read_through

    where = Home(home)
    try:
        num_rows = read_through(where.warehouse)
        found, status = f"{num_rows} rows in all tables, each read", "ok"
    except CatalogueLockedError as error:
        found, status = f"not read: {error}", "warn"
    except WarehouseError as error:
        found, status = str(error), "fail"
    yield Check(name="catalogue's rows", status=status, found=found)


DEEP_LOOKS: tuple[Callable[[Path], Iterator[Check]], ...] = (
    _checkpoints,
    _snapshots,
    _catalogue,
)
"""What takes as long as reading everything."""
