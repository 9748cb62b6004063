"""Real facts that every installation has: ISO codes (pycountry) and CLDR names (babel)."""

from warehouse.reference.cldr import read_cldr
from warehouse.reference.iso import read_iso
from warehouse.reference.questions import (
    foreign_questions,
    heldout_questions,
    missing_questions,
    training_negatives,
)

__all__ = [
    "foreign_questions",
    "heldout_questions",
    "missing_questions",
    "read_cldr",
    "read_iso",
    "training_negatives",
]
