"""Try a source without writing: what it would give, and what would be refused."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pyarrow.compute as pc

from warehouse import query
from warehouse.catalogue import make_tables, now
from warehouse.claims import ClaimBatch, Contract, Finding
from warehouse.intake import IngestReceipt, LastBatch, contract_findings, ingest, list_quarantine
from warehouse.values.amounts import read_amount
from warehouse.values.dates import read_date
from warehouse.values.numbers import Number

_LOOKED_AT = 5000
"""So many claims of a relation are looked at for values that are not of its kind."""


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
        findings += _of_no_kind(batch)
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


def _of_no_kind(batch: ClaimBatch) -> list[Finding]:
    """Warn of values that are no date or number where nearly all others are: they are answers."""
    number = Number()
    reads: dict[str, Callable[[str], object]] = {
        "date": read_date,
        "number": lambda text: read_amount(number.key(text)),
    }
    found = []
    for relation, rule in batch.relations.items():
        if rule.values not in reads:
            continue
        given = batch.claims.filter(pc.equal(batch.claims["relation"], relation))["value"]
        texts = [text for text in given.slice(0, _LOOKED_AT).to_pylist() if text and text.strip()]
        odd = list(dict.fromkeys(text for text in texts if reads[rule.values](text) is None))
        if 0 < len(odd) <= 0.2 * len(texts):
            listed = ", ".join(map(repr, odd[:3])) + (" and others" if len(odd) > 3 else "")
            are = f"is no {rule.values}" if len(odd) == 1 else f"are no {rule.values}s"
            message = (
                f"{listed} {are}, as other values of {relation!r} are: an answer as it stands, "
                "unless put right, or named in nulls = [...]"
            )
            found.append(Finding(check="kind", message=message, is_hard=False))
    return found
