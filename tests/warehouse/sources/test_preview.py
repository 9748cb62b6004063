"""What a source would give, before it gives it."""

import pytest

from warehouse.claims import ClaimBatch, RelationRule
from warehouse.sources.preview import preview


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        ("date", ["2027-03-31", "31/03/2027", "May 1, 2027", "1999", "2027-02-30", "2001"], 1),
        ("number", ["12,000", "185 000", "9.5", "7", "9", "a lot"], 1),
        ("date", ["soon", "later", "2027-01-01"], 0),
        ("text", ["2027-01-01", "2027-02-01", "2027-03-01", "x"], 0),
    ],
    ids=["a day that is none", "a word among numbers", "mostly no dates", "texts"],
)
def test_a_value_that_is_not_of_its_kind_is_told_before_it_is_an_answer(kind, values, said):
    rows = [
        {"subject": f"s{n}", "relation": "r", "value": value, "question": f"r of s{n}?"}
        for n, value in enumerate(values)
    ]
    batch = ClaimBatch.from_rows("t", rows, relations={"r": RelationRule(values=kind)})
    found = [f for f in preview(batch).findings if f.check == "kind"]
    assert len(found) == said
    assert all(not f.is_hard and ("2027-02-30" in f.message or "lot" in f.message) for f in found)
