"""Bring columns into types whose values have one text each; say of the others what they hold.

A claim is text. What a type means by a value must not depend on how a library happens to print it:
a UUID is not its bytes, and a whole number that a file calls a float is an integer. (A midnight is
the day, and another instant is in UTC: select.py.) What has no text of its own
(maps, intervals, nested values, types of others' making) keeps a text for the eye, and is refused
where a mapping takes it for a field.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.errors import SourceError
from warehouse.sources.mapping import Mapping
from warehouse.sources.raw import RawTable, without_views

_MOST_DIGITS = 38  # of DuckDB's decimals
_EXTENSION_NAME = b"ARROW:extension:name"


class _Column(NamedTuple):
    values: pa.ChunkedArray
    wordless: str | None = None
    """What it holds, if that has no text of its own."""


def plain(mapping: Mapping, raw: RawTable) -> RawTable:
    """Return the table in types that DuckDB reads, and which columns hold what has no text.

    Raises:
        SourceError: the file is damaged, or holds text that is not UTF-8.
    """
    table, wordless = _plain(mapping, raw.table)
    removed = None if raw.removed is None else _plain(mapping, raw.removed)[0]
    return replace(raw, table=table, removed=removed, wordless={**raw.wordless, **wordless})


def _plain(mapping: Mapping, table: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    wordless = {}
    try:
        table.validate(full=True)
        table = without_views(table)
        for index, field in enumerate(table.schema):
            column = _brought(table.column(index), field)
            if column.wordless:
                wordless[field.name] = column.wordless
            if column.values is not table.column(index):
                table = table.set_column(index, field.name, column.values)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        raise SourceError(
            f"{mapping.given_path}: the file is damaged or holds no UTF-8 text ({error}); "
            "write it again"
        ) from error
    return table, wordless


def _brought(values: pa.ChunkedArray, field: pa.Field) -> _Column:
    told = (field.metadata or {}).get(_EXTENSION_NAME)
    if isinstance(values.type, pa.BaseExtensionType):
        return _extension(values)
    if told and not _is_text(values.type):  # of a type that nobody registered
        return _Column(_printed(values), f"{told.decode(errors='replace')} values")
    return _built_in(values)


def _extension(values: pa.ChunkedArray) -> _Column:
    kind = values.type
    name = kind.extension_name
    stored = pa.chunked_array([chunk.storage for chunk in values.chunks], kind.storage_type)
    if name == "arrow.uuid":
        return _Column(_each(stored, _uuid))
    if name == "arrow.json":
        return _json(pc.cast(stored, pa.large_string()))
    if name == "arrow.bool8":
        return _Column(pc.not_equal(stored, 0))
    if _is_text(kind.storage_type):  # such as the numeric of PostgreSQL
        return _Column(stored)
    what = getattr(kind, "type_name", name)
    return _Column(_printed(stored), f"{what} values")


def _built_in(values: pa.ChunkedArray) -> _Column:
    kind, types = values.type, pa.types
    if types.is_dictionary(kind) and not _is_text(kind.value_type):
        return _built_in(_chunkwise(values, pc.dictionary_decode))
    if types.is_run_end_encoded(kind):
        return _built_in(_chunkwise(values, pc.run_end_decode))
    if types.is_list_view(kind) or types.is_large_list_view(kind) or types.is_fixed_size_list(kind):
        return _built_in(pc.cast(values, pa.large_list(kind.value_type)))
    if types.is_float16(kind):
        return _Column(pc.cast(values, pa.float32()))
    if types.is_decimal(kind):
        return _Column(values if _is_small(kind) else _each(values, lambda x: format(x, "f")))
    if types.is_timestamp(kind) and kind.tz is not None:
        pc.local_timestamp(values.slice(0, 1))  # which refuses a zone that nobody knows
        return _Column(values)
    if types.is_fixed_size_binary(kind):
        return _Column(pc.cast(values, pa.large_binary()))
    return _Column(values) if _is_known(kind) else _Column(_printed(values), str(kind))


def _json(values: pa.ChunkedArray) -> _Column:
    """Return what a column of JSON says in one word each; of objects and lists, their JSON."""
    if pc.any(pc.match_substring_regex(values, r"^\s*[\[{]")).as_py():
        return _Column(values, "JSON objects or lists")
    return _Column(_each(values, _scalar))


def _scalar(text: str) -> str | None:
    found = json.loads(text, parse_int=str, parse_float=str)
    return json.dumps(found) if isinstance(found, bool) else found


def _uuid(given: bytes) -> str:
    digits = given.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _each(values: pa.ChunkedArray, told: Callable[..., str | None]) -> pa.ChunkedArray:
    texts = [None if value is None else told(value) for value in values.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.large_string())])


def _printed(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return _each(values, str)


def _chunkwise(values: pa.ChunkedArray, decode: Callable[[pa.Array], pa.Array]) -> pa.ChunkedArray:
    return pa.chunked_array([decode(chunk) for chunk in values.chunks], type=values.type.value_type)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_small(kind: pa.DataType) -> bool:
    return pa.types.is_decimal128(kind) and 0 <= kind.scale <= kind.precision <= _MOST_DIGITS


def _is_known(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    if types.is_struct(kind):
        names = [field.name.lower() for field in kind]
        return (
            bool(names)
            and "" not in names
            and len(set(names)) == len(names)
            and all(_is_known(field.type) for field in kind)
        )
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_known(kind.value_type)
    return (types.is_decimal(kind) and _is_small(kind)) or any(
        check(kind)
        for check in (
            *(_is_text, types.is_boolean, types.is_null, types.is_integer),
            *(types.is_float32, types.is_float64, types.is_date, types.is_timestamp),
            *(types.is_time, types.is_binary, types.is_large_binary),
        )
    )
