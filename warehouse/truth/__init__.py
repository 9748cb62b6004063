"""Which of the conflicting claims of a slot is true, estimated together with whom to believe."""

from warehouse.truth.discovery import Truth, discover, discover_partitioned, discover_relations
from warehouse.truth.settings import TruthConfig
from warehouse.truth.state import TruthState

__all__ = [
    "Truth",
    "TruthConfig",
    "TruthState",
    "discover",
    "discover_partitioned",
    "discover_relations",
]
