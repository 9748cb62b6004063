"""When things are done without a hand: settings of deployments, of watching, of the debounce."""

from dataclasses import dataclass, field

from flows.configuration.cron import wrong_with


@dataclass(frozen=True, kw_only=True)
class Schedules:
    """Cron lines, all in UTC; an empty one leaves the schedule out."""

    ingest: str = "7 2 * * *"
    """Every source that `ingest_of` does not name."""
    ingest_of: dict = field(default_factory=dict)  # type: ignore[type-arg]
    """A source's name and its own cron line: `ingest_of = { prices = "*/15 * * * *" }`."""
    retrain: str = "7 3 * * *"
    """The reconciler: it catches up with what no event told, or a debounce held back."""
    measure: str = "7 5 * * *"
    """Recall of the champion."""
    watch_seconds: int = 300
    """How often the files of sources are looked at; 0 looks at none."""

    def __post_init__(self) -> None:
        lines = {"ingest": self.ingest, "retrain": self.retrain, "measure": self.measure}
        for name, line in [*lines.items(), *self.ingest_of.items()]:
            if not isinstance(line, str):
                raise ValueError(f"{name}={line!r} must be a cron line of five fields, or empty")
            if line and (wrong := wrong_with(line)):
                raise ValueError(f"{name}={line!r} {wrong}")
        if self.watch_seconds < 0:
            raise ValueError(f"watch_seconds={self.watch_seconds} must not be negative")


@dataclass(frozen=True, kw_only=True)
class Debounce:
    """When changes that an event told of are worth a training."""

    min_changed_facts: int = 1
    """With fewer pending, a triggered retrain waits for more."""
    max_staleness: float = 24.0
    """Hours; changes that wait longer are trained however few they are."""

    def __post_init__(self) -> None:
        if self.min_changed_facts < 1:
            raise ValueError(f"min_changed_facts={self.min_changed_facts} must be at least 1")
        if self.max_staleness < 0:
            raise ValueError(f"max_staleness={self.max_staleness} must not be negative")
