"""Read [claim] or [wide] of a mapping file: which columns hold which claim field."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, model_validator
from pydantic import Field as TableField

from warehouse.sources.tables import Table, Text, Texts, refused, wanted


@dataclass(frozen=True, kw_only=True)
class Field:
    """Where the content of one claim field comes from."""

    kind: str
    """column, constant or templates."""
    texts: tuple[str, ...]
    """The column's name, the constant, or the templates (one, except in lists)."""


View = Mapping[str, Field]
"""One claim per row: claim field -> where it comes from."""


def _one(given: object) -> Field:
    return _field(given, "template")


def _several(given: object) -> Field:
    return _field(given, "templates")


def _field(given: object, template: str) -> Field:
    if isinstance(given, Field):
        return given
    if isinstance(given, str):
        return Field(kind="column", texts=(given,))
    kinds = ("column", "constant", template)
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in kinds:
        shown = ", ".join(f"{{ {kind} = ... }}" for kind in kinds)
        raise wanted(f"must be a column's name or one of {shown}")
    kind, content = next(iter(given.items()))
    if kind == "templates":
        if not isinstance(content, list) or not content:
            raise wanted("must be a list of texts", content)
        texts = content
    else:
        is_number = isinstance(content, int | float) and not isinstance(content, bool)
        texts = [str(content) if kind == "constant" and is_number else content]
    for text in texts:
        if not isinstance(text, str) or not text.strip():
            raise wanted("must be a text", text)
    return Field(kind="templates" if kind == "template" else kind, texts=tuple(texts))


OneText = Annotated[Field, BeforeValidator(_one)]
SeveralTexts = Annotated[Field, BeforeValidator(_several)]


class _Asked(Table):
    """A claim must be asked for by something."""

    @model_validator(mode="after")
    def _has_a_prompt(self) -> "_Asked":
        if not {"question", "cloze"} & self.model_fields_set:
            raise refused(
                "map {key}.question or {key}.cloze, or give a template such as "
                '{ template = "What is the capital of {subject}?" }'
            )
        return self


class _Shared(Table):
    subject: OneText
    source: OneText | None = None
    authority: OneText | None = None
    observed_at: OneText | None = None
    valid_from: OneText | None = None
    valid_to: OneText | None = None
    aliases: SeveralTexts | None = None


class ClaimTable(_Shared, _Asked):
    """The table [claim]: one claim a row."""

    value: OneText
    relation: OneText | None = None
    question: OneText | None = None
    cloze: OneText | None = None
    paraphrases: SeveralTexts | None = None

    def views(self) -> tuple[View, ...]:
        """Return the one view."""
        return (self.in_order(),)


class ColumnClaims(_Asked):
    """A table [wide.values.COLUMN]: the claims of one column, with templates."""

    relation: Text | None = None
    question: Text | None = None
    cloze: Text | None = None
    paraphrases: Texts | None = None

    def view(self, column: str) -> View:
        """Return what this column adds to what all share."""
        told = {name: text for name, text in self.in_order().items() if name != "relation"}
        return {
            "value": Field(kind="column", texts=(column,)),
            "relation": Field(kind="constant", texts=(self.relation or column,)),
            **{
                name: Field(kind="templates", texts=(text,) if isinstance(text, str) else text)
                for name, text in told.items()
            },
        }


class WideTable(_Shared):
    """The table [wide]: one claim for each of several value columns."""

    columns: dict[str, ColumnClaims] = TableField(alias="values")

    @model_validator(mode="after")
    def _names_a_column(self) -> "WideTable":
        if not self.columns:
            raise refused("[wide.values] names no column; add [wide.values.COLUMN]")
        return self

    def views(self) -> tuple[View, ...]:
        """Return a view of each value column."""
        shared = self.in_order()
        return tuple({**shared, **told.view(column)} for column, told in self.columns.items())
