"""Which form a table has, and which of its columns are what: by their names and what they hold.

Asked in this order: questions with answers; one claim a row; else every row is a thing and every
column tells something of it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from warehouse.proposals.column import Column, called_as
from warehouse.proposals.kinds import kind_of_values
from warehouse.proposals.named import (
    ALIASES,
    AUTHORITY,
    FROM,
    PARAPHRASES,
    SEEN,
    SOURCE,
    TO,
    WHEN,
    columns_of,
    long_values,
    named,
    named_list,
    no_values,
    num_distinct,
)
from warehouse.proposals.proposal import Form, ProposedRelation
from warehouse.proposals.times import authority_of, dates_of
from warehouse.proposals.wide import wide_form

_QUESTION = ("question", "query", "prompt", "instruction", "input", "q", "problem")
_ANSWER = ("answer", "response", "completion", "output", "reply", "a", "target", "expected")
_SUBJECT = ("subject", "entity", "item", "topic")
_RELATION = (
    *("relation", "attribute", "property", "predicate", "field", "variable", "metric"),
    *("indicator", "measure", "parameter", "characteristic", "setting", "role"),
)
_VALUE = ("value", "object", "claimed object", "answer", "val")
_CLOZE = ("cloze",)
_MOST_RELATIONS = 60


def form_of(columns: Sequence[Column], stem: str, about: str | None = None) -> Form:
    """Propose how the rows of a table become claims; `stem` is what the table is called.

    `about` is the column that every row is about, where somebody named it.

    Raises:
        SourceError: no column can be what the rows are about.
    """
    columns = _without_twins(columns)
    if about is not None:
        return wide_form(columns, stem, about)
    question, answer = named(columns, _QUESTION), named(columns, (*_ANSWER, *_VALUE))
    relation, value = named(columns, _RELATION), named(columns, _VALUE)
    subject = named(columns, _SUBJECT) or named(columns, ("title", "name"))
    if value and subject and (relation or question or named(columns, _CLOZE)):
        return _long(columns, subject, relation, value)
    if question and answer:
        return _questions(columns, question, answer)
    if relation and (found := _told_by_role(columns, relation)):
        return _long(columns, *found)
    return wide_form(columns, stem)


def _without_twins(columns: Sequence[Column]) -> Sequence[Column]:
    """Leave out rows that say what another row says: they are one claim."""
    names = [f"c{index}" for index in range(len(columns))]
    table = pa.table(dict(zip(names, (column.values for column in columns), strict=True)))
    once = table.group_by(names, use_threads=False).aggregate([])
    if once.num_rows == table.num_rows:
        return columns
    return [replace(c, values=once[name]) for c, name in zip(columns, names, strict=True)]


def _questions(columns: Sequence[Column], question: Column, answer: Column) -> Form:
    used: dict[str, str | dict[str, Any]] = {
        "subject": question.name,
        "relation": {"constant": "answer"},
        "value": answer.name,
        "question": question.name,
    }
    if (paraphrases := named_list(columns, PARAPHRASES)) is not None:
        used["paraphrases"] = paraphrases.name
    if (aliases := named_list(columns, ("answer aliases", "aliases"))) is not None:
        used["aliases"] = aliases.name
    doubts = []
    if num_twice := question.num_filled - question.num_distinct:
        doubts.append(
            f"{num_twice} rows ask what another row asks: where they answer otherwise, it is a "
            "conflict, and no fact"
        )
    dates, more = dates_of(columns, is_log=question.num_distinct < question.num_filled)
    doubts += more
    nulls, odd = no_values([answer])
    return Form(
        nulls=nulls,
        fields={**used, **dates},
        is_state="observed_at" not in dates,
        left_out=_rest(columns, {**used, **dates}),
        doubts=(*doubts, *long_values([answer]), *odd),
    )


def _told_by_role(
    columns: Sequence[Column], relation: Column
) -> tuple[Column, Column, Column] | None:
    """Find subject and value where only the relation's name is a usual one."""
    if relation.num_distinct > min(_MOST_RELATIONS, relation.num_filled // 2):
        return None
    taken = (*SOURCE, *AUTHORITY, *SEEN, *WHEN, *FROM, *TO, *PARAPHRASES, *ALIASES)
    rest = [c for c in columns if c.num_filled and c is not relation and c.words not in taken]
    rest = [c for c in rest if not c.counts_rows]
    if len(rest) != 2:
        return None
    return rest[0], relation, rest[1]


def _long(
    columns: Sequence[Column], subject: Column, relation: Column | None, value: Column
) -> Form:
    fields: dict[str, str | dict[str, Any]] = {"subject": subject.name, "value": value.name}
    if relation is not None:
        fields["relation"] = relation.name
    prompts = [named(columns, ("question",)), named(columns, _CLOZE)]
    for field, found in zip(("question", "cloze"), prompts, strict=True):
        if found is not None:
            fields[field] = found.name
    for field, names in (("paraphrases", PARAPHRASES), ("aliases", ALIASES)):
        if (listed := named_list(columns, names)) is not None:
            fields[field] = listed.name
    if (source := named(columns, SOURCE)) is not None:
        fields["source"] = source.name
    keys = [subject, *([relation] if relation else [])]
    repeats = num_distinct(keys) < min(c.num_filled for c in keys)
    dates, doubts = dates_of(columns, is_log=repeats)
    fields |= dates
    doubts += authority_of(columns, fields)
    nulls, odd = no_values([value])
    is_log = repeats and "observed_at" in dates
    rivals = is_log or "valid_from" in dates or (source and source.num_distinct > 1)
    return Form(
        fields=fields,
        relations=_relations_of_rows(subject, relation, value, can_be_sets=not rivals),
        is_state=not is_log,
        left_out=_rest(columns, fields),
        nulls=nulls,
        doubts=(*doubts, *long_values([value]), *odd),
    )


def _relations_of_rows(
    subject: Column, relation: Column | None, value: Column, *, can_be_sets: bool
) -> tuple[ProposedRelation, ...]:
    """Return the relations of a long table whose rule is not the default one."""
    if relation is None or relation.num_distinct > _MOST_RELATIONS:
        return ()
    rows = zip(*(c.values.to_pylist() for c in (subject, relation, value)), strict=True)
    values: dict[str, dict[str, set[str]]] = {}
    for who, name, what in rows:
        if who and name and what:
            values.setdefault(name, {}).setdefault(who, set()).add(what)
    found = []
    for name, of in values.items():
        kind = kind_of_values(name.casefold(), [min(several) for several in of.values()])
        several = sum(len(each) > 1 for each in of.values())
        slot = "multi_valued" if can_be_sets and several >= 0.1 * len(of) else "single_valued"
        found.append(ProposedRelation(name=name, called=called_as(name), kind=kind, slot=slot))
    return tuple(r for r in found if r.kind != "text" or r.slot != "single_valued")


def _rest(columns: Sequence[Column], fields: dict[str, Any]) -> dict[str, str]:
    used = columns_of(fields)
    return {c.name: "no part of a claim" for c in columns if c.name not in used}
