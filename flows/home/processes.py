"""Which process works: told from all others, since numbers are given again."""

import os
import socket
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """Return what tells this process from all others."""
    created = psutil.Process().create_time()
    return {"host": socket.gethostname(), "pid": os.getpid(), "pid_created": created}


def is_gone(process: dict[str, Any]) -> bool:
    """Whether a process as told by `this_process` has ended; of another host nobody knows."""
    if process.get("host") != socket.gethostname():
        return False
    return not is_process(int(process["pid"]), float(process["pid_created"]))


def is_process(pid: int, created: float) -> bool:
    """Whether the very process that began at `created` runs: numbers are given again."""
    try:
        process = psutil.Process(pid)
        return bool(
            abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
