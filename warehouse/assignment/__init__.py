"""Which group of experts each fact is written to."""

from warehouse.assignment.groups import AssignmentReceipt, assign, num_experts_for

__all__ = ["AssignmentReceipt", "assign", "num_experts_for"]
