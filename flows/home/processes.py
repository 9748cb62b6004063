"""Which process works: told from all others, since numbers are given again."""

import os
import socket
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, kw_only=True)
class Process:
    """What tells one process from all others, on all hosts."""

    host: str
    pid: int
    pid_created: float

    @property
    def is_gone(self) -> bool:
        """Whether it has ended; of another host nobody knows."""
        if self.host != socket.gethostname():
            return False
        return not is_process(self.pid, self.pid_created)


def this_process() -> Process:
    """Return what tells this process from all others."""
    created = psutil.Process().create_time()
    return Process(host=socket.gethostname(), pid=os.getpid(), pid_created=created)


def is_process(pid: int, created: float) -> bool:
    """Whether the very process that began at `created` runs: numbers are given again."""
    try:
        process = psutil.Process(pid)
        return bool(
            abs(process.create_time() - created) < 1 and process.status() != psutil.STATUS_ZOMBIE
        )
    except psutil.NoSuchProcess:
        return False
