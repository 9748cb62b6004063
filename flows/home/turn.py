"""A run's turn on a home: alone, and recorded as the one that works."""

from collections.abc import Iterator
from contextlib import contextmanager

from flows.home.current_run import recorded
from flows.home.home import Home
from flows.home.run_lock import run_lock


@contextmanager
def turn(home: Home, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the home for the length of the block.

    Raises:
        RunLockedError: another process holds it, and did so for `wait_seconds`.
    """
    with run_lock(home, wait_seconds=wait_seconds), recorded(home):
        yield
