"""Rank the sources of a published snapshot by how often they are right."""

import pyarrow as pa

from warehouse import query
from warehouse.snapshots.snapshot import Snapshot


def rank_sources(snapshot: Snapshot, relation: str | None = None) -> pa.Table:
    """Rank them by learned accuracy, else by the share of their valid claims that is used.

    `relation`: in that one alone; null: in all together. `copies_with` names the other sources of
    the same copy groups.
    """
    with query.connect() as con:
        con.register("sources", snapshot.sources())
        return query.run(con, "rank_sources", relation=relation)
