"""Withdraw claims: they stay, with the reason, and take no further part."""

from datetime import datetime

import duckdb

from warehouse import failpoints, query
from warehouse.catalogue import now, transaction
from warehouse.errors import RetractionError, UnknownClaimError


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
        RetractionError: there is no reason; nothing was changed.
    """
    if not reason.strip():
        raise RetractionError(
            f"reason = {reason!r}: a retraction needs a reason, which is published"
        )
    unknown = query.execute(con, "retract_unknown", claim_ids=claim_ids)
    if unknown:
        raise UnknownClaimError(
            f"no claim {unknown[0][0]!r}; `lamini why SUBJECT RELATION --json` names them"
        )
    with transaction(con):
        withdrawn = query.execute(
            con,
            "retract_record",
            claim_ids=claim_ids,
            reason=reason.strip(),
            now=recorded_at or now(),
        )
        query.execute(con, "mark_reconciled_stale")
        failpoints.reach("retract.before_commit")
    return len(withdrawn)
