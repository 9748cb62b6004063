"""The way in: a batch becomes claims, or quarantine; what is withdrawn, lifted, put right later."""

from warehouse.intake.batches import LastBatch, last_batch
from warehouse.intake.ingestion import IngestReceipt, contract_findings, ingest
from warehouse.intake.quarantine import list_quarantine, read_fixes, replay
from warehouse.intake.quarantine_texts import drop_texts, old_texts
from warehouse.intake.retraction import claims_like, retract

__all__ = [
    "IngestReceipt",
    "LastBatch",
    "claims_like",
    "contract_findings",
    "drop_texts",
    "ingest",
    "last_batch",
    "list_quarantine",
    "old_texts",
    "read_fixes",
    "replay",
    "retract",
]
