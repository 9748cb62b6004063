"""Withdraw claims: they stay, with the reason, and take no further part."""

from datetime import datetime

import duckdb

from warehouse import failpoints, query
from warehouse.catalogue import now, transaction
from warehouse.errors import UnknownClaimError


def retract(
    con: duckdb.DuckDBPyConnection,
    claim_ids: list[str],
    reason: str,
    *,
    recorded_at: datetime | None = None,
) -> int:
    """Withdraw the claims from the next reconcile on; give how many were not withdrawn before.

    Raises:
        UnknownClaimError: one of them does not exist; nothing was changed.
        ValueError: there is no reason.
    """
    if not reason.strip():
        raise ValueError("a retraction needs a reason")
    unknown = query.execute(con, "retract_unknown", claim_ids=claim_ids)
    if unknown:
        raise UnknownClaimError(
            f"no claim {unknown[0][0]!r}; the published claims carry their claim_id"
        )
    with transaction(con):
        withdrawn = query.execute(
            con,
            "retract_record",
            claim_ids=claim_ids,
            reason=reason.strip(),
            now=recorded_at or now(),
        )
        query.execute(con, "clear_reconciled")
        failpoints.reach("retract.before_commit")
    return len(withdrawn)
