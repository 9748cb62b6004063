"""One thing that `lamini doctor` looked at."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing looked at."""

    name: str
    status: str
    """ok, warn (goes on working) or fail."""
    found: str
    advice: str = ""
