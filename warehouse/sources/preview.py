"""Try a source without writing: what it would give, and what would be refused."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from warehouse import query
from warehouse.catalogue import make_tables, now
from warehouse.claims import ClaimBatch, Contract, Finding
from warehouse.intake import IngestReceipt, LastBatch, contract_findings, ingest, list_quarantine


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What a batch would become."""

    receipt: IngestReceipt
    findings: list[Finding]
    claims: list[dict[str, Any]]
    quarantine: list[dict[str, Any]]


def preview(
    batch: ClaimBatch,
    last: LastBatch | None = None,
    *,
    limit: int = 10,
    moment: datetime | None = None,
) -> Preview:
    """Take `batch` into a catalogue in memory, and give its first claims and refused rows.

    Raises:
        SourceError: the batch has no rows.
    """
    moment = moment or now()
    with query.connect() as con:
        make_tables(con)
        findings = contract_findings(con, batch, moment, last)
        receipt = ingest(con, replace(batch, contract=Contract()), recorded_at=moment)
        claims: list[dict[str, Any]] = query.run(con, "preview_claims", limit=limit).to_pylist()
        refused = list_quarantine(con)[:limit]
    return Preview(receipt=receipt, findings=findings, claims=claims, quarantine=refused)
