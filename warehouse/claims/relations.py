"""What a relation is declared to be: how many values a slot holds, of which kind, how they compete.

[relations."population"]
slot = "time_varying"                 # single_valued, multi_valued or time_varying
values = "number"                     # the kind: which spellings are one value
tolerance = 0.01                      # numbers within one in a hundred are one value
steps = ["supersession", "bad_import", "authority", "recency", "truth"]
aliases_equal = true                  # recall takes an alias of the answer for the answer
heldout = ["How many live in {subject}?"]   # phrasings that only measure
"""

import json
from dataclasses import asdict, dataclass

from warehouse.nearest import hint

SLOTS = ("single_valued", "multi_valued", "time_varying")
KINDS = ("text", "code", "number", "date", "time", "person", "people", "place")
FILTERS = ("supersession", "bad_import")
CRITERIA = ("authority", "recency", "agreement", "truth")
DEFAULT_STEPS = (*FILTERS, "authority", "recency", "agreement")


@dataclass(frozen=True, kw_only=True)
class RelationRule:
    """How the values of one relation are read and decided."""

    slot: str = "single_valued"
    """One value, a set of values, or one value at any moment, each from its date to the next."""
    values: str = "text"
    """The kind of its values: one of KINDS."""
    tolerance: float = 0.0
    """Of numbers: the relative difference within which two are one value."""
    unit: str | None = None
    """Of numbers: the unit in which they are compared, and of those that name none."""
    steps: tuple[str, ...] = DEFAULT_STEPS
    """Filters first, then the criteria, the strongest first. Validity at the as-of date is judged
    before all of them, always; a tie in all criteria is reported, never picked."""
    aliases_equal: bool = False
    """Whether another spelling of the answer counts as the answer when recall is measured."""
    heldout: tuple[str, ...] = ()
    """Phrasings that only measure, with {subject} in them."""

    def __post_init__(self) -> None:
        _one_of("slot", self.slot, SLOTS)
        _one_of("values", self.values, KINDS)
        if not 0 <= self.tolerance < 1:
            raise ValueError(f"tolerance = {self.tolerance} must be at least 0 and below 1")
        if self.values != "number" and (self.tolerance or self.unit):
            raise ValueError(f"tolerance and unit are for numbers; values = {self.values!r}")
        for step in self.steps:
            _one_of("steps", step, (*FILTERS, *CRITERIA))
        if len(set(self.steps)) != len(self.steps):
            raise ValueError(f"steps = {list(self.steps)} names one twice")
        for template in self.heldout:
            if not isinstance(template, str) or "{subject}" not in template:
                raise ValueError(f"heldout = {template!r} must be a text with {{subject}} in it")
        if not self.criteria:
            raise ValueError(f"steps = {list(self.steps)} needs a criterion: one of {CRITERIA}")
        if self.steps != (*(s for s in self.steps if s in FILTERS), *self.criteria):
            raise ValueError(f"steps = {list(self.steps)}: {FILTERS} go before the criteria")

    @property
    def relates(self) -> bool:
        """Whether values of its kind can stand for each other or support each other."""
        return self.values not in ("text", "code")

    @property
    def criteria(self) -> tuple[str, ...]:
        """The criteria among the steps, the strongest first."""
        return tuple(step for step in self.steps if step in CRITERIA)

    def to_json(self) -> str:
        """Write it as one line, always the same for the same rule."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "RelationRule":
        """Read what `to_json` wrote."""
        given = json.loads(text)
        return cls(**{**given, **{key: tuple(given[key]) for key in _LISTS}})


_LISTS = ("steps", "heldout")


def _one_of(key: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise ValueError(f"{key} = {given!r}{hint(str(given), known, what='there are')}")
