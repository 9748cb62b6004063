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
        findings = [*contract_findings(con, batch, moment, last), *_undated_log(batch)]
        receipt = ingest(con, replace(batch, contract=Contract()), recorded_at=moment)
        findings += [
            Finding(check="values", message=doubt, is_hard=False) for doubt in receipt.warnings
        ]
        claims: list[dict[str, Any]] = query.run(con, "preview_claims", limit=limit).to_pylist()
        refused = list_quarantine(con)[:limit]
    return Preview(receipt=receipt, findings=findings, claims=claims, quarantine=refused)


def _undated_log(batch: ClaimBatch) -> list[Finding]:
    """Warn where an edited cell would tie with what it was: nothing says which came later."""
    dates = (batch.claims[name] for name in ("observed_at", "valid_from", "valid_to"))
    is_dated = any(date.null_count < len(date) for date in dates)
    if is_dated or batch.extract == "full" or batch.watermark_column is not None:
        return []
    message = (
        f"{batch.file} has no dates, so a cell that is edited ties with what it was before, and "
        'a row that is deleted stays a fact; set extract = "full" if the table holds all that '
        f"source {batch.source!r} asserts"
    )
    return [Finding(check="extract", message=message, is_hard=False)]
