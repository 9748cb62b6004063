"""The retention policy: how much of what is over is kept; what the champion needs always is."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class Retention:
    """How much is kept of what no champion needs; `lamini gc` removes the rest."""

    keep_runs: int = 5
    """Runs besides those of the champion and the previous one, the newest first."""
    keep_snapshots: int = 10
    """Snapshots besides those that a kept run was trained on, the newest first."""
    keep_days: float = 14.0
    """Nothing that was written in so many days goes: run, snapshot, bank version or assignment."""
    keep_quarantine_days: float = 365.0
    """After so many days a refused row loses its text; it stays as a row that counts."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if value < 0:
                raise ValueError(f"{name}={value} must not be negative")
