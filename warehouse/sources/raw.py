"""A source as it is: its table, and the rows that could not be read set apart."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from warehouse.claims import FileRows
from warehouse.errors import SourceError
from warehouse.sources.mapping import Mapping as SourceMapping


@dataclass(frozen=True, kw_only=True)
class Broken:
    """A row that could not be read."""

    row: int
    text: str
    why: str


@dataclass(frozen=True, kw_only=True)
class RawTable:
    """A source as it is."""

    table: pa.Table
    rows: pa.Array
    """Row numbers in the source, from 1; for JSON lines, line numbers."""
    broken: list[Broken] = field(default_factory=list)
    lines: pa.Array | None = None
    """Line numbers in the file, where it has lines."""
    files: tuple[FileRows, ...] = ()
    """Of several files: which rows each holds."""
    version: int | None = None
    watermark: str | None = None
    is_full: bool = False
    """Whether it holds all that the source asserts, though it usually tells what is new."""
    told: tuple[str, ...] = ()
    """What people should know of how it was read."""
    removed: pa.Table | None = None
    """Rows that a change feed says were deleted; null without a feed."""
    wordless: Mapping[str, str] = field(default_factory=dict)
    """Columns whose values have no text of their own, and what they hold."""


def check_width(mapping: SourceMapping, num_columns: int) -> None:
    """Refuse a table that is too wide to be handled.

    Raises:
        SourceError: it has more than `max_columns`.
    """
    most = mapping.options.max_columns
    if num_columns > most:
        raise SourceError(
            f"{mapping.given_path}: it has {num_columns} columns, more than max_columns = {most}; "
            "leave out those that nobody maps, or raise that in the mapping"
        )


def whole(table: pa.Table, **known: int) -> RawTable:
    """Make a raw table of one in which every row could be read."""
    rows = pa.array(range(1, table.num_rows + 1), pa.int64())
    return RawTable(table=table, rows=rows, version=known.get("version"))


def without_views(table: pa.Table) -> pa.Table:
    """Return a table whose texts are plain ones: few functions take views yet (pyarrow 25)."""
    plain = {pa.string_view(): pa.large_string(), pa.binary_view(): pa.large_binary()}
    fields = [field.with_type(plain.get(field.type, field.type)) for field in table.schema]
    return table.cast(pa.schema(fields))
