import pytest

from warehouse.values.spelling import canonical


@pytest.mark.parametrize(
    ("spellings", "shown"),
    [
        ({"lima": 3, "Lima": 1}, "lima"),
        ({"lima": 1, "LIMA": 1, "Lima": 1}, "Lima"),
        ({"Sao Paulo": 2, "São Paulo": 2}, "São Paulo"),
        ({"new york": 1, "New york": 1, "New York": 1}, "New York"),
        ({"colour": 1, "color": 1}, "color"),
        ({"1,193,791": 1, "1193791": 1}, "1,193,791"),
        ({"X": 1, "x": 1}, "X"),
        ({" ": 1}, " "),
    ],
)
def test_the_spelling_of_most_claims_is_shown_then_the_one_that_tells_most(spellings, shown):
    assert canonical(spellings) == shown
    assert canonical(dict(reversed(spellings.items()))) == shown


def test_no_spelling_at_all_is_refused():
    with pytest.raises(ValueError, match="no spellings given"):
        canonical({})
