"""Why a slot has its value, and what would change that: from a published snapshot alone."""

from warehouse.explanations.explanation import explain

__all__ = ["explain"]
