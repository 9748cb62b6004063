"""Which spellings are one value, and how far one value speaks for another: a kind for each type."""

from warehouse.values.kinds import Kind, kind_of

__all__ = ["Kind", "kind_of"]
