"""What each judged run recalls of each fact: kept, published, followed over time."""

from warehouse.recall.history import RecallHistory, open_history
from warehouse.recall.recording import Evaluation, record_evaluation, record_recall

__all__ = ["Evaluation", "RecallHistory", "open_history", "record_evaluation", "record_recall"]
