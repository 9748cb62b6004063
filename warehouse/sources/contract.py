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
from pathlib import Path
from typing import Any

from warehouse.claims import CHECKS, TYPES, ColumnPromise, Contract
from warehouse.errors import MappingError
from warehouse.nearest import hint
from warehouse.sources.checks import (
    a_count,
    a_flag,
    a_number,
    a_table,
    a_text,
    check_keys,
    one_of,
    require,
    several_texts,
)

_KEYS = (
    *("columns", "extra_columns", "unique", "min_rows", "max_rows"),
    *("max_volume_change", "freshness", "warn"),
)
_COLUMN_KEYS = ("type", "min", "max", "max_null_share", "allowed", "matches")


def read_contract(path: Path, given: object) -> Contract:
    """Make a contract of a TOML table.

    Raises:
        MappingError: a key is unknown, or a value is none that it may have.
    """
    values = a_table(path, "contract", given)
    check_keys(path, "contract.", values, _KEYS)
    columns = a_table(path, "contract.columns", values.get("columns", {}))
    fresh_column, max_age_days = _freshness(path, values.get("freshness"))
    return Contract(
        columns=tuple(_column(path, name, told) for name, told in columns.items()),
        extra_columns=a_flag(path, "contract.extra_columns", values.get("extra_columns", True)),
        unique=_unique(path, values.get("unique", [])),
        min_rows=_optional_count(path, "min_rows", values),
        max_rows=_optional_count(path, "max_rows", values),
        max_volume_change=_share(path, "contract.max_volume_change", values, most=None),
        fresh_column=fresh_column,
        max_age_days=max_age_days,
        warn=_warn(path, values.get("warn", [])),
    )


def _column(path: Path, name: str, told: object) -> ColumnPromise:
    key = f"contract.columns.{name}"
    values = {"type": told} if isinstance(told, str) else a_table(path, key, told)
    check_keys(path, f"{key}.", values, _COLUMN_KEYS)
    if "type" in values:
        one_of(path, f"{key}.type", values["type"], TYPES)
    allowed = values.get("allowed")
    return ColumnPromise(
        name=name,
        type=values.get("type"),
        least=_bound(path, f"{key}.min", values.get("min")),
        most=_bound(path, f"{key}.max", values.get("max")),
        max_null_share=_share(path, f"{key}.max_null_share", values, most=1.0),
        allowed=several_texts(path, f"{key}.allowed", allowed) if allowed is not None else (),
        matches=_pattern(path, f"{key}.matches", values.get("matches")),
    )


def _bound(path: Path, key: str, value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str) and re.fullmatch(r"\d{4}(-\d{2}(-\d{2})?)?", value):
        return value
    if isinstance(value, str):
        raise MappingError(f"{path}: {key} = {value!r} must be a number or a date")
    return f"{a_number(path, key, value):.17g}"


def _pattern(path: Path, key: str, value: object) -> str | None:
    if value is None:
        return None
    try:
        return re.compile(a_text(path, key, value)).pattern
    except re.error as error:
        raise MappingError(f"{path}: {key} = {value!r} is no regular expression: {error}") from None


def _unique(path: Path, given: object) -> tuple[tuple[str, ...], ...]:
    key = "contract.unique"
    if not isinstance(given, list):
        raise MappingError(f"{path}: {key} = {given!r} must be a list of columns, or of lists")
    if given and all(isinstance(item, str) for item in given):
        return tuple((a_text(path, key, item),) for item in given)
    return tuple(several_texts(path, key, item) for item in given)


def _freshness(path: Path, given: object) -> tuple[str | None, float | None]:
    if given is None:
        return None, None
    key = "contract.freshness"
    values = a_table(path, key, given)
    check_keys(path, f"{key}.", values, ("column", "max_age_days"))
    require(path, f"{key}.", values, ("column", "max_age_days"))
    days = a_number(path, f"{key}.max_age_days", values["max_age_days"])
    return a_text(path, f"{key}.column", values["column"]), days


def _warn(path: Path, given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise MappingError(f"{path}: contract.warn = {given!r} must be a list of checks")
    for name in given:
        if name not in CHECKS:
            near = hint(str(name), CHECKS, what="checks")
            raise MappingError(f"{path}: contract.warn names {name!r}, no check{near}")
    return tuple(given)


def _share(path: Path, key: str, values: dict[str, Any], *, most: float | None) -> float | None:
    name = key.rpartition(".")[2]
    if name not in values:
        return None
    share = a_number(path, key, values[name])
    if share < 0 or (most is not None and share > most):
        raise MappingError(f"{path}: {key} = {share:g} must lie between 0 and {most or 'any'}")
    return share


def _optional_count(path: Path, name: str, values: dict[str, Any]) -> int | None:
    return a_count(path, f"contract.{name}", values[name]) if name in values else None
