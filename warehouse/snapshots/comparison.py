"""Compare two published snapshots for people: what changed, and why.

changes.py says the same for training, by fact_id alone.
"""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

from warehouse import query
from warehouse.snapshots import views
from warehouse.snapshots.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What differs between an old and a new snapshot."""

    counts: dict[str, int]
    """Facts and claims of both; facts added, changed, retired; claims of another status; sources
    new and gone."""
    facts: pa.Table
    """Added, changed and retired ones: answers before and after, the claim that now decides with
    its reason, and what became of the one that decided before."""
    claims: pa.Table
    """Those whose status is another one now."""
    sources: pa.Table
    """Those that are new or gone."""


def compare(old: Snapshot, new: Snapshot) -> Comparison:
    """Compare two snapshots file by file; neither needs the catalogue."""
    with query.connect() as con:
        views.lend(con, old, "old_")
        views.lend(con, new, "new_")
        facts, claims, sources = (
            query.run(con, f"compare_{name}") for name in ("facts", "claims", "sources")
        )
        counts: dict[str, int] = query.run(con, "compare_counts").to_pylist()[0]
    ops = Counter(facts["op"].to_pylist())
    kinds = Counter(sources["op"].to_pylist())
    counts |= {op: ops[op] for op in ("added", "changed", "retired")}
    counts |= {"claims_of_other_status": claims.num_rows}
    counts |= {f"sources_{op}": kinds[op] for op in ("new", "gone")}
    return Comparison(counts=counts, facts=facts, claims=claims, sources=sources)
