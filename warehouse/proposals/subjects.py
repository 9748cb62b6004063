"""What the rows of a table are about: the column, or two together, that names it."""

import re
from collections.abc import Sequence
from typing import Any

from warehouse.errors import SourceError
from warehouse.proposals.column import Column
from warehouse.proposals.kinds import kind_of_column
from warehouse.proposals.named import ID, SOURCE, is_key, is_time, named, rows, why_not

_NAME = re.compile(
    r"^(name|title|label|subject|entity|full name|product|company|country|package|service|item|"
    r"employee|person|project|city|term|model)$|\bname$|\btitle$"
)
_FIRST, _LAST = ("first name", "given name", "forename"), ("last name", "surname", "family name")
_OFTEN = 0.8
"""Share of distinct names from which it is no log, where most are spoken of again."""
_NEARLY = 0.95
"""Share of rows that must have a name, and of names that must differ for the rest to be taken for
conflicts."""


def subject_of(
    columns: Sequence[Column], stem: str, said: str | None = None
) -> tuple[dict[str, Any], set[str], list[str]]:
    """Find what the rows are about: the fields that say so, the columns in them, and doubts.

    The fields hold `is_state`, and `is_set` where a subject has several values. `said` is the
    column that somebody named.

    Raises:
        SourceError: no column can be it, or none has the name that was given.
    """
    if said is not None:
        return _said(columns, said)
    able = [c for c in columns if c.num_filled >= _NEARLY * len(c.values) and not is_time(c)]
    able = [c for c in able if c.num_filled and not c.are_flags and c.mean_length <= 100]
    able = [c for c in able if c.num_distinct > 1 or len(c.values) == 1]
    first, last = named(able, _FIRST), named(able, _LAST)
    if first and last and is_key([first, last]):
        whole = {"template": f"{{{first.name}}} {{{last.name}}}"}
        return {"subject": whole, "is_state": True}, {first.name, last.name}, []
    kinds = {c.name: kind_of_column(c) for c in able}
    texts = [c for c in able if kinds[c.name] not in ("number", "date", "time")]
    ids = [c for c in able if ID.search(c.words) and not c.counts_rows]
    ids.sort(key=lambda c: c.are_integers)  # a text says more than a number
    names = [c for c in texts if _NAME.search(c.words) and c not in ids]
    names += [c for c in texts[:1] if c not in names and _is_called(c, stem)]
    likely = [c for c in able if c in texts or c in ids]
    rest = [c for c in likely if c not in names]
    leftmost = [c for c in likely[:1] if not (names and kinds[c.name] == "person")]
    for column in [*names, *ids, *leftmost]:
        if column.is_unique:
            fields = {"subject": column.name, "is_state": True}
            if column in ids and names:
                fields["aliases"] = names[0].name
            others = [c.name for c in (*names, *rest) if c.is_unique and c is not column]
            return fields, {column.name}, _may_be(column, others if column in ids else [])
    told_by = [c.name for c in rest if c.is_unique and kinds[c.name] not in ("person", "place")]
    for column in [*names, *([] if told_by else [*ids, *leftmost])]:
        if _is_nearly_unique(column):
            return {"subject": column.name, "is_state": True}, {column.name}, _gaps(column)
    dated = [c for c in columns if c.is_filled and kind_of_column(c) == "date"]
    ranked = [c for c in (*names, *rest) if c.is_filled]
    return _repeated(columns, ranked, told_by, dated)


def _said(columns: Sequence[Column], said: str) -> tuple[dict[str, Any], set[str], list[str]]:
    found = [c for c in columns if c.name == said]
    found += [c for c in columns if c.name.casefold() == said.strip().casefold()]
    if not found or not found[0].num_filled:
        listed = ", ".join(repr(c.name) for c in columns if c.num_filled)
        raise SourceError(f"no column {said!r} that says what a row is about; it has {listed}")
    column = found[0]
    if _is_nearly_unique(column):
        return {"subject": column.name, "is_state": True}, {column.name}, _gaps(column)
    fields, key, doubts = _repeated(columns, [column], [], [])
    return fields, key, [*doubts, *_empty(column)]


def _is_nearly_unique(column: Column) -> bool:
    return column.num_distinct >= _NEARLY * column.num_filled


def _gaps(column: Column) -> list[str]:
    """Say what comes of the rows that have no name, or that of another row."""
    doubts = _empty(column)
    if num_twice := column.num_filled - column.num_distinct:
        doubts.append(
            f"{rows(num_twice)} a {column.name!r} that another row has: where they differ it is a "
            "conflict, and no fact"
        )
    return doubts


def _empty(column: Column) -> list[str]:
    num_empty = len(column.values) - column.num_filled
    return [f"{rows(num_empty)} no {column.name!r}, and will be refused"] if num_empty else []


def _may_be(key: Column, others: Sequence[str]) -> list[str]:
    if not others:
        return []
    listed = ", ".join(map(repr, others[:3]))
    return [f"rows are taken to be about their {key.name!r}; {listed} would do as well"]


def _repeated(
    columns: Sequence[Column],
    ranked: Sequence[Column],
    unique: Sequence[str],
    dated: Sequence[Column],
) -> tuple[dict[str, Any], set[str], list[str]]:
    """Find the subject where no likely column has another value in each row.

    `unique` are columns that do, though neither their names nor their places say that they are it;
    `dated` may tell two of one name apart.
    """
    times = [c for c in columns if c.num_filled and c.are_days and is_time(c)]
    sources = [c for c in columns if c.words in SOURCE and c.is_filled]
    likely = [c for c in ranked if _NAME.search(c.words)] or ranked
    for column in likely:
        repeats = column.num_distinct < _OFTEN * column.num_filled
        if times and repeats and is_key([column, *times]):
            return {"subject": column.name, "is_state": False}, {column.name}, []
        for source in sources:
            if source is not column and is_key([column, source, *times]):
                fields = {"subject": column.name, "source": source.name, "is_state": not times}
                return fields, {column.name, source.name}, []
    told = [c for c in columns if not why_not(c, len(c.values)) and not is_time(c)]
    for column in likely:
        rest = [other for other in told if other is not column]
        repeats = column.num_distinct < _OFTEN * column.num_filled
        if len(rest) == 1 and repeats and is_key([column, *rest]):
            doubt = f"a {column.name!r} has several {rest[0].name!r}: the answer is a set of them"
            fields = {"subject": column.name, "is_state": True, "is_set": True}
            return fields, {column.name}, [doubt]
    for name in unique:
        doubt = f"rows are taken to be about their {name!r}: it is another one in each row"
        return {"subject": name, "is_state": True}, {name}, [doubt]
    whole = [c for c in ranked if not {"{", "}"} & {*c.name}]
    for index, column in enumerate(whole):
        for other in (*dated, *whole[index + 1 :]):
            if is_key([column, other]):
                doubt = (
                    f"no column says alone what a row is about: {column.name!r} and {other.name!r} "
                    "do together"
                )
                template = {"template": f"{{{column.name}}}, {{{other.name}}}"}
                fields = {"subject": template, "is_state": True}
                return fields, {column.name, other.name}, [doubt]
    if not ranked and (days := [c for c in columns if c.is_unique and is_time(c)]):
        doubt = f"rows are taken to be about their {days[0].name!r}: no column has names or ids"
        return {"subject": days[0].name, "is_state": True}, {days[0].name}, [doubt]
    if not ranked:
        listed = ", ".join(repr(c.name) for c in columns)
        raise SourceError(
            f"no column says what a row is about: one with names or ids is needed; it has {listed}"
        )
    first = ranked[0]
    doubt = (
        f"rows repeat their {first.name!r}, and nothing tells them apart: where they differ, the "
        "answer is the set of what they say"
    )
    return {"subject": first.name, "is_state": True, "is_set": True}, {first.name}, [doubt]


def _is_called(column: Column, stem: str) -> bool:
    plural = stem.casefold()
    return column.words in (plural, plural.removesuffix("s"), re.sub("ies$", "y", plural))
