"""What is proposed for a table: which of its columns are what, and what was unsure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ProposedRelation:
    """What the table tells of its subjects in one column, or under one name."""

    name: str
    """As claims name it."""
    called: str
    """As a question calls it: without a unit in parentheses."""
    kind: str = "text"
    """The kind of its values."""
    unit: str | None = None
    """Of numbers, where the column's name says it."""
    column: str | None = None
    """Of a wide table, its column."""
    slot: str = "single_valued"


@dataclass(frozen=True, kw_only=True)
class Table:
    """Where a table lies and how it is read, as a mapping says it."""

    top: Mapping[str, str]
    """path, format, table, dsn_env: what is needed of them."""
    csv: Mapping[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Form:
    """How the rows become claims."""

    is_wide: bool = False
    """One claim for each of several columns, or one a row."""
    fields: Mapping[str, str | Mapping[str, Any]]
    """Claim field: a column, or `{"constant": ...}`, `{"template": ...}`."""
    relations: tuple[ProposedRelation, ...] = ()
    """Of a wide table all; of a long one those whose rule is not the default one."""
    is_state: bool = True
    """Whether it holds what is so now: a row that is gone is no longer so."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Column: why it is not taken."""
    nulls: tuple[str, ...] = ()
    """Texts that stand for no value."""
    doubts: tuple[str, ...] = ()

    @property
    def needs_phrasings(self) -> bool:
        """Whether the table brings no prompts of its own."""
        return not self.fields.keys() & {"question", "cloze"}


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A mapping to be written."""

    name: str
    out: Path
    num_rows: int
    table: Table
    form: Form

    @property
    def doubts(self) -> tuple[str, ...]:
        """All that it was unsure of."""
        return (*self.table.doubts, *self.form.doubts)
