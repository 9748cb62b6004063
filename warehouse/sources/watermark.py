"""Read only what is new: rows whose watermark column lies beyond the greatest value so far.

A row that comes late, with a value that is not greater, is never read: take a column that grows
with each write (an identity, a time of change), not one of the world's dates.
"""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.errors import SourceError
from warehouse.intake import LastBatch
from warehouse.nearest import hint
from warehouse.sources.cursor import Cursor, cursor_of
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable


def only_new(mapping: Mapping, raw: RawTable, last: LastBatch | None) -> RawTable:
    """Leave out rows that are not beyond the last watermark, and note the new one.

    Raises:
        SourceError: the column is missing, null in a row, without an order that is surely meant, or
            of another kind than before.
    """
    column = mapping.options.watermark
    if column is None:
        return raw
    if mapping.format == "delta" and column == "version":
        return raw
    if column not in raw.table.column_names:
        near = hint(column, raw.table.column_names, what="columns")
        raise SourceError(f"{mapping.given_path}: no column {column!r} for the watermark{near}")
    values = raw.table[column]
    nulls = pc.indices_nonzero(pc.is_null(values, nan_is_null=True))
    if len(nulls):
        row = raw.rows[nulls[0].as_py()]
        raise SourceError(
            f"{mapping.given_path}: row {row}: the watermark column {column!r} is null, so nobody "
            "can tell whether the row is new; give it a value, or leave out the watermark"
        )
    if not len(values):
        return replace(raw, watermark=_known(column, last))
    cursor = cursor_of(values)
    if cursor is None:
        raise SourceError(
            f"{mapping.given_path}: nobody can tell which of two values of the watermark column "
            f"{column!r} is later: it holds {values.type}, such as {values[0].as_py()!r}; take a "
            "column of numbers, of times (ISO 8601 where it is text), or of texts of one form"
        )
    since = _since(mapping, column, cursor, last)
    keys = cursor.keys
    if since is not None:
        is_new = pc.greater(keys, since)
        lines = None if raw.lines is None else raw.lines.filter(is_new.combine_chunks())
        raw = replace(
            raw,
            table=raw.table.filter(is_new),
            rows=raw.rows.filter(is_new.combine_chunks()),
            lines=lines,
        )
        keys = keys.filter(is_new)
    newest = cursor.write(pc.max(keys).as_py()) if len(keys) else _known(column, last)
    return replace(raw, watermark=newest)


def _known(column: str, last: LastBatch | None) -> str | None:
    return last.watermark if last is not None and last.watermark_column == column else None


def _since(
    mapping: Mapping, column: str, cursor: Cursor, last: LastBatch | None
) -> pa.Scalar | None:
    known = _known(column, last)
    if known is None:
        return None
    since = cursor.read(known)
    if since is None:
        raise SourceError(
            f"{mapping.given_path}: the watermark is {known!r} so far, but column {column!r} now "
            f"holds {cursor.kind}; give the source another name to start anew"
        )
    return since
