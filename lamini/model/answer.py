"""What the model said to one question, and what it read to say it."""

from dataclasses import dataclass

from lamini.bank.group_table import GroupTable
from lamini.router.group_keys import Route


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the model said, and what it read to say it."""

    text: str
    from_memory: bool
    group: int | None
    experts: tuple[int, ...]
    """Numbers of the experts read; empty when the prompt matched no fact."""
    fact_ids: tuple[str, ...]
    score: float
    margin: float
    reason: str = ""
    """Why nothing was read, for the person who asked."""

    @classmethod
    def of(cls, text: str, route: Route, table: GroupTable, group_size: int) -> "Answer":
        """Return a text as the answer along a route, with the fact and experts of its group."""
        group = route.group
        experts: tuple[int, ...] = ()
        fact_ids: tuple[str, ...] = ()
        if group is not None:
            row, first = table.row_of(group), group * group_size
            experts = tuple(range(first, first + int(table.num_experts_G[row])))
            fact_ids = (table.fact_ids[row],)
        return cls(
            text=text,
            from_memory=group is not None,
            group=group,
            experts=experts,
            fact_ids=fact_ids,
            score=route.score,
            margin=route.margin,
            reason=route.reason,
        )
