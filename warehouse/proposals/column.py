"""A column as its values and its name show it: how many there are, and what they look like."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from warehouse.claims.no_values import NO_VALUES

SAMPLE_ROWS = 5000
"""So many rows show what a column holds; whether values repeat is counted over all."""
_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z][a-z])")
_NO_WORD = re.compile(r"[\W_]+")
_YEAR = re.compile(r"(1[89]|20)\d\d")
_INTEGER = re.compile(r"-?\d{1,18}")
_ISO_DAY = re.compile(r"\d{4}(-\d{2}(-\d{2}([T ].*)?)?)?")
_FLAGS = frozenset({"true", "false", "yes", "no", "y", "n", "t", "f"})


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    values: pa.ChunkedArray
    """Its texts; what is blank is null. A list is null, too."""
    is_list: bool = False

    @classmethod
    def of(cls, name: str, given: pa.ChunkedArray) -> "Column":
        """Make one of any values."""
        kind = given.type
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if pa.types.is_dictionary(kind):
            given = pc.cast(given, kind.value_type)
        try:
            texts = pc.cast(given, pa.large_string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return cls(name, pa.chunked_array([pa.nulls(len(given), pa.large_string())]), is_list)
        texts = pc.utf8_trim_whitespace(texts)
        return cls(name, pc.if_else(pc.equal(texts, ""), None, texts), is_list)

    @cached_property
    def words(self) -> str:
        """Its name as lower-case words."""
        return _NO_WORD.sub(" ", _CASE.sub(" ", self.name)).strip().casefold()

    @cached_property
    def num_filled(self) -> int:
        return len(self.values) - int(self.values.null_count)

    @cached_property
    def num_distinct(self) -> int:
        return int(pc.count_distinct(self.values, mode="only_valid").as_py())

    @cached_property
    def sample(self) -> list[str]:
        """The values of the first rows."""
        return [text for text in self.values[:SAMPLE_ROWS].to_pylist() if text is not None]

    @property
    def is_filled(self) -> bool:
        """Whether nearly every row has a value."""
        return self.num_filled >= 0.99 * len(self.values) > 0

    @property
    def is_unique(self) -> bool:
        return self.is_filled and self.num_distinct == self.num_filled

    def share(self, pattern: re.Pattern[str]) -> float:
        """Return the share of values that are the pattern as a whole."""
        found = sum(pattern.fullmatch(text) is not None for text in self.sample)
        return found / len(self.sample) if self.sample else 0.0

    @cached_property
    def are_integers(self) -> bool:
        return self.share(_INTEGER) == 1.0

    @cached_property
    def are_days(self) -> bool:
        """Whether a claim can hold all of them as dates: 2015, 2015-03, 2015-03-09."""
        return self.share(_ISO_DAY) == 1.0

    @cached_property
    def are_flags(self) -> bool:
        known = {"0", "1"} if self.words.startswith(("is ", "has ")) else _FLAGS
        return 0 < self.num_distinct <= 2 and {v.casefold() for v in self.sample} <= known

    @cached_property
    def is_year(self) -> bool:
        """Whether the name is a year, with or without what a spreadsheet puts around it."""
        return _YEAR.fullmatch(self.name.strip().lstrip("X")) is not None

    @cached_property
    def counts_rows(self) -> bool:
        """Whether it only numbers the rows."""
        if not (self.are_integers and self.is_unique):
            return False
        numbers = [int(text) for text in self.sample]
        return numbers == list(range(numbers[0], numbers[0] + len(numbers)))

    @cached_property
    def mean_length(self) -> float:
        return sum(map(len, self.sample)) / max(1, len(self.sample))

    @cached_property
    def no_values(self) -> dict[str, int]:
        """What may stand for no value, with how often it does among the first rows."""
        return dict(Counter(text for text in self.sample if text.casefold() in NO_VALUES))


def called_as(name: str) -> str:
    """Return a column's name as questions say it: list_price is 'list price', Capital 'capital'."""
    last = name.rsplit(".", 1)[-1] if re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)+", name) else name
    plain = re.sub(r"[{}\s_]+", " ", _CASE.sub(" ", last)).strip()
    words = [word.lower() if word.istitle() else word for word in plain.split()]
    return " ".join(words) or name
