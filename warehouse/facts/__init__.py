"""One fact a slot: all claims decided, each with its reason, or those that changed since."""

from warehouse.facts.rebuilding import rebuild
from warehouse.facts.reconciliation import ReconcileReceipt, ReconcileSettings, reconcile

__all__ = ["ReconcileReceipt", "ReconcileSettings", "rebuild", "reconcile"]
