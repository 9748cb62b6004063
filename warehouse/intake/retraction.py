"""Withdraw claims: they stay, with the reason, and take no further part."""

from datetime import datetime

import duckdb

from warehouse import failpoints, query
from warehouse.catalogue import now, transaction
from warehouse.errors import RetractionError, UnknownClaimError
from warehouse.normal import normal_form, relation_name


def claims_like(
    con: duckdb.DuckDBPyConnection,
    subject: str,
    relation: str,
    *,
    source: str | None = None,
    value: str | None = None,
) -> list[str]:
    """Return the claims about a slot, if wanted only of one source or one value, by what they say.

    Raises:
        UnknownClaimError: there is none.
    """
    said = {
        "subject": normal_form(subject),
        "relation": relation_name(relation),
        "source": source,
        "value": None if value is None else normal_form(value),
    }
    found = [str(row[0]) for row in query.execute(con, "retract_like", **said)]
    if not found:
        more = [f"{name} {text!r}" for name, text in said.items() if text is not None]
        raise UnknownClaimError(
            f"no claim of {', '.join(more)}; `lamini facts` lists what there is"
        )
    return found


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
