"""One run at a time works on a home."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from flows.home.home import Home
from warehouse.errors import RetryableError, Where

_POLL_SECONDS = 0.5


class RunLockedError(RetryableError):
    """Another run holds this home; the message names its process."""


@contextmanager
def run_lock(home: Home, *, name: str = "run", wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the home, or what else of it `name` stands for, for the length of the block.

    Raises:
        RunLockedError: another process holds it, and did so for `wait_seconds`.
    """
    home.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with home.lock(name).open("a+") as file:
        deadline = time.monotonic() + wait_seconds
        while not _taken(file):
            if time.monotonic() >= deadline:
                file.seek(0)
                holder = file.read().strip() or "unknown"
                raise RunLockedError(
                    f"another {name} (process {holder}) works on {home}; wait for it, or stop it",
                    where=Where(file=str(home), holder=holder),
                )
            time.sleep(_POLL_SECONDS)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
