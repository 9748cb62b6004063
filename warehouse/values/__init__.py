"""Which spellings are one value, and how far one value speaks for another: a kind for each type."""

from warehouse.values.agreement import holds_text, same_amount, same_text
from warehouse.values.kinds import Kind, kind_of

__all__ = ["Kind", "holds_text", "kind_of", "same_amount", "same_text"]
