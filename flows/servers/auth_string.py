"""The secret of a home, `lamini:TOKEN`: who knows it may use the home's servers, nobody else.

It lies in HOME/services/auth_string, which only the user can read, and is made once. The name
before the colon is for basic authentication, which Prefect's and MLflow's own clients speak.
"""

import base64
import contextlib
import os
import re
import secrets
from pathlib import Path

from flows.errors import ServiceError

_FORM = re.compile(r"lamini:[\w-]{43}")  # 32 random bytes


def auth_string(home: Path) -> str:
    """Return the secret of `home`, made if there is none; of two makers at once, one wins.

    Raises:
        ServiceError: the file holds something else.
    """
    path = auth_file(home)
    if not path.exists():
        _make(path)
    found = path.read_text(encoding="ascii", errors="replace").strip()
    if not _FORM.fullmatch(found):
        raise ServiceError(f"{path} holds no password: delete it, and a new one is made")
    return found


def auth_file(home: Path) -> Path:
    """Return the file of the secret of `home`."""
    return home / "services" / "auth_string"


def basic(secret: str) -> str:
    """Return the value of the header `Authorization` that holds `secret`."""
    return "Basic " + base64.b64encode(secret.encode()).decode()


def _make(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".auth_string-{secrets.token_hex(8)}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"lamini:{secrets.token_urlsafe(32)}\n")
            file.flush()
            os.fsync(handle)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(part)
    finally:
        part.unlink()
