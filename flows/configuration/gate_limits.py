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
    """The same of questions near to the facts that none of them answers, of each sort of them."""
    min_sample: int = 10
    """Questions below which a share of questions neither passes nor fails; facts are all asked."""
    golden: str = ""
    """A golden set (`lamini eval`) that memory must answer; empty for none."""
    min_golden_right: float = 0.8
    """Golden questions answered rightly, silence among them where it is expected."""
    max_golden_wrong: float = 0.05
    """Golden questions answered wrongly; a refusal is neither."""

    def __post_init__(self) -> None:
        if self.min_sample < 1:
            raise ValueError(f"min_sample={self.min_sample} must be at least 1")
        for name, value in asdict(self).items():
            if name not in ("min_sample", "golden") and not 0 <= value <= 1:
                raise ValueError(f"{name}={value} must lie in [0, 1]")
