"""When an update of the champion will do, and what follows when it does not."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UpdatePolicy:
    """When an update of the champion's bank will do, and what follows when it does not."""

    max_changed_share: float = 0.5
    """Of more changed facts than this share of all, the router has not seen what it routes."""
    max_retired_share: float = 0.3
    """Of the facts that the champion holds; more, and a run stops until a person asks for it."""
    max_bank_fill: float = 0.9
    """Of the groups; above it, added facts make the flow say that the bank nears its end."""
    max_agreement_loss: float = 0.05
    """How far the router's agreement may fall below that of the last full run."""
    max_collisions: float = 0.01
    """Of all facts, those that updates since the last full run sent to another fact's group."""
    untouched_questions: int = 128
    """Questions about untouched facts asked again after an update; 0 asks all."""
    untouched_prompts: int = 256
    """Prompts whose logits are compared before and after an update."""
    after_failure: str = "stop"
    """What follows when the router makes an update fail the gate: `stop`, or a `full` run."""

    def __post_init__(self) -> None:
        shares = (
            "max_changed_share",
            "max_retired_share",
            "max_bank_fill",
            "max_agreement_loss",
            "max_collisions",
        )
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)} must lie in [0, 1]")
        for name in ("untouched_questions", "untouched_prompts"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)} must not be negative")
        if self.after_failure not in ("stop", "full"):
            raise ValueError(f"after_failure={self.after_failure!r} must be 'stop' or 'full'")
