"""The settings of truth discovery. All of them are priors and limits: the data decide the rest."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TruthConfig:
    """How much is believed before the data speak, and how long is estimated."""

    max_rounds: int = 20
    """Rounds of estimation at most."""
    tolerance: float = 0.001
    """Estimation ends when no source's accuracy moves by more."""
    source_prior: float = 10.0
    """Claims' worth of the mean accuracy with which every source starts: it shrinks sparse ones."""
    value_prior: float = 5.0
    """The same of a value: how often it is right, whoever says it."""
    source_value_prior: float = 10.0
    """The same of one value from one source, for the errors that it repeats."""
    containment_prior: float = 2.0
    """Slots' worth of doubt before one value counts as part of another."""
    min_containment: float = 0.15
    """Of the disputed slots of a value, the share in which the more general one must be named."""
    copy_rate: float = 0.8
    """Of a copier's claims, the share that is copied (Dong et al. 2009)."""
    min_shared_slots: int = 10
    """Two sources must meet in so many slots before one can count as the other's copy."""
    reversal: float = 1.0
    """The few are believed against the many where their record elsewhere is better by so many
    standard errors."""
    max_values_compared: int = 12
    """Of one slot, neighbouring values compared with each other at most."""
    max_sources_compared: int = 40
    """Of one slot, neighbouring sources compared with each other at most."""
    accept: float = 0.95
    """A slot whose best value is less probable needs review."""

    def __post_init__(self) -> None:
        if self.max_rounds < 1:
            raise ValueError(f"max_rounds = {self.max_rounds} must be at least 1")
        if not 0 <= self.accept <= 1:
            raise ValueError(f"accept = {self.accept} must be a probability")
        if not 0 <= self.copy_rate < 1:
            raise ValueError(f"copy_rate = {self.copy_rate} must be at least 0 and below 1")
        for name in ("source_prior", "value_prior", "source_value_prior", "containment_prior"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)} must be positive")
