"""Which value of a slot wins: claims placed, keyed, compared by the rule of their relation."""

from warehouse.judgement.beliefs import Weighing

__all__ = ["Weighing"]
