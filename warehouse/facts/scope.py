"""Choose which claims a reconcile judges: all of them, or those that a change can have touched.

A slot is judged again if a claim about it came in, was withdrawn or restored since the last
reconcile, if the new as-of date changes where one of its claims stands, if the rule of its relation
changed, if other claims of it look like a bad import than before, or if it shares a phrasing with
such a slot. All other decisions stand, so what comes out is exactly what judging all would give.
"""

import functools
import hashlib
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from warehouse import query
from warehouse.claims import RelationRule

Rules = Mapping[str | None, RelationRule]

SCOPES = ("auto", "all", "changed")
MAX_TOUCHED = 0.05
"""Of all slots: beyond it, judging all is as quick."""
MAX_JUDGED = 0.2
"""Of all slots, with those that share phrasings."""


@functools.cache
def code_fingerprint() -> str:
    """Hash everything that decides: another version judges all claims anew."""
    digest = hashlib.sha256(duckdb.__version__.encode())
    folder = Path(__file__).parents[1]
    for path in sorted(path for path in folder.rglob("*.*") if path.suffix not in _NO_CODE):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


_NO_CODE = (".pyc", ".md")


def take_all(con: duckdb.DuckDBPyConnection) -> None:
    """Let every claim known be judged."""
    _define(con, "scope_all")


def touch(
    con: duckdb.DuckDBPyConnection, scope: str, settings: str | None, as_of: date, rules: Rules
) -> bool:
    """Find the slots that changed since the last reconcile; say whether these alone are judged.

    They are not if there was none, or none with the same `settings`, nor under "auto" if they are
    many.
    """
    last = _last(con)
    if scope == "all" or settings is None or last is None or last["settings"] != settings:
        return False
    query.execute(
        con,
        "scope_touched",
        num_claims=last["num_claims"],
        num_retractions=last["num_retractions"],
        relations=_ruled_otherwise(json.loads(last["rules"]), rules),
    )
    if last["as_of"] != as_of:
        query.execute(con, "scope_dates", old=last["as_of"], new=as_of)
    if not _is_few(con, scope, MAX_TOUCHED, last["num_slots_now"]):
        return False
    _define(con, "scope_changed_slots")
    return True


def widen(con: duckdb.DuckDBPyConnection, scope: str) -> bool:
    """Fetch the claims of the slots found and of all that share phrasings; false if too many."""
    query.execute(con, "scope_suspects")
    query.execute(con, "scope_none")
    rounds, last = 0, _last(con)
    while last is not None and _size(con, rounds):
        query.execute(con, "scope_fetch", round=rounds)
        query.execute(con, "scope_widen", round=rounds)
        rounds += 1
        if not _is_few(con, scope, MAX_JUDGED, last["num_slots_now"]):
            return False
    query.execute(con, "scope_decisions_before")
    query.execute(con, "scope_facts_before")
    _define(con, "scope_before")
    use_fetched(con)
    return True


def elsewhere(con: duckdb.DuckDBPyConnection, *, only_changed: bool) -> dict[str, object]:
    """Return the figures of the slots that are not judged."""
    if not only_changed:
        return {"num_conflicts_elsewhere": 0}
    return dict(query.run(con, "scope_elsewhere").to_pylist()[0])


def use_fetched(con: duckdb.DuckDBPyConnection) -> None:
    """Let the claims that were fetched be judged."""
    _define(con, "scope_fetched")


def num_judged(con: duckdb.DuckDBPyConnection) -> int:
    """Count the slots that the last reconcile of this session judged."""
    return int(str(query.execute(con, "scope_judged")[0][0]))


def read_again(con: duckdb.DuckDBPyConnection) -> None:
    """Read again what is now recorded of the slots that were judged."""
    query.execute(con, "scope_decisions_after")
    query.execute(con, "scope_facts_after")
    _define(con, "scope_after")


def rules_as_json(rules: Rules) -> str:
    """Write the rules by relation, the default left out, always the same way."""
    declared = {name: rule.to_json() for name, rule in rules.items() if name is not None}
    return json.dumps(declared, sort_keys=True)


def _ruled_otherwise(before: Mapping[str, str], rules: Rules) -> list[str]:
    default = rules[None].to_json()
    now = {name: rule.to_json() for name, rule in rules.items() if name is not None}
    names = sorted(before.keys() | now.keys())
    return [name for name in names if before.get(name, default) != now.get(name, default)]


def _last(con: duckdb.DuckDBPyConnection) -> dict[str, Any] | None:
    found = query.run(con, "reconciled_last").to_pylist()
    return found[0] if found else None


def _size(con: duckdb.DuckDBPyConnection, rounds: int | None) -> int:
    return int(str(query.execute(con, "scope_size", round=rounds)[0][0]))


def _is_few(con: duckdb.DuckDBPyConnection, scope: str, share: float, num_slots: int) -> bool:
    return scope == "changed" or _size(con, None) <= share * num_slots


def _define(con: duckdb.DuckDBPyConnection, name: str) -> None:
    for statement in con.extract_statements(query.text(name)):
        con.execute(statement)
