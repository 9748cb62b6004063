"""The kinds of values by name, and what every kind must tell."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from warehouse.claims import RelationRule
from warehouse.values.codes import Code
from warehouse.values.dates import Date
from warehouse.values.numbers import Number
from warehouse.values.texts import Text
from warehouse.values.times import Time


class Kind(Protocol):
    """What one kind of values knows about its spellings. All methods are pure."""

    def key(self, value: str) -> str:
        """Return the normal form: spellings with one key are one value, in whatever slot.

        A text that is no value of the kind has its normal form as text, so that nothing is lost.
        """

    def merged(self, num_claims: Mapping[str, int]) -> dict[str, str]:
        """Give, for the keys that claims of one slot name, the key that each one stands for.

        Where kinds have no such tolerance, every key stands for itself. `num_claims` tells how
        often each key was named; the result does not depend on their order.
        """

    def support(self, key: str, other: str) -> float:
        """Return how far a claim of `other` speaks for `key`, from 0 (not at all) to 1 (fully).

        Not symmetric: the claim of a more special value fully supports the more general one.
        """


@lru_cache(maxsize=256)
def kind_of(rule: RelationRule) -> Kind:
    """Return the kind that the rule names, with its settings."""
    match rule.values:
        case "code":
            return Code()
        case "number":
            return Number(tolerance=rule.tolerance, unit=rule.unit)
        case "date":
            return Date()
        case "time":
            return Time()
        case "person" | "people":
            from warehouse.values.people import People, SinglePerson

            return SinglePerson() if rule.values == "person" else People()
        case "place":
            from warehouse.values.places import Place

            return Place()
    return Text()
