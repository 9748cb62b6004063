"""Read only what is new: rows whose watermark column lies beyond the greatest value so far.

A row that comes late, with a value that is not greater, is never read: take a column that grows
with each write (an identity, a time of change), not one of the world's dates.
"""

import math
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.errors import SourceError
from warehouse.intake import LastBatch
from warehouse.nearest import hint
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable


def only_new(mapping: Mapping, raw: RawTable, last: LastBatch | None) -> RawTable:
    """Leave out rows that are not beyond the last watermark, and note the new one.

    Raises:
        SourceError: the column is missing, null in a row, or of another kind than before.
    """
    column = mapping.options.watermark
    if column is None:
        return raw
    if mapping.format == "delta" and column == "version":
        return replace(raw, watermark=str(raw.version))
    if column not in raw.table.column_names:
        near = hint(column, raw.table.column_names, what="columns")
        raise SourceError(f"{mapping.given_path}: no column {column!r} for the watermark{near}")
    values = _ordered(raw.table[column])
    nulls = pc.indices_nonzero(pc.is_null(values, nan_is_null=True))
    if len(nulls):
        row = raw.rows[nulls[0].as_py()]
        raise SourceError(
            f"{mapping.given_path}: row {row}: the watermark column {column!r} is null, so nobody "
            "can tell whether the row is new; give it a value, or leave out the watermark"
        )
    since = _since(mapping, column, values, last)
    if since is not None:
        is_new = pc.greater(values, since)
        lines = None if raw.lines is None else raw.lines.filter(is_new.combine_chunks())
        raw = replace(
            raw,
            table=raw.table.filter(is_new),
            rows=raw.rows.filter(is_new.combine_chunks()),
            lines=lines,
        )
        values = values.filter(is_new)
    newest = pc.max(values).as_py() if len(values) else (since and since.as_py())
    return replace(raw, watermark=None if newest is None else str(newest))


def _ordered(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values in a type whose order is meant: text that holds numbers, as numbers."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        return _ordered(pc.cast(values, kind.value_type))
    if pa.types.is_integer(kind):
        return pc.cast(values, pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.cast(values, pa.float64())
    if pa.types.is_temporal(kind) and not pa.types.is_time(kind):
        return pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), pa.timestamp("us"))
    texts = pc.cast(values, pa.string())
    for wanted in (pa.int64(), pa.float64()):
        try:
            return pc.cast(texts, wanted)
        except pa.ArrowInvalid:
            continue
    return texts


def _since(
    mapping: Mapping, column: str, values: pa.ChunkedArray, last: LastBatch | None
) -> pa.Scalar | None:
    if last is None or last.watermark is None or last.watermark_column != column:
        return None
    was_number = pa.types.is_string(values.type) and _is_number(last.watermark)
    try:
        if was_number:
            raise pa.ArrowInvalid("texts after numbers")
        return pc.cast(pa.scalar(last.watermark), values.type)
    except pa.ArrowInvalid:
        raise SourceError(
            f"{mapping.given_path}: the watermark is {last.watermark!r} so far, but column "
            f"{column!r} now holds {values.type}; give the source another name to start anew"
        ) from None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
