"""What was decided, published as immutable Parquet; read, compared and opened for SQL."""

from warehouse.snapshots.changes import Changes, diff
from warehouse.snapshots.comparison import compare
from warehouse.snapshots.recovery import Recovered, recover
from warehouse.snapshots.snapshot import (
    Snapshot,
    drop_dates,
    head,
    open_snapshot,
    publish,
    published_dates,
    set_head,
    write_snapshot,
)
from warehouse.snapshots.source_ranking import rank_sources

__all__ = [
    "Changes",
    "Recovered",
    "Snapshot",
    "compare",
    "diff",
    "drop_dates",
    "head",
    "open_snapshot",
    "publish",
    "published_dates",
    "rank_sources",
    "recover",
    "set_head",
    "write_snapshot",
]
