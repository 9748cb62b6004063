"""A batch of claims as a source gave them: text, not yet judged, each row with its origin."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import pyarrow as pa

from warehouse import query
from warehouse.claims.contracts import Contract
from warehouse.claims.relations import RelationRule
from warehouse.errors import SourceError

LIST_FIELDS = ("paraphrases", "aliases")

CLAIM_FIELDS = (
    "subject",
    "relation",
    "value",
    "question",
    "cloze",
    "paraphrases",
    "aliases",
    "source",
    "authority",
    "observed_at",
    "valid_from",
    "valid_to",
)

BATCH_SCHEMA = pa.schema(
    [(name, pa.list_(pa.string()) if name in LIST_FIELDS else pa.string()) for name in CLAIM_FIELDS]
    + [("row", pa.int64()), ("view", pa.int64()), ("broken", pa.string())]
)
"""Every field is text, as given: numbers and dates are read, or refused, at ingestion, in one
place. `row` counts from 1 in the source; `view` is the recipe that made the claim of it; `broken`
says why a row could not even be read."""

EXTRACTS = ("incremental", "full")


@dataclass(frozen=True, kw_only=True)
class FileRows:
    """A file of a source, and which of its rows it holds."""

    file: str
    first_row: int
    last_row: int


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one view makes claim fields: kept with a refused row, so that it can be put right."""

    columns: Mapping[str, str] = field(default_factory=dict)
    """Field: the column that it was read from."""
    templates: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field: its templates."""

    def to_json(self) -> str:
        """Write it as one line."""
        return json.dumps({"columns": dict(self.columns), "templates": dict(self.templates)})


@dataclass(frozen=True, kw_only=True)
class ClaimBatch:
    """What one source said, ready for `ingest`."""

    source: str
    """The source's name."""
    file: str
    """The file as the user named it (or the library), for people."""
    claims: pa.Table
    """BATCH_SCHEMA."""
    raw: pa.Table
    """The rows as given, as `raw_rows` makes them: what quarantine keeps."""
    relations: Mapping[str, RelationRule] = field(default_factory=dict)
    """What the source declares about relations; others have the default rule."""
    files: tuple[FileRows, ...] = ()
    """The files that the rows came from; none means `file` alone."""
    recipes: tuple[Recipe, ...] = (Recipe(),)
    """By number: the view of a claim."""
    extract: str = "incremental"
    """One of EXTRACTS: whether it holds all that the source asserts."""
    contract: Contract = field(default_factory=Contract)
    told: tuple[str, ...] = ()
    """What people should know of how it was read."""
    watermark_column: str | None = None
    watermark: str | None = None
    """The greatest value in that column so far: only greater ones are read next time."""
    version: int | None = None
    """Of a versioned table."""
    removed: pa.Table | None = None
    """Claims (BATCH_SCHEMA) of rows that a change feed says were deleted; null without a feed."""

    def __post_init__(self) -> None:
        if self.claims.schema != BATCH_SCHEMA:
            raise SourceError(
                f"{self.file}: a batch needs the columns {BATCH_SCHEMA.names} as text, "
                f"got {self.claims.schema.names}; ClaimBatch.from_rows makes them"
            )

    @classmethod
    def from_rows(
        cls,
        source: str,
        rows: Iterable[Mapping[str, object]],
        *,
        file: str | None = None,
        relations: Mapping[str, RelationRule] | None = None,
    ) -> "ClaimBatch":
        """Make a batch of plain rows; what a row leaves out is null, `source` is the default."""
        given = [{"source": source, **row} for row in rows]
        texts = [{name: _text(row.get(name)) for name in CLAIM_FIELDS} for row in given]
        numbered = [
            {**text, "row": row.get("row", index), "view": 0}
            for index, (text, row) in enumerate(zip(texts, given, strict=True), start=1)
        ]
        claims = pa.Table.from_pylist(numbered, schema=BATCH_SCHEMA)
        return cls(
            source=source,
            file=file or source,
            claims=claims,
            raw=raw_rows(claims.select(CLAIM_FIELDS), claims["row"].combine_chunks()),
            relations=relations or {},
        )

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 over source, file and rows, whatever their order; row numbers do not count."""
        with query.connect() as con:
            con.register("batch", self.claims)
            found = query.execute(con, "content_hash", source=self.source, file=self.file)
        return str(found[0][0])

    @property
    def num_source_rows(self) -> int:
        """Count the rows of the source; a wide one makes several claims of each."""
        return int(self.raw.num_rows)

    def files_table(self) -> pa.Table:
        """Return the files by the first and last of their rows, as the queries read them."""
        last_row = 2**62
        files = self.files or (FileRows(file=self.file, first_row=1, last_row=last_row),)
        return pa.Table.from_pylist(
            [{"file": f.file, "first_row": f.first_row, "last_row": f.last_row} for f in files]
        )

    def recipes_table(self) -> pa.Table:
        """Return the recipes by view, as the queries read them."""
        return pa.table(
            {
                "view": pa.array(range(len(self.recipes)), pa.int64()),
                "recipe": pa.array([recipe.to_json() for recipe in self.recipes], pa.string()),
            }
        )


def raw_rows(
    table: pa.Table,
    rows: pa.Array,
    texts: Mapping[int, str] | None = None,
    lines: pa.Array | None = None,
) -> pa.Table:
    """Return rows by number: `given` as a struct, or `text` where the row could not be read."""
    unread = texts or {}
    given = table.to_struct_array()
    readable = pa.table(
        {
            "row": rows,
            "line": pa.nulls(table.num_rows, pa.int64()) if lines is None else lines,
            "given": given,
            "text": pa.nulls(table.num_rows, pa.string()),
        }
    )
    if not unread:
        return readable
    broken = pa.table(
        {
            "row": pa.array(unread.keys(), pa.int64()),
            "line": pa.nulls(len(unread), pa.int64()),
            "given": pa.nulls(len(unread), given.type),
            "text": pa.array(unread.values(), pa.string()),
        }
    )
    return pa.concat_tables([readable, broken])


def _text(value: object) -> str | list[str] | None:
    """Write a plain value as the text a file would hold; a float NaN is null."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, list | tuple):
        return [str(item) for item in value]
    return str(value)
