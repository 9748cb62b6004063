"""Propose a mapping for a table that nobody has described yet: what `lamini init` writes."""

from warehouse.proposals.proposal import Proposal, ProposedRelation
from warehouse.proposals.proposing import propose
from warehouse.proposals.writing import as_toml

__all__ = ["Proposal", "ProposedRelation", "as_toml", "propose"]
