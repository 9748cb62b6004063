"""What a source promises, and whether a batch of it keeps that.

A broken promise stops the batch (ContractError; the last good state stays), unless the contract
names that check in `warn`: then it is only reported. How a mapping file says it:
sources/contract.py.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import pyarrow as pa

from warehouse import query
from warehouse.nearest import hint

CHECKS = (
    "columns",
    "types",
    "ranges",
    "nulls",
    "allowed",
    "matches",
    "unique",
    "rows",
    "volume_change",
    "freshness",
)
TYPES = ("text", "integer", "number", "date", "boolean")


@dataclass(frozen=True, kw_only=True)
class ColumnPromise:
    """What a column must hold; what is null is not promised."""

    name: str
    type: str | None = None
    least: str | None = None
    most: str | None = None
    max_null_share: float | None = None
    allowed: tuple[str, ...] = ()
    matches: str | None = None


@dataclass(frozen=True, kw_only=True)
class Contract:
    """All that a source promises."""

    columns: tuple[ColumnPromise, ...] = ()
    extra_columns: bool = True
    """Whether there may be columns that the contract does not name."""
    unique: tuple[tuple[str, ...], ...] = ()
    """Keys: columns that together occur once."""
    min_rows: int | None = None
    max_rows: int | None = None
    max_volume_change: float | None = None
    """Against the last batch: 0.5 allows half to one and a half times its rows."""
    fresh_column: str | None = None
    max_age_days: float | None = None
    warn: tuple[str, ...] = ()
    """Checks that only warn."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A promise that was not kept."""

    check: str
    message: str
    is_hard: bool


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What is checked: the source's rows as given, and what was known before."""

    table: pa.Table
    rows: pa.Array
    num_rows: int
    """With those that could not be read."""
    moment: datetime
    last_num_rows: int | None = None
    con: duckdb.DuckDBPyConnection = field(repr=False)


def check_contract(contract: Contract, given: Checked) -> list[Finding]:
    """List the promises that are not kept, in the order of CHECKS."""
    if contract == Contract():
        return []
    missing = _missing(contract, given)
    checks: tuple[Callable[[Contract, Checked], Iterator[tuple[str, str]]], ...] = (
        (_extra, _values, _unique, _volume, _fresh) if not missing else (_volume,)
    )
    found = [*missing, *(item for check in checks for item in check(contract, given))]
    return [
        Finding(check=check, message=f"{check}: {message}", is_hard=check not in contract.warn)
        for check, message in sorted(found, key=lambda item: CHECKS.index(item[0]))
    ]


def _missing(contract: Contract, given: Checked) -> list[tuple[str, str]]:
    wanted = [column.name for column in contract.columns]
    wanted += [name for key in contract.unique for name in key]
    wanted += [contract.fresh_column] if contract.fresh_column else []
    names = given.table.column_names
    return [
        ("columns", f"no column {name!r}{hint(name, names, what='columns')}")
        for name in dict.fromkeys(wanted)
        if name not in names
    ]


def _extra(contract: Contract, given: Checked) -> Iterator[tuple[str, str]]:
    known = {column.name for column in contract.columns}
    extra = [name for name in given.table.column_names if name not in known]
    if extra and not contract.extra_columns:
        yield "columns", f"columns that the contract does not name: {', '.join(extra)}"


def _values(contract: Contract, given: Checked) -> Iterator[tuple[str, str]]:
    for column in contract.columns:
        _show(given, given.table[column.name])
        yield from _column(column, given)


def _column(column: ColumnPromise, given: Checked) -> Iterator[tuple[str, str]]:
    name = column.name
    if column.type:
        for found in query.execute(given.con, "contract_type", kind=column.type):
            yield "types", f"column {name!r}: {_shown(found)} is no {column.type}"
    if column.least is not None or column.most is not None:
        span = f"{column.least or '...'} to {column.most or '...'}"
        bounds = {"least": column.least, "most": column.most}
        for found in query.execute(given.con, "contract_range", **bounds):
            yield "ranges", f"column {name!r}: {_shown(found)} lies outside {span}"
    if column.max_null_share is not None:
        for found in query.execute(given.con, "contract_nulls", share=column.max_null_share):
            share = float(str(found[2]))
            yield (
                "nulls",
                f"column {name!r}: {share:.1%} of {found[0]} rows are empty, first row {found[1]}; "
                f"at most {column.max_null_share:.1%} may be",
            )
    if column.allowed:
        for found in query.execute(given.con, "contract_allowed", allowed=list(column.allowed)):
            near = hint(str(found[2]), column.allowed, what="allowed")
            yield "allowed", f"column {name!r}: {_shown(found)} is not allowed{near}"
    if column.matches is not None:
        for found in query.execute(given.con, "contract_matches", pattern=column.matches):
            yield "matches", f"column {name!r}: {_shown(found)} does not match {column.matches!r}"


def _unique(contract: Contract, given: Checked) -> Iterator[tuple[str, str]]:
    for key in contract.unique:
        _show(given, given.table.select(list(key)).to_struct_array())
        for found in query.execute(given.con, "contract_unique"):
            names = ", ".join(key)
            yield "unique", f"({names}) should be unique; {_shown(found)} occurs more than once"


def _volume(contract: Contract, given: Checked) -> Iterator[tuple[str, str]]:
    num_rows, last = given.num_rows, given.last_num_rows
    if contract.min_rows is not None and num_rows < contract.min_rows:
        yield "rows", f"{num_rows} rows, at least {contract.min_rows} were promised"
    if contract.max_rows is not None and num_rows > contract.max_rows:
        yield "rows", f"{num_rows} rows, at most {contract.max_rows} were promised"
    limit = contract.max_volume_change
    if limit is not None and last and abs(num_rows - last) > limit * last:
        change = (num_rows - last) / last
        yield (
            "volume_change",
            f"{num_rows} rows after {last} ({change:+.0%}); at most {limit:.0%} were promised",
        )


def _fresh(contract: Contract, given: Checked) -> Iterator[tuple[str, str]]:
    if contract.fresh_column is None or contract.max_age_days is None:
        return
    _show(given, given.table[contract.fresh_column])
    newest = query.run(given.con, "contract_newest").to_pylist()[0]["newest"]
    age = (given.moment.date() - newest).days if newest else None
    if age is None or age > contract.max_age_days:
        said = "holds no date" if newest is None else f"ends on {newest}, {age} days ago"
        yield (
            "freshness",
            f"column {contract.fresh_column!r} {said}; at most {contract.max_age_days:g} days "
            "were promised",
        )


def _show(given: Checked, values: pa.ChunkedArray | pa.Array) -> None:
    given.con.register("checked", pa.table({"row": given.rows, "x": values}))


def _shown(found: tuple[object, ...]) -> str:
    num_rows, row, example = found
    return f"{str(example)[:80]!r} (row {row}; {num_rows} such rows)"
