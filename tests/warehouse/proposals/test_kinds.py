import pytest

from warehouse.proposals.kinds import kind_of_values, without_unit

KINDS = {
    "number": ("population", ["1,193,791", "44", "5 million"]),
    "code": ("calling code", ["51", "235", "968"]),
    "date": ("founded", ["1999", "2004", "1875"]),
    "time": ("opens", ["9:00", "10:30", "08:15"]),
    "person": ("maintainer", ["Ana Li", "Jo van Ek", "Donald E. Knuth"]),
    "people": ("authors", ["Ana Li; Jo Ek", "Knuth, D. E."]),
    "place": ("headquarters", ["Saint Paul, Minnesota", "Oslo"]),
    "text": ("colour", ["red", "deep blue"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_and_what_can_be_read_say_the_kind(kind):
    assert kind_of_values(*KINDS[kind]) == kind


def test_a_leading_zero_makes_a_code_of_a_number():
    assert kind_of_values("branch", ["0123", "4567"]) == "code"


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Area (km2)", ("Area", "km2")),
        ("price [USD]", ("price", "USD")),
        ("share (%)", ("share", "%")),
        ("name (short)", ("name (short)", None)),
    ],
)
def test_a_unit_is_taken_out_of_a_name(name, parts):
    assert without_unit(name) == parts
