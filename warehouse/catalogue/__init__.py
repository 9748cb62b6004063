"""The DuckDB catalogue: opened by one writer, seen as of any moment, rewritten to lose old text."""

from warehouse.catalogue.known import look_back
from warehouse.catalogue.opening import (
    TOMBSTONES,
    WAYS_BACK,
    make_tables,
    now,
    open_catalogue,
    transaction,
)
from warehouse.catalogue.reading import read_through
from warehouse.catalogue.rewriting import rewrite_catalogue

__all__ = [
    "TOMBSTONES",
    "WAYS_BACK",
    "look_back",
    "make_tables",
    "now",
    "open_catalogue",
    "read_through",
    "rewrite_catalogue",
    "transaction",
]
