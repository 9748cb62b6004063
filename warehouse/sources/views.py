"""Read [claim] or [wide] of a mapping file: which columns hold which claim field."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warehouse.claims import CLAIM_FIELDS, LIST_FIELDS
from warehouse.errors import MappingError
from warehouse.sources.checks import (
    a_table,
    a_text,
    check_keys,
    require,
    require_prompt,
    several_texts,
)

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


def read_views(path: Path, values: dict[str, Any]) -> tuple[View, ...]:
    """Make a view of [claim], or one of each column of [wide].

    Raises:
        MappingError: a key is unknown, missing or of the wrong type.
    """
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
