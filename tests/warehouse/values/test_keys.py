import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warehouse.claims import RelationRule
from warehouse.values.keys import keyed, related
from warehouse.values.kinds import kind_of

RULES = {
    "capital": RelationRule(),
    "code": RelationRule(values="code"),
    "population": RelationRule(values="number", tolerance=0.01),
    "founded": RelationRule(values="date"),
}
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="\0"))
ASCII = st.text(st.characters(min_codepoint=1, max_codepoint=127))


def values(*rows):
    return pa.table({"relation": [row[0] for row in rows], "value": [row[1] for row in rows]})


def candidates(*rows):
    names = ["slot", "relation", "value_key", "num_claims"]
    types = [pa.string(), pa.string(), pa.string(), pa.int64()]
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    return pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=names)


def test_values_get_the_keys_of_their_relations_kinds_in_the_order_given():
    given_values = values(
        ("population", "1,193,791"), ("capital", "LIMA"), ("code", "Co"), ("mayor", "Ann"),
        ("founded", "March 2015"), ("capital", "São Paulo"), ("population", "Lima"),
    )  # fmt: skip
    assert keyed(given_values, RULES).to_pylist() == [
        {"relation": "population", "value": "1,193,791", "value_key": "1193791"},
        {"relation": "capital", "value": "LIMA", "value_key": "lima"},
        {"relation": "code", "value": "Co", "value_key": "Co"},
        {"relation": "mayor", "value": "Ann", "value_key": "ann"},
        {"relation": "founded", "value": "March 2015", "value_key": "2015-03"},
        {"relation": "capital", "value": "São Paulo", "value_key": "são paulo"},
        {"relation": "population", "value": "Lima", "value_key": "lima"},
    ]


def test_no_values_have_no_keys():
    assert keyed(values(), RULES).num_rows == 0
    assert keyed(values(("capital", "Lima")), {})["value_key"].to_pylist() == ["lima"]


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.lists(st.one_of(ASCII, TEXT), min_size=40, max_size=60))
@example(
    [
        "Lima,",
        '"Lima"',
        "a`b",
        "a\tb",
        " x",
        "x ",
        "a  b",
        "",
        "\x7f",
        "A;",
        "\x1f",
        "St.",
        "\u200b",
    ]
)
def test_the_quick_way_in_sql_gives_the_keys_of_the_kinds(texts):
    rows = [(relation, text) for relation in ("capital", "code") for text in texts]
    found = keyed(values(*rows), RULES)["value_key"].to_pylist()
    assert found == [kind_of(RULES[relation]).key(text) for relation, text in rows]


def test_near_numbers_merge_and_more_exact_dates_support():
    merged, support = related(
        candidates(
            ("s2", "founded", "2015", 1),
            ("s2", "founded", "2015-03", 1),
            ("s1", "population", "101", 1),
            ("s1", "population", "100", 2),
            ("s1", "population", "102", 1),
            ("s3", "capital", "lima", 2),
            ("s3", "capital", "callao", 1),
            ("s4", "founded", "2015", 2),
        ),
        RULES,
    )
    assert merged.to_pylist() == [{"slot": "s1", "value_key": "101", "merged_key": "100"}]
    assert [(*row.values(),) for row in support.to_pylist()] == [
        ("s1", "100", "102", pytest.approx(0.3826, abs=1e-4)),
        ("s1", "102", "100", pytest.approx(0.3826, abs=1e-4)),
        ("s2", "2015", "2015-03", 1.0),
        ("s2", "2015-03", "2015", 0.5),
    ]


def test_texts_and_codes_have_nothing_to_say_for_each_other():
    rows = [("s", "capital", "lima", 2), ("s", "capital", "callao", 1), ("t", "code", "A", 1)]
    merged, support = related(candidates(*rows), RULES)
    assert merged.num_rows == support.num_rows == 0
    assert merged.schema == pa.schema(
        {"slot": pa.string(), "value_key": pa.string(), "merged_key": pa.string()}
    )
    assert support.column_names == ["slot", "value", "other", "support"]
