"""A run's turn on a home: alone, recorded, and told of a run before it that was killed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flows.running.current_run import recorded
from flows.running.orphans import killed_before
from flows.running.run_lock import run_lock


@contextmanager
def turn(home: Path, *, wait_seconds: float = 0.0) -> Iterator[dict[str, Any] | None]:
    """Hold the home for the length of the block; give the record of a run that was killed.

    Raises:
        RunLockedError: another process holds it, and did so for `wait_seconds`.
    """
    with run_lock(home, wait_seconds=wait_seconds):
        killed = killed_before(home)
        with recorded(home):
            yield killed
