"""Rows that could not be taken in: list them, put them right, take them in.

A refused row is kept for good. Taken in later, it becomes a claim with its old origin, is marked,
and counts as that claim.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import duckdb

from warehouse import failpoints, query
from warehouse.catalogue import now, transaction
from warehouse.claims import CLAIM_FIELDS, LIST_FIELDS, ClaimBatch, FileRows
from warehouse.errors import UnknownQuarantineError
from warehouse.intake.extracts import settle_extract
from warehouse.intake.ingestion import accept, judge, registered
from warehouse.nearest import hint

_PLACE = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """What became of a refused row that was tried again."""

    quarantine_id: str
    claim_id: str | None
    """Null when it is still refused."""
    field: str | None = None
    reason: str | None = None
    explanation: str | None = None


def list_quarantine(
    con: duckdb.DuckDBPyConnection,
    *,
    source: str | None = None,
    reason: str | None = None,
    ids: Sequence[str] | None = None,
    with_replayed: bool = False,
) -> list[dict[str, Any]]:
    """Return refused rows, ordered by file and row; `fields` is what the mapping made of each.

    Raises:
        UnknownQuarantineError: no row has one of the ids.
    """
    found: list[dict[str, Any]] = query.run(
        con,
        "quarantine_list",
        source=source,
        reason=reason,
        quarantine_ids=None if ids is None else list(ids),
        with_replayed=with_replayed or ids is not None,
    ).to_pylist()
    for name in ids or ():
        if name not in {row["quarantine_id"] for row in found}:
            known = (str(row[0]) for row in query.execute(con, "quarantine_ids"))
            raise UnknownQuarantineError(
                f"no row {name!r} in quarantine{hint(name, known, what='there are')}"
            )
    return [{**row, "fields": json.loads(row["fields"] or "{}")} for row in found]


def replay(
    con: duckdb.DuckDBPyConnection,
    fixes: Mapping[str, Mapping[str, object]],
    *,
    recorded_at: datetime | None = None,
) -> list[Replayed]:
    """Try refused rows again, each with its changed fields; all in one transaction.

    Templates of the mapping are filled again where the fields that they name are changed.

    Raises:
        UnknownQuarantineError: an id or field is unknown, or the row was taken in before; nothing
            was changed.
    """
    rows = {row["quarantine_id"]: row for row in list_quarantine(con, ids=list(fixes))}
    for name, row in rows.items():
        _check(name, row, fixes[name])
    moment = recorded_at or now()
    with transaction(con):
        done = [_again(con, rows[name], fixes[name], moment) for name in fixes]
        for content_hash in sorted({rows[name]["content_hash"] for name in fixes}):
            _settle(con, content_hash, rows, moment)
        failpoints.reach("replay.before_commit")
    return done


def read_fixes(lines: Iterable[str], file: str) -> dict[str, dict[str, object]]:
    """Read JSON lines, each an object with `quarantine_id` and the fields to change.

    What `lamini quarantine list --json` gives for a row will do: of it, only `fields` counts.

    Raises:
        UnknownQuarantineError: a line is no such object.
    """
    fixes: dict[str, dict[str, object]] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            given = json.loads(line)
            name = given.pop("quarantine_id")
        except (ValueError, AttributeError, KeyError, TypeError):
            raise UnknownQuarantineError(
                f"{file}: line {number} is no JSON object with a quarantine_id"
            ) from None
        fields = given.get("fields", given)
        if not isinstance(name, str) or not isinstance(fields, dict):
            raise UnknownQuarantineError(f"{file}: line {number}: give fields as an object")
        fixes[name] = fields
    return fixes


def _check(name: str, row: Mapping[str, Any], fix: Mapping[str, object]) -> None:
    if row["replayed_at"] is not None:
        raise UnknownQuarantineError(
            f"row {name!r} was taken in on {row['replayed_at']:%Y-%m-%d %H:%M}, "
            f"as claim {row['claim_id']}"
        )
    for field in fix:
        if field not in CLAIM_FIELDS:
            raise UnknownQuarantineError(
                f"no field {field!r}{hint(field, CLAIM_FIELDS, what='fields')}"
            )


def _again(
    con: duckdb.DuckDBPyConnection,
    row: Mapping[str, Any],
    fix: Mapping[str, object],
    moment: datetime,
) -> Replayed:
    if row["reason"] == "malformed_row" and not fix:
        found = {name: row[name] for name in ("field", "reason", "explanation")}
        return Replayed(quarantine_id=row["quarantine_id"], claim_id=None, **found)
    # One row a batch: each has its own file and row number.
    batch = ClaimBatch.from_rows(row["source"], [_filled(row, fix)], file=row["file"])
    rows = FileRows(file=row["file"], first_row=2 - row["row"], last_row=1)
    batch = replace(batch, files=(rows,))
    with registered(con, batch):
        judge(con, moment)
        refused = query.run(con, "quarantine_verdict").to_pylist()
        if refused:
            return Replayed(quarantine_id=row["quarantine_id"], claim_id=None, **refused[0])
        accept(con, row["content_hash"], moment)
        named = {"quarantine_id": row["quarantine_id"], "now": moment}
        [(claim_id,)] = query.execute(con, "quarantine_replayed", **named)
    return Replayed(quarantine_id=row["quarantine_id"], claim_id=str(claim_id))


def _filled(row: Mapping[str, Any], fix: Mapping[str, object]) -> dict[str, object]:
    fields = {**row["fields"], **fix}
    for name, templates in json.loads(row["recipe"] or "{}").get("templates", {}).items():
        if name in fix or not fix:
            continue
        texts = [_fill(text, {**_given(row), **fields}) for text in templates]
        whole = [text for text in texts if text is not None]
        if name in LIST_FIELDS:
            fields[name] = whole
        elif whole:
            fields[name] = whole[0]
    return fields


def _given(row: Mapping[str, Any]) -> dict[str, object]:
    try:
        given = json.loads(row["raw"])
    except ValueError:  # a row that could not be read: there are no columns
        return {}
    return given if isinstance(given, dict) else {}


def _fill(template: str, values: Mapping[str, object]) -> str | None:
    places = _PLACE.findall(template)
    if any(values.get(place) is None for place in places):
        return None
    return _PLACE.sub(lambda found: str(values[found.group(1)]), template)


def _settle(
    con: duckdb.DuckDBPyConnection,
    content_hash: str,
    rows: Mapping[str, Mapping[str, Any]],
    moment: datetime,
) -> None:
    # A row of an earlier extract is withdrawn at once; a slot no longer unreadable is settled.
    [(source,)] = query.execute(con, "batch_source", content_hash=content_hash)
    file = next(row["file"] for row in rows.values() if row["content_hash"] == content_hash)
    settle_extract(con, str(source), str(file), moment)
