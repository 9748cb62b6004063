"""Slots that are to be forgotten: their deletion markers, and the purge of their text."""

from warehouse.tombstones.published import publish_tombstones, published_among, published_tombstone
from warehouse.tombstones.purging import SlotTexts, keep_out, origins_of, purge, texts_of
from warehouse.tombstones.tombstone import (
    DEFAULT_REASON,
    FORGOTTEN,
    Tombstone,
    add,
    is_claimed,
    lift,
    names_of,
    spread,
    standing,
)

__all__ = [
    "DEFAULT_REASON",
    "FORGOTTEN",
    "SlotTexts",
    "Tombstone",
    "add",
    "is_claimed",
    "keep_out",
    "lift",
    "names_of",
    "origins_of",
    "publish_tombstones",
    "published_among",
    "published_tombstone",
    "purge",
    "spread",
    "standing",
    "texts_of",
]
