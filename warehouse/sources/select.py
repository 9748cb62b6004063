"""Turn a raw table into claims as its mapping says: one select per view, made of checked names.

A mapping is the user's own, so this is the one place where SQL is put together in Python.
"""

import re

import pyarrow as pa

from warehouse import query
from warehouse.claims import BATCH_SCHEMA, CLAIM_FIELDS, LIST_FIELDS, ClaimBatch, Recipe, raw_rows
from warehouse.errors import SourceError, Where
from warehouse.intake import LastBatch
from warehouse.nearest import hint
from warehouse.sources.mapping import Mapping
from warehouse.sources.options import DATABASES
from warehouse.sources.raw import Broken, RawTable
from warehouse.sources.readers import read_raw
from warehouse.sources.views import Field, View

_PLACE = re.compile(r"\{([^{}]+)\}")
_READ = ("authority", "observed_at", "valid_from", "valid_to")
"""Fields that ingestion reads: it refuses an infinity, or takes it for an open end."""
_OFFSET = re.compile(r"([+-])(\d{2}):(\d{2})")
_ROW = "lamini source row"  # a name that no user's column has


def read_source(mapping: Mapping, last: LastBatch | None = None) -> ClaimBatch:
    """Read the source that `mapping` names and make claims of its rows.

    With a watermark, only the rows that are new since the `last` batch.

    Raises:
        SourceError: the source as a whole cannot be used; rows that cannot be are left to ingest,
            which puts them into quarantine.
    """
    raw = read_raw(mapping, last)
    selects = [_Select(mapping, raw, view, index).sql() for index, view in enumerate(mapping.views)]
    claims = _claims(selects, raw.table, raw.rows)
    removed = None
    if raw.removed is not None:
        rows = pa.array(range(1, raw.removed.num_rows + 1), pa.int64())
        removed = _claims(selects, raw.removed, rows)
    return ClaimBatch(
        source=mapping.name,
        file=mapping.given_path,
        claims=pa.concat_tables([claims, _broken_claims(mapping, raw.broken)]),
        raw=_raw(raw),
        relations=mapping.relations,
        files=raw.files,
        recipes=tuple(_recipe(view) for view in mapping.views),
        extract="full" if raw.is_full else mapping.options.extract,
        told=raw.told,
        contract=mapping.contract,
        watermark_column=mapping.options.watermark,
        watermark=raw.watermark,
        version=raw.version,
        removed=removed,
    )


def _claims(selects: list[str], table: pa.Table, rows: pa.Array) -> pa.Table:
    with query.connect() as con:
        con.register("raw_rows", table.append_column(_ROW, rows))
        return con.sql(" union all ".join(selects)).to_arrow_table().cast(BATCH_SCHEMA)


def _recipe(view: View) -> Recipe:
    return Recipe(
        columns={name: given.texts[0] for name, given in view.items() if given.kind == "column"},
        templates={name: given.texts for name, given in view.items() if given.kind == "templates"},
    )


def _broken_claims(mapping: Mapping, broken: list[Broken]) -> pa.Table:
    rows = [
        {"source": mapping.name, "row": row.row, "view": 0, "broken": row.why} for row in broken
    ]
    return pa.Table.from_pylist(rows, schema=BATCH_SCHEMA)


def _raw(raw: RawTable) -> pa.Table:
    return raw_rows(raw.table, raw.rows, {row.row: row.text for row in raw.broken}, raw.lines)


class _Select:
    """The select of one view."""

    def __init__(self, mapping: Mapping, raw: RawTable, view: View, index: int) -> None:
        self.mapping = mapping
        self.schema = raw.table.schema
        self.wordless = raw.wordless
        self.view = view
        self.index = index

    def sql(self) -> str:
        columns = [f"{self.expression(name)} as {query.quote_name(name)}" for name in CLAIM_FIELDS]
        return (
            f"select {', '.join(columns)}, {query.quote_name(_ROW)} as row, "
            f"{self.index} as view, cast(null as varchar) as broken from raw_rows"
        )

    def expression(self, name: str) -> str:
        given = self.view.get(name)
        kind = "varchar[]" if name in LIST_FIELDS else "varchar"
        text = f"cast(null as {kind})" if given is None else self._given(name, given, ())
        default = {"source": self.mapping.name, "authority": str(self.mapping.authority)}.get(name)
        return f"coalesce({text}, {query.quote_text(default)})" if default else text

    def _given(self, name: str, given: Field, seen: tuple[str, ...]) -> str:
        as_list = name in LIST_FIELDS
        if given.kind == "column":
            return self._column(given.texts[0], name, as_list=as_list)
        if given.kind == "constant":
            texts = [query.quote_text(text) for text in given.texts]
        else:
            texts = [self._template(name, text, seen) for text in given.texts]
        return f"[{', '.join(texts)}]" if as_list else texts[0]

    def _column(self, column: str, name: str, *, as_list: bool) -> str:
        if column not in self.schema.names:
            raise SourceError(
                f"{self.mapping.given_path}: no column {column!r}, which {self.mapping.file} maps "
                f"to {name}{hint(column, self.schema.names, what='columns')}",
                where=Where(file=str(self.mapping.given_path), column=column, key=f"claim.{name}"),
            )
        if column in self.wordless:
            raise self._wrong_type(column, name, self.wordless[column])
        kind, quoted = self.schema.field(column).type, query.quote_name(column)
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            if not as_list or not _has_text(kind.value_type):
                raise self._wrong_type(column, name, str(kind))
            text = self._told(_text("item", kind.value_type, name))
            return f"list_transform({quoted}, lambda item: {text})"
        if not _has_text(kind):
            raise self._wrong_type(column, name, str(kind))
        text = self._told(_text(quoted, kind, name))
        return f"case when {quoted} is not null then [{text}] end" if as_list else text

    def _told(self, text: str) -> str:
        """Take what the mapping says stands for no value for none."""
        nulls = ", ".join(map(query.quote_text, self.mapping.options.nulls))
        return f"case when trim({text}) not in ({nulls}) then {text} end" if nulls else text

    def _template(self, name: str, template: str, seen: tuple[str, ...]) -> str:
        parts = []
        for index, part in enumerate(_PLACE.split(template)):
            if index % 2:
                parts.append(self._place(name, template, part, seen))
            elif part:
                parts.append(query.quote_text(part))
        return f"({' || '.join(parts)})"

    def _place(self, name: str, template: str, place: str, seen: tuple[str, ...]) -> str:
        given = self.view.get(place)
        if given is not None and place not in LIST_FIELDS and place != name:
            if place in seen:
                raise SourceError(
                    f"{self.mapping.file}: the templates of {name} and {place} need each other"
                )
            return self._given(place, given, (*seen, name))
        if place in self.schema.names:
            return self._column(place, name, as_list=False)
        known = [*self.schema.names, *(other for other in self.view if other not in LIST_FIELDS)]
        raise SourceError(
            f"{self.mapping.file}: the template {template!r} of {name} names {{{place}}}, which is "
            f"neither a field nor a column{hint(place, known, what='fields and columns')}"
        )

    def _wrong_type(self, column: str, name: str, what: str) -> SourceError:
        many = "texts" if name in LIST_FIELDS else "one text"
        return SourceError(
            f"{self.mapping.given_path}: column {column!r} holds {what}, but {name} takes {many} "
            f"per row; map another column, or {self._cast(column, what)}",
            where=Where(file=str(self.mapping.given_path), column=column, key=f"claim.{name}"),
        )

    def _cast(self, column: str, what: str) -> str:
        kind = "numeric" if what == "money" else "text"
        if self.mapping.format in DATABASES:
            return f"cast it in a query: select {query.quote_name(column)}::{kind} ..."
        return f"write the file with it as {kind}"


def _has_text(kind: pa.DataType) -> bool:
    types = pa.types
    return not (types.is_nested(kind) or types.is_binary(kind) or types.is_large_binary(kind))


def _text(value: str, kind: pa.DataType, name: str) -> str:
    """Write a value of SQL as text; infinity is as empty as NaN, outside of what is read later."""
    types = pa.types
    text = f"cast({value} as varchar)"
    if types.is_floating(kind):
        text = f"float_text({value})"
    elif types.is_timestamp(kind):
        text = f"moment_text({value}, {_local(value, kind.tz)})"
    has_infinity = types.is_floating(kind) or types.is_date(kind) or types.is_timestamp(kind)
    return (
        f"case when isfinite({value}) then {text} end"
        if has_infinity and name not in _READ
        else text
    )


def _local(value: str, zone: str | None) -> str:
    """Return a time as the clocks of its column's zone show it."""
    if zone is None:
        return value
    if offset := _OFFSET.fullmatch(zone):
        sign, hours, minutes = offset.groups()
        shift = f"interval '{hours} hours {minutes} minutes'"
        return f"(timezone('UTC', {value}) {sign} {shift})"
    return f"timezone({query.quote_text(zone)}, {value})"
