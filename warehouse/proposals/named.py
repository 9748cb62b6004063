"""Find columns by their usual names, and say what is odd about what they hold."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from warehouse.proposals.column import Column

ID = re.compile(
    r"\b(id|ids|ident|identifier|code|key|sku|isbn|issn|uuid|guid|slug|symbol|ticker|no|number|nr)$"
)
ALIASES = ("aliases", "alias", "also known as", "synonyms", "alternative names", "other names")
PARAPHRASES = ("paraphrases", "phrasings", "rephrasings")
SOURCE = ("source", "system", "provider", "publisher", "origin", "seller", "site")
AUTHORITY = ("authority", "trust", "rank", "confidence", "priority")
SEEN = (
    *("observed at", "observed on", "observed", "as of", "asof", "updated", "updated at"),
    *("updated on", "last updated", "last update", "last modified", "modified", "modified at"),
    *("checked", "checked at", "last checked", "seen", "last seen", "retrieved", "retrieved at"),
    *("recorded at", "snapshot date", "report date", "valid at"),
)
WHEN = (
    *("date", "day", "year", "month", "period", "timestamp", "datetime", "time", "week"),
    *("quarter", "fiscal year", "season"),
)
FROM = ("valid from", "effective from", "effective date", "from", "start", "start date", "since")
TO = ("valid to", "valid until", "effective to", "until", "to", "end", "end date")
_LONG = 200
"""Characters from which an answer may have more than 64 tokens."""
_TEXT_LENGTH = 300
"""Values longer than this on average are texts, not values."""


def named(columns: Iterable[Column], names: Sequence[str]) -> Column | None:
    """Return the column that has the first of the names, and a value at all."""
    by_words = {column.words: column for column in columns if column.num_filled}
    return next((by_words[name] for name in names if name in by_words), None)


def named_list(columns: Sequence[Column], names: Sequence[str]) -> Column | None:
    """Return a column by its name whose cells may be lists."""
    found = [column for column in columns if column.words in names]
    return next((column for column in found if column.is_list or column.num_filled), None)


def is_time(column: Column) -> bool:
    """Say whether the name is one of a time's."""
    return column.words in (*SEEN, *WHEN, *FROM, *TO)


def columns_of(fields: dict[str, Any]) -> set[str]:
    """Return the columns that claim fields are read from."""
    return {given for given in fields.values() if isinstance(given, str)}


def num_distinct(columns: Sequence[Column]) -> int:
    """Count the rows that differ in these columns."""
    names = [f"c{index}" for index in range(len(columns))]
    table = pa.table(dict(zip(names, (column.values for column in columns), strict=True)))
    return int(table.group_by(names).aggregate([]).num_rows)


def is_key(columns: Sequence[Column]) -> bool:
    """Say whether all rows differ in these columns."""
    return num_distinct(columns) == len(columns[0].values)


def rows(count: int) -> str:
    """Say how many rows have something: 1 row has, 2 rows have."""
    return "1 row has" if count == 1 else f"{count} rows have"


def long_values(columns: Sequence[Column]) -> list[str]:
    """Name columns whose values are too long for an answer."""
    return [
        f"{rows(num_long)} more than {_LONG} characters in {column.name!r}: an answer of more than "
        "64 tokens is held back, unless [tuning] max_answer_tokens says more"
        for column in columns
        if (num_long := sum(len(text) > _LONG for text in column.sample))
    ]


def no_values(columns: Sequence[Column]) -> tuple[tuple[str, ...], list[str]]:
    """Return what is taken for no value in the whole table, and say so.

    What looks like the other values of a column (NA among the codes of countries) is one there.
    """
    held = {text for column in columns for text in column.no_values if _is_like(column, text)}
    taken: dict[str, None] = {}
    doubts = []
    for column in columns:
        for text, count in column.no_values.items():
            said = f"{rows(count)} {text!r} as {column.name!r}"
            if text in held:
                doubts.append(f"{said}: if it stands for no value, name it in nulls = [...]")
            else:
                taken[text] = None
                doubts.append(f"{said}, taken for no value: if it is an answer, strike it in nulls")
    return tuple(taken), doubts


def _is_like(column: Column, text: str) -> bool:
    others = [other for other in column.sample if other not in column.no_values]
    alike = sum(len(other) == len(text) and other.isupper() for other in others)
    return text.isalpha() and text.isupper() and alike >= 0.9 * len(others) > 0


def why_not(column: Column, num_rows: int) -> str:
    """Say why a column tells nothing worth asking; empty where it does."""
    if column.is_list:
        return "it holds lists, and a claim has one value"
    if not column.num_filled:
        return "it is empty, or holds no plain values"
    if column.counts_rows and (ID.search(column.words) or column.words in ("index", "row", "rank")):
        return "it numbers the rows"
    if num_rows > 2 and column.num_distinct == 1 and column.is_filled:
        return f"it is {column.sample[0][:40]!r} in every row"
    if column.are_flags:
        return "it says yes or no, which is no answer by itself"
    if column.mean_length > _TEXT_LENGTH:
        return "it holds long texts"
    return ""
