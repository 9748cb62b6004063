"""One run at a time works on a home."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.errors import RetryableError


class RunLockedError(RetryableError):
    """Another run holds this home; the message names its process."""


@contextmanager
def run_lock(home: Path) -> Iterator[None]:
    """Hold the home for the length of the block.

    Raises:
        RunLockedError: another process holds it.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / "run.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise RunLockedError(
                f"another run (process {file.read().strip() or 'unknown'}) works on {home}; "
                "wait for it, or stop it"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
