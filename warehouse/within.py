"""Read paths as they are given, and refuse what a file names outside of the folder it speaks of."""

import os.path
from pathlib import Path

from warehouse.errors import OutsideHomeError


def within(home: Path, named: str) -> Path:
    """Return the path `named` by a file of the folder `home`, which lies in it.

    Raises:
        OutsideHomeError: it leads out of it, by its name or by a link.
    """
    path = home / named
    if not path.resolve().is_relative_to(home.resolve()):
        raise OutsideHomeError(
            f"a file of {home} names {named!r}, which leads out of it, to {path.resolve()}; "
            "put the file back from a backup, or the folder instead of the link"
        )
    return path


def expanded(path: str | Path) -> Path:
    """Return a path with ~ as the home of its user; one of nobody stays, and is missing."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises RuntimeError
