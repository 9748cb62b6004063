"""Read a mapping file: which table, and which of its columns hold which claim field.

    name = "sp500"                        # the source's name
    path = "constituents.parquet"         # relative to this file; .csv, .jsonl, .duckdb too
    authority = 1.0

    [claim]                               # long: one claim a row
    subject = "company"                   # a column
    relation = { constant = "sector" }    # the same for all rows
    value = "gics_sector"
    question = { template = "What is the sector of {subject}?" }
    paraphrases = { templates = ["Which sector is {subject} in?"] }

    [relations."sector"]
    slot = "single_valued"                # more: warehouse/relations.py

or wide, one claim for each of several value columns:

    [wide]
    subject = "country"
    [wide.values.capital]
    relation = "capital"
    question = "What is the capital of {subject}?"
"""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warehouse.claims import CLAIM_FIELDS, LIST_FIELDS
from warehouse.errors import MappingError
from warehouse.nearest import hint
from warehouse.relations import RelationRule, read_rule
from warehouse.sources.checks import (
    a_number,
    a_table,
    a_text,
    check_keys,
    optional_text,
    require,
    require_prompt,
    several_texts,
)

FORMATS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".duckdb": "duckdb",
    ".db": "duckdb",
}
_TOP = ("name", "path", "format", "table", "query", "authority", "claim", "wide", "relations")
_WIDE = ("subject", "source", "authority", "observed_at", "valid_from", "valid_to", "aliases")
_VALUES = ("relation", "question", "cloze", "paraphrases")


@dataclass(frozen=True, kw_only=True)
class Field:
    """Where the content of one claim field comes from."""

    kind: str
    """column, constant or templates."""
    texts: tuple[str, ...]
    """The column's name, the constant, or the templates (one, except in lists)."""


View = dict[str, Field]
"""One claim per row: claim field -> where it comes from."""


@dataclass(frozen=True, kw_only=True)
class Mapping:
    """A source and how its columns become claims; paths are resolved, keys are checked."""

    name: str
    file: Path
    """The mapping file itself."""
    path: Path
    given_path: str
    """The path as the mapping gives it, for people."""
    format: str
    table: str | None = None
    query: str | None = None
    authority: float = 1.0
    """Of claims that give none."""
    views: tuple[View, ...]
    """One for a long table, one per value column for a wide one."""
    relations: dict[str, RelationRule] = field(default_factory=dict)


def load_mapping(path: Path) -> Mapping:
    """Read and check the mapping file `path`.

    Raises:
        MappingError: it is missing, not TOML, or a key is unknown, missing or of the wrong type.
    """
    values = _read_toml(path)
    check_keys(path, "", values, _TOP)
    given = a_text(path, "path", values.get("path"))
    source = (path.parent / given).resolve()
    kind = _format(path, values, source)
    mapping = Mapping(
        name=a_text(path, "name", values.get("name", path.stem)),
        file=path,
        path=source,
        given_path=given,
        format=kind,
        table=optional_text(path, "table", values),
        query=optional_text(path, "query", values),
        authority=a_number(path, "authority", values.get("authority", 1.0)),
        views=_views(path, values),
        relations=_relations(path, values.get("relations", {})),
    )
    if kind == "duckdb" and (mapping.table is None) == (mapping.query is None):
        raise MappingError(f"{path}: a DuckDB file needs either `table` or `query`")
    if kind != "duckdb" and (mapping.table or mapping.query):
        raise MappingError(f"{path}: `table` and `query` are for DuckDB files, this is {kind}")
    return mapping


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        found = [entry.name for entry in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise MappingError(
            f"no mapping file {path}{hint(path.name, found, what='mappings in that folder')}"
        ) from None
    except UnicodeDecodeError as error:
        raise MappingError(f"{path} is not UTF-8 text: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise MappingError(f"cannot read {path}: {error}") from error


def _views(path: Path, values: dict[str, Any]) -> tuple[View, ...]:
    if ("claim" in values) == ("wide" in values):
        raise MappingError(
            f"{path}: give either [claim] (one claim a row) or [wide] (one claim a column)"
        )
    if "claim" in values:
        table = a_table(path, "claim", values["claim"])
        check_keys(path, "claim.", table, CLAIM_FIELDS)
        require(path, "claim.", table, ("subject", "value"))
        require_prompt(path, "claim.", table)
        return (
            {name: _field(path, f"claim.{name}", name, given) for name, given in table.items()},
        )
    return _wide_views(path, a_table(path, "wide", values["wide"]))


def _wide_views(path: Path, wide: dict[str, Any]) -> tuple[View, ...]:
    check_keys(path, "wide.", wide, (*_WIDE, "values"))
    require(path, "wide.", wide, ("subject", "values"))
    shared = {
        name: _field(path, f"wide.{name}", name, given)
        for name, given in wide.items()
        if name != "values"
    }
    columns = a_table(path, "wide.values", wide["values"])
    if not columns:
        raise MappingError(f"{path}: [wide.values] names no column; add [wide.values.COLUMN]")
    return tuple(
        {**shared, **_value_view(path, column, given)} for column, given in columns.items()
    )


def _value_view(path: Path, column: str, given: object) -> View:
    key = f"wide.values.{column}"
    table = a_table(path, key, given)
    check_keys(path, f"{key}.", table, _VALUES)
    require_prompt(path, f"{key}.", table)
    view = {
        "value": Field(kind="column", texts=(column,)),
        "relation": Field(kind="constant", texts=(column,)),
    }
    for name, text in table.items():
        if name == "relation":
            view[name] = Field(kind="constant", texts=(a_text(path, f"{key}.{name}", text),))
        else:
            texts = text if name == "paraphrases" else [text]
            view[name] = Field(kind="templates", texts=several_texts(path, f"{key}.{name}", texts))
    return view


def _field(path: Path, key: str, name: str, given: object) -> Field:
    if isinstance(given, str):
        return Field(kind="column", texts=(given,))
    kinds = ("column", "constant", "templates" if name in LIST_FIELDS else "template")
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in kinds:
        raise MappingError(
            f"{path}: {key} = {given!r} must be a column's name or one of "
            + ", ".join(f"{{ {kind} = ... }}" for kind in kinds)
        )
    kind, content = next(iter(given.items()))
    if kind == "templates":
        return Field(kind="templates", texts=several_texts(path, key, content))
    if kind == "constant" and isinstance(content, int | float) and not isinstance(content, bool):
        content = str(content)
    kind = "templates" if kind == "template" else kind
    return Field(kind=kind, texts=(a_text(path, key, content),))


def _relations(path: Path, given: object) -> dict[str, RelationRule]:
    declared = {}
    for relation, settings in a_table(path, "relations", given).items():
        key = f'relations."{relation}"'
        declared[relation] = read_rule(f"{path}: {key}", a_table(path, key, settings))
    return declared


def _format(path: Path, values: dict[str, Any], source: Path) -> str:
    given = values.get("format", FORMATS.get(source.suffix.lower()))
    if given not in FORMATS.values():
        raise MappingError(
            f"{path}: cannot tell the format of {source.name}; set format to one of "
            f"{', '.join(sorted(set(FORMATS.values())))}"
        )
    return str(given)
