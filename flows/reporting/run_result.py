"""What one run returns to whoever started it: the program, a schedule, a backfill."""

from collections.abc import Sequence
from dataclasses import dataclass

from flows.home.decided import Decided
from flows.home.receipts import Measured, Receipts, Written
from flows.home.steps import STEPS
from flows.planning.survey import ChangedFact
from warehouse.intake import IngestReceipt


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run took in, decided and did, or that there was nothing to do."""

    run_key: str
    """The run's own; where nothing was to do, that of the champion."""
    is_new: bool
    mode: str
    """full or incremental: how the model of `run_key` was made."""
    decision: str
    """nothing, incremental or full."""
    reasons: tuple[str, ...]
    prepared_seconds: float
    """From the start until the training began."""
    ingested: Sequence[IngestReceipt]
    reconciled: Decided
    receipts: Receipts
    changes: tuple[ChangedFact, ...] | None = None
    """Of an update; null of any other run."""

    @property
    def written(self) -> Written:
        """The checkpoint; empty where its receipt is gone."""
        return self.receipts.written or Written()

    @property
    def measured(self) -> Measured:
        """The recall; empty where its receipt is gone."""
        return self.receipts.measured or Measured()

    def told(self) -> dict[str, object]:
        """Return it as programs read it, each step's receipt by the step's name."""
        steps = (step for step in STEPS[self.mode] if step != "gate")
        return {
            "ingested": self.ingested,
            "reconciled": self.reconciled,
            "run_key": self.run_key,
            "is_new": self.is_new,
            "mode": self.mode,
            "decision": self.decision,
            "reasons": self.reasons,
            "prepared_seconds": self.prepared_seconds,
            **self.receipts.told(*steps),
            **({} if self.changes is None else {"changes": self.changes}),
        }
