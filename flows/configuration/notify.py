"""Whom to tell that the gate failed, a run crashed or recall fell."""

import re
import shlex
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Notify:
    """Whom to tell, and how long that may take."""

    command: str = ""
    """Run without a shell, with the JSON on stdin."""
    webhook_url_env: str = ""
    """The environment variable that holds the URL; the JSON is posted to it."""
    timeout_seconds: float = 10.0

    def __post_init__(self) -> None:
        name = self.webhook_url_env
        if name and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            # The value may be the secret itself, so it is not shown.
            raise ValueError("webhook_url_env must name an environment variable, not hold the URL")
        if self.timeout_seconds <= 0:
            raise ValueError(f"timeout_seconds={self.timeout_seconds} must be positive")
        try:
            shlex.split(self.command)
        except ValueError as error:
            raise ValueError(f"command={self.command!r} is no command line: {error}") from None
