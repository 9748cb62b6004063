"""Read the [contract] of a mapping file.

[contract]
extra_columns = false                  # default true: more columns may come
unique = ["country"]                   # or keys of several columns: [["country", "year"]]
min_rows = 190
max_rows = 1000
max_volume_change = 0.2                # against the last batch: 0.2 allows 80% to 120%
freshness = { column = "updated", max_age_days = 7 }
warn = ["freshness"]                   # these checks only warn; all others stop the batch

[contract.columns]
country = "text"                       # text, integer, number, date or boolean
population = { type = "integer", min = 0, max = 2e9, max_null_share = 0.01 }
code = { matches = "[A-Z]{3}" }
status = { allowed = ["member", "observer"] }
"""

import re
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from warehouse.claims import CHECKS, TYPES, ColumnPromise, Contract
from warehouse.nearest import hint
from warehouse.sources.tables import (
    Count,
    Flag,
    Number,
    Table,
    Text,
    Texts,
    checked,
    one_of,
    refused,
    wanted,
)


def _bound(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        if not re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", value):
            raise wanted("must be a number or a date")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wanted("must be a number")
    return f"{value:.17g}"


def _pattern(value: str) -> str:
    try:
        return re.compile(value).pattern
    except re.error as error:
        raise wanted(f"is no regular expression: {error}") from None


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise wanted("must lie between 0 and 1")
    return value


def _change(value: float) -> float:
    if not value >= 0:
        raise wanted("must lie between 0 and any")
    return value


def _unique(given: object) -> object:
    if not isinstance(given, list):
        raise wanted("must be a list of columns, or of lists")
    is_plain = all(isinstance(item, str) for item in given)
    return [[item] for item in given] if is_plain else given


def _warn(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise wanted("must be a list of checks")
    for name in given:
        if name not in CHECKS:
            near = hint(str(name), CHECKS, what="checks")
            raise refused(f"{{key}} names {name!r}, no check{near}")
    return tuple(given)


class ColumnTable(Table):
    """What [contract.columns] says of a column."""

    type: one_of(TYPES) | None = None  # type: ignore[valid-type]
    min: checked(_bound) = None  # type: ignore[valid-type]
    max: checked(_bound) = None  # type: ignore[valid-type]
    max_null_share: Annotated[Number, AfterValidator(_share)] | None = None
    allowed: Texts | None = None
    matches: Annotated[Text, AfterValidator(_pattern)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _a_type_alone(cls, given: Any) -> Any:
        return {"type": given} if isinstance(given, str) else given


class FreshnessTable(Table):
    """How old a column's newest date may be."""

    column: Text
    max_age_days: Number


class ContractTable(Table):
    """The table [contract]."""

    columns: dict[str, ColumnTable] = Field(default_factory=dict)
    extra_columns: Flag = True
    unique: Annotated[tuple[Texts, ...], BeforeValidator(_unique)] = ()
    min_rows: Count | None = None
    max_rows: Count | None = None
    max_volume_change: Annotated[Number, AfterValidator(_change)] | None = None
    freshness: FreshnessTable | None = None
    warn: checked(_warn) = ()  # type: ignore[valid-type]

    def contract(self) -> Contract:
        """Return the contract that it declares."""
        return Contract(
            columns=tuple(
                ColumnPromise(
                    name=name,
                    type=told.type,
                    least=told.min,
                    most=told.max,
                    max_null_share=told.max_null_share,
                    allowed=told.allowed or (),
                    matches=told.matches,
                )
                for name, told in self.columns.items()
            ),
            extra_columns=self.extra_columns,
            unique=self.unique,
            min_rows=self.min_rows,
            max_rows=self.max_rows,
            max_volume_change=self.max_volume_change,
            fresh_column=self.freshness.column if self.freshness else None,
            max_age_days=self.freshness.max_age_days if self.freshness else None,
            warn=self.warn,
        )
