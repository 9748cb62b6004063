"""Processes by number: what they started, their ports, their end."""

import contextlib
from pathlib import Path

import psutil

_TAIL_LINES = 15


def family(pid: int) -> list[psutil.Process]:
    """Return the process and all that it started, itself first; nothing where it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def listens(pid: int, port: int) -> bool:
    """Whether the process, or one that it started, listens on `port`."""
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            for socket in process.net_connections("inet"):
                if socket.status == psutil.CONN_LISTEN and socket.laddr.port == port:
                    return True
    return False


def kill(processes: list[psutil.Process]) -> None:
    """Kill them and wait until they are gone."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "(no log)"
    return "\n".join(lines[-_TAIL_LINES:]) or "(the log is empty)"
