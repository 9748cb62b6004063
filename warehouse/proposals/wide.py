"""A table in which every row is a thing, and every column tells something of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from warehouse.errors import SourceError
from warehouse.proposals.column import Column, called_as
from warehouse.proposals.kinds import kind_of_column, without_unit
from warehouse.proposals.named import (
    ALIASES,
    columns_of,
    long_values,
    named_list,
    no_values,
    why_not,
)
from warehouse.proposals.proposal import Form, ProposedRelation
from warehouse.proposals.subjects import subject_of
from warehouse.proposals.times import authority_of, dates_of

_INDICATOR = ("indicator name", "indicator", "series name", "series", "variable", "metric")


def wide_form(columns: Sequence[Column], stem: str, subject: str | None = None) -> Form:
    """Propose a claim for each row and each column that tells something.

    `subject` is the column that the rows are about, where somebody named it.

    Raises:
        SourceError: no column can be what the rows are about, or none tells anything.
    """
    years = [column for column in columns if column.is_year and column.num_filled]
    if len(years) >= 3:
        return _by_year(columns, years, stem, subject)
    fields, key, doubts = subject_of(columns, stem, subject)
    is_log = not fields.pop("is_state")
    dates, more = dates_of(columns, is_log=is_log)
    fields |= dates
    doubts += more
    if (aliases := named_list(columns, ALIASES)) is not None and "aliases" not in fields:
        fields["aliases"] = aliases.name
    doubts += authority_of(columns, fields) if "source" in fields else []
    taken = {*key, *columns_of(fields)}
    if "aliases" in fields and aliases is None:
        taken.discard(str(fields["aliases"]))
    told = [column for column in columns if column.name not in taken]
    left_out = {c.name: why for c in told if (why := why_not(c, len(c.values)))}
    told = [column for column in told if column.name not in left_out]
    if not told:
        raise SourceError(
            "no column tells anything of its rows: a table needs a column that says what a row is "
            f"about, and others that tell of it; it has {', '.join(repr(c.name) for c in columns)}"
        )
    relations = _relations_of_columns(told)
    if fields.pop("is_set", False):
        relations = tuple(replace(relation, slot="multi_valued") for relation in relations)
    nulls, odd = no_values(told)
    return Form(
        is_wide=True,
        fields=fields,
        relations=relations,
        is_state=not is_log,
        left_out=left_out,
        nulls=nulls,
        doubts=(*doubts, *long_values(told), *odd),
    )


def _by_year(
    columns: Sequence[Column], years: Sequence[Column], stem: str, subject: str | None
) -> Form:
    """Take of columns that are years the newest: one fact for each row, as of that year."""
    newest = max(years, key=lambda column: column.name.strip().lstrip("X"))
    rest = [column for column in columns if column not in years]
    what = next((c for c in rest if c.num_distinct == 1 and c.words in _INDICATOR), None)
    name = (what.sample[0] if what else called_as(stem)).strip()
    fields, _, doubts = subject_of(rest, stem, subject)
    fields = {k: v for k, v in fields.items() if k in ("subject", "aliases")}
    fields["observed_at"] = {"constant": newest.name.strip().lstrip("X")}
    relation = ProposedRelation(
        name=called_as(name),
        called=called_as(without_unit(name)[0]),
        unit=without_unit(name)[1],
        kind=kind_of_column(newest),
        column=newest.name,
    )
    doubts.append(
        f"its columns are years: only the newest, {newest.name!r}, is taken, as {relation.name!r}; "
        "a year that comes is a column to name here"
    )
    nulls, odd = no_values([newest])
    return Form(
        is_wide=True,
        fields=fields,
        relations=(relation,),
        nulls=nulls,
        left_out={c.name: "another year" for c in years if c is not newest},
        doubts=(*doubts, *odd),
    )


def _relations_of_columns(columns: Sequence[Column]) -> tuple[ProposedRelation, ...]:
    found = []
    for column in columns:
        plain, unit = without_unit(column.name)
        kind = kind_of_column(column)
        relation = ProposedRelation(
            name=called_as(column.name),
            called=called_as(plain),
            kind=kind,
            unit=unit if kind == "number" else None,
            column=column.name,
        )
        found.append(relation)
    names = Counter(relation.name for relation in found)
    calls = Counter(relation.called for relation in found)
    return tuple(
        replace(
            relation,
            name=relation.name if names[relation.name] == 1 else relation.column or "",
            called=relation.called if calls[relation.called] == 1 else relation.name,
        )
        for relation in found
    )
