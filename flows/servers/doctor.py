"""Look for what would make a run fail here, and say what to do about it; changes nothing."""

import contextlib
import fcntl
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import psutil

from flows import DISTRIBUTION
from flows.configuration.layers import unknown_variables
from flows.configuration.settings import NAMES
from flows.home.home import Home
from flows.servers.check import Check
from flows.servers.damage import DEEP_LOOKS, databases, pointer
from flows.servers.server import find, is_free
from flows.servers.services import MLFLOW_PORT, PREFECT_PORT
from warehouse.errors import NoSnapshotError, WarehouseError
from warehouse.snapshots import head

GIB = 1 << 30
TRAPS = {
    "fastapi": "0.151 and newer break the Prefect server (0.155: at import; before: listings)",
    "sqlalchemy": "with 2.1 and newer Prefect's schedules never fire",
    "prefect": "tested at this version only, with the fastapi and sqlalchemy beside it",
    "torch": "another build may pull gigabytes of CUDA, and moves the last bits of results",
}


def examine(home: Path, *, deep: bool = False) -> list[Check]:
    """Return every check, in order; what cannot even be looked at is a failure, not an error.

    `deep` reads everything that has a hash and compares it.
    """
    found: list[Check] = []
    for look in (*_LOOKS, *(DEEP_LOOKS if deep else ())):
        try:
            found += look(home)
        except Exception as error:  # noqa: BLE001 - a broken installation may raise anything
            name = look.__name__.strip("_")
            found.append(Check(name=name, status="fail", found=f"{type(error).__name__}: {error}"))
    return found


def _python(home: Path) -> Iterator[Check]:
    good = sys.version_info >= (3, 11)
    yield Check(
        name="python",
        status="ok" if good else "fail",
        found=f"{platform.python_version()} on {platform.system()}, {os.cpu_count()} cores",
        advice="Python 3.11 or newer is needed: make clean, then make PYTHON=... demo",
    )


def _versions(home: Path) -> Iterator[Check]:
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    except metadata.PackageNotFoundError:
        advice = "run make demo, or pip install --no-deps -e . in the environment"
        yield Check(name="versions", status="fail", found="not installed", advice=advice)
        return
    right = 0
    for requirement in wanted:
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = _version(requirement.name)
        if version and requirement.specifier.contains(version, prereleases=True):
            right += 1
            continue
        yield Check(
            name=f"version of {requirement.name}",
            status="fail",
            found=f"{version or 'not installed'}, wanted {requirement.specifier or 'any'}",
            advice=f"{TRAPS.get(requirement.name, '')} make clean, then make demo".strip(),
        )
    yield Check(name="versions", status="ok", found=f"{right} packages are as pinned")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _environment(home: Path) -> Iterator[Check]:
    strange = unknown_variables(os.environ, NAMES)
    yield Check(
        name="environment",
        status="warn" if strange else "ok",
        found=f"unknown: {', '.join(strange)}" if strange else "no unknown LAMINI_ variable",
        advice="misspelt? `lamini config show` names the nearest ones",
    )


def _ports(home: Path) -> Iterator[Check]:
    for name, port in (("prefect", PREFECT_PORT), ("mlflow", MLFLOW_PORT)):
        server = find(home, name)
        if server is not None:
            alive = server.answers()
            yield Check(
                name=f"{name} server",
                status="ok" if alive else "warn",
                found=f"{server.url}, process {server.pid}" + ("" if alive else ", no answer"),
                advice=f"it may be starting; else look into {server.log}",
            )
        else:
            free = is_free(port)
            yield Check(
                name=f"{name} port",
                status="ok" if free else "warn",
                found=f"{port} is free" if free else f"{port} is taken",
                advice="lamini ui takes the next free one",
            )


def _disk(home: Path) -> Iterator[Check]:
    there = next(folder for folder in (home, *home.parents) if folder.is_dir())
    free = shutil.disk_usage(there).free / GIB
    yield Check(
        name="disk",
        status="fail" if free < 1 else "warn" if free < 5 else "ok",
        found=f"{free:.1f} GiB free at {there}",
        advice="a run needs about 1 GiB; set LAMINI_HOME to a larger disk",
    )


def _memory(home: Path) -> Iterator[Check]:
    memory = psutil.virtual_memory()
    free = memory.available / GIB
    yield Check(
        name="memory",
        status="fail" if free < 2 else "warn" if free < 6 else "ok",
        found=f"{free:.1f} of {memory.total / GIB:.1f} GiB available",
        advice="the demo needs up to 6 GiB; --workers 1 needs less",
    )


def _accelerators(home: Path) -> Iterator[Check]:
    import torch

    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    found = ", ".join(names) or "none: everything runs on the CPU"
    yield Check(name="accelerators", status="ok", found=f"{found} (torch {torch.__version__})")
    if "ROCR_VISIBLE_DEVICES" in os.environ and "HIP_VISIBLE_DEVICES" not in os.environ:
        yield Check(
            name="accelerator mask",
            status="fail",
            found="ROCR_VISIBLE_DEVICES alone is set",
            advice="Ray refuses it: set HIP_VISIBLE_DEVICES instead, and unset it",
        )


def _lock(home: Path) -> Iterator[Check]:
    path = Home(home).warehouse / "catalogue.lock"
    holder = ""
    if path.is_file():
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = lock.read().strip() or "unknown"
    yield Check(
        name="catalogue",
        status="warn" if holder else "ok",
        found=f"being written by process {holder}" if holder else "nobody is writing to it",
        advice="ingest and reconcile wait for it, then give up with exit code 4",
    )


def _snapshot(home: Path) -> Iterator[Check]:
    try:
        snapshot = head(Home(home).warehouse)
        snapshot.verify()
        found, status = f"{snapshot.snapshot_hash[:16]}, every file as published", "ok"
    except NoSnapshotError:
        found, status = "nothing is published yet", "ok"
    except WarehouseError as error:
        found, status = str(error), "fail"
    advice = "restore it from a backup, or follow what is said; then lamini reconcile"
    yield Check(name="snapshot", status=status, found=found, advice=advice)


def _writing(home: Path) -> Iterator[Check]:
    probe = home / f".doctor-{os.getpid()}"
    try:
        home.mkdir(parents=True, exist_ok=True)
        with probe.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.write("x")
            file.flush()
            os.fsync(file.fileno())
        probe.replace(probe.with_suffix(".moved"))
        found, status = f"write, lock, flush and rename work in {home}", "ok"
    except OSError as error:
        found, status = str(error), "fail"
    finally:
        for left in (probe, probe.with_suffix(".moved")):
            with contextlib.suppress(OSError):
                left.unlink()
    yield Check(
        name="writing",
        status=status,
        found=found,
        advice="set LAMINI_HOME to a folder on a local disk that you may write to",
    )


_LOOKS: tuple[Callable[[Path], Iterator[Check]], ...] = (
    _python,
    _versions,
    _environment,
    _ports,
    _disk,
    _memory,
    _accelerators,
    _lock,
    _snapshot,
    pointer,
    databases,
    _writing,
)
