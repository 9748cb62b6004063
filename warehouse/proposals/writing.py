"""Write a proposal as the TOML of a mapping, with what was unsure in comments."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from warehouse.proposals.proposal import Proposal, ProposedRelation

ANY_RELATION = ProposedRelation(name="{relation}", called="{relation}")
"""Stands for all relations of a long table."""
_FIELDS = (
    *("subject", "relation", "value", "question", "cloze", "paraphrases", "aliases", "source"),
    *("authority", "observed_at", "valid_from", "valid_to"),
)


def as_toml(proposal: Proposal, phrase: Callable[[ProposedRelation], Sequence[str]]) -> str:
    """Return the mapping's text; `phrase` gives the templates of a relation, the question first."""
    lines = [
        f"# Proposed for a table of {proposal.num_rows} rows. Read it and change what is wrong:",
        "# every key is explained in warehouse/README.md; `lamini source preview` tries it.",
    ]
    if proposal.doubts:
        lines += ["#", "# Not sure:", *(_comment(f"- {doubt}") for doubt in proposal.doubts)]
    lines += ["", f"name = {_text(proposal.name)}"]
    lines += [f"{key} = {_value(given)}" for key, given in proposal.table.top.items()]
    if proposal.form.nulls:
        lines.append(f"nulls = {_value(list(proposal.form.nulls))}  # cells of no value")
    if proposal.form.is_state:
        lines.append(
            'extract = "full"  # an edited cell is a change, a row that is gone is no fact'
        )
    else:
        lines.append('# a log: its newest row of a subject is what holds (no extract = "full")')
    if proposal.table.csv:
        lines += ["", "[csv]"]
        lines += [f"{key} = {_value(given)}" for key, given in proposal.table.csv.items()]
    lines += ["", *(_wide if proposal.form.is_wide else _long)(proposal, phrase)]
    for relation in proposal.form.relations:
        lines += _rule(relation)
    return "\n".join(lines) + "\n"


def _long(proposal: Proposal, phrase: Callable[[ProposedRelation], Sequence[str]]) -> list[str]:
    fields = dict(proposal.form.fields)
    lines = ["[claim]  # one claim a row", *_fields(fields)]
    if proposal.form.needs_phrasings:
        question, *paraphrases = phrase(ANY_RELATION)
        lines.append(f"question = {{ template = {_text(question)} }}")
        if paraphrases and "paraphrases" not in fields:
            lines += ["paraphrases = { templates = [", *_listed(paraphrases), "] }"]
    left_out = ", ".join(map(repr, proposal.form.left_out))
    return [*lines, *([_comment(f"left out: {left_out}")] if left_out else [])]


def _wide(proposal: Proposal, phrase: Callable[[ProposedRelation], Sequence[str]]) -> list[str]:
    lines = ["[wide]  # every row tells of one subject, a claim in each column named below"]
    lines += _fields(dict(proposal.form.fields))
    lines += [_comment(f"left out: {c!r}: {why}") for c, why in proposal.form.left_out.items()]
    for relation in proposal.form.relations:
        question, *paraphrases = phrase(relation)
        lines += ["", f"[wide.values.{_text(str(relation.column))}]"]
        lines.append(f"relation = {_text(relation.name)}")
        lines.append(f"question = {_text(question)}")
        if paraphrases:
            lines += ["paraphrases = [", *_listed(paraphrases), "]"]
    return lines


def _fields(fields: dict[str, Any]) -> list[str]:
    return [f"{name} = {_value(fields[name])}" for name in _FIELDS if name in fields]


def _rule(relation: ProposedRelation) -> list[str]:
    rule = []
    if relation.slot != "single_valued":
        rule.append(f"slot = {_text(relation.slot)}")
    if relation.kind != "text":
        rule.append(f"values = {_text(relation.kind)}")
    if relation.unit:
        rule.append(f"unit = {_text(relation.unit)}")
    return ["", f"[relations.{_text(relation.name)}]", *rule] if rule else []


def _listed(templates: Sequence[str]) -> list[str]:
    return [f"    {_text(template)}," for template in templates]


def _value(given: Any) -> str:
    if isinstance(given, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in given.items()) + " }"
    if isinstance(given, list):
        return "[" + ", ".join(map(_value, given)) + "]"
    return _text(given) if isinstance(given, str) else json.dumps(given)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    return "# " + "".join(c if c.isprintable() else " " for c in text)
