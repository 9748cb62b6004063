"""What a candidate must reach to become the champion."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """What a candidate must reach; `min_recall` of the settings is for all facts."""

    min_paraphrase: float = 0.8
    """Exact recall of held-out phrasings, where there are any."""
    min_changed: float = 0.95
    """Exact recall of added and changed facts, in every phrasing that they were tuned on."""
    min_affected: float = 0.95
    """Exact recall of facts that an update may have captured."""
    max_foreign: float = 0.05
    """Foreign questions answered from memory."""
    max_near_foreign: float = 0.3
    """The same of questions near to the facts that none of them answers."""

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 1:
                raise ValueError(f"{name}={value} must lie in [0, 1]")
