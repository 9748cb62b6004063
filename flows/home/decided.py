"""What reconciling decided, and the snapshot in which it was published."""

from dataclasses import dataclass
from pathlib import Path

from warehouse.facts import ReconcileReceipt


@dataclass(frozen=True, kw_only=True)
class Decided(ReconcileReceipt):
    """The receipt of a reconcile that was published under the same lock."""

    path: Path
    """The folder of the snapshot."""
