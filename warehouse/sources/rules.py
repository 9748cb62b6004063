"""Read what a mapping file declares about relations: a table [relations."RELATION"] each."""

from typing import Annotated

from pydantic import BeforeValidator, Strict, model_validator

from warehouse.claims import CRITERIA, RelationRule
from warehouse.claims.relations import FILTERS, KINDS, SLOTS
from warehouse.sources.tables import Flag, Table, checked, one_of, refused, wanted


def _phrasing(given: object) -> str:
    if not isinstance(given, str) or "{subject}" not in given:
        raise wanted("must be a text with {subject} in it")
    return given


def _number(given: object) -> int | float:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise wanted("must be a number")
    return given  # a whole one stays whole: the rule is compared as JSON


class RuleTable(Table):
    """How the values of one relation are read and decided; what it leaves out has its default."""

    slot: one_of(SLOTS) | None = None  # type: ignore[valid-type]
    values: one_of(KINDS) | None = None  # type: ignore[valid-type]
    tolerance: checked(_number) = None  # type: ignore[valid-type]
    unit: Annotated[str, Strict()] | None = None
    steps: tuple[one_of((*FILTERS, *CRITERIA)), ...] | None = None  # type: ignore[valid-type]
    aliases_equal: Flag | None = None
    heldout: tuple[Annotated[str, BeforeValidator(_phrasing)], ...] | None = None

    @model_validator(mode="after")
    def _makes_a_rule(self) -> "RuleTable":
        try:
            self.rule()
        except ValueError as error:
            raise refused(f"{{key}}: {error}") from None
        return self

    def rule(self) -> RelationRule:
        """Return the rule that it declares."""
        return RelationRule(**self.in_order())
