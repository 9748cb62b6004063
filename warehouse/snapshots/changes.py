"""Say what changed between two snapshots, as far as training is concerned."""

from dataclasses import dataclass

import pyarrow as pa

from warehouse import query
from warehouse.snapshots.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Facts (by fact_id, in order) that training must add, change or forget."""

    added: list[str]
    changed: list[str]
    retired: list[str]
    unchanged: int
    """How many stay as they are."""

    @property
    def is_empty(self) -> bool:
        """Nothing to do."""
        return not (self.added or self.changed or self.retired)


def diff(old: Snapshot | None, new: Snapshot) -> Changes:
    """Compare two snapshots by prompts and answer; without an old one, everything is added."""
    new_facts = _trained(new)
    old_facts = _trained(old) if old else new_facts.slice(0, 0)
    with query.connect() as con:
        con.register("old_facts", old_facts)
        con.register("new_facts", new_facts)
        rows = query.execute(con, "snapshot_changes")
    found: dict[str, list[str]] = {"added": [], "changed": [], "retired": [], "unchanged": []}
    for fact_id, op in rows:
        found[str(op)].append(str(fact_id))
    return Changes(
        added=found["added"],
        changed=found["changed"],
        retired=found["retired"],
        unchanged=len(found["unchanged"]),
    )


def _trained(snapshot: Snapshot) -> pa.Table:
    return snapshot.facts().select(["fact_id", "prompts", "answer"])
