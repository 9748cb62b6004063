import pytest

from warehouse.claims import RelationRule
from warehouse.claims.relations import DEFAULT_STEPS
from warehouse.errors import MappingError
from warehouse.sources.rules import RuleTable
from warehouse.sources.tables import read_table


def test_a_rule_survives_json():
    rule = RelationRule(slot="time_varying", values="number", tolerance=0.01, steps=("truth",))
    assert RelationRule.from_json(rule.to_json()) == rule
    assert RelationRule.from_json(RelationRule().to_json()) == RelationRule()


def test_a_table_becomes_a_rule():
    told = {"values": "person", "steps": ["authority", "truth"]}
    assert RuleTable.model_validate(told).rule().criteria == ("authority", "truth")
    assert RuleTable.model_validate({}).rule().steps == DEFAULT_STEPS


def test_a_whole_number_stays_whole():
    rule = RuleTable.model_validate({"values": "number", "tolerance": 0}).rule()
    assert '"tolerance": 0,' in rule.to_json()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"slots": "single_valued"}, "unknown key slots; did you mean 'slot'"),
        ({"slot": "timevarying"}, "did you mean 'time_varying'"),
        ({"values": "numbers"}, "did you mean 'number'"),
        ({"tolerance": "1%"}, "tolerance = '1%' must be a number"),
        ({"tolerance": True, "values": "number"}, "must be a number"),
        ({"tolerance": 0.1}, "tolerance and unit are for numbers"),
        ({"tolerance": 1, "values": "number"}, "below 1"),
        ({"aliases_equal": 1}, "aliases_equal = 1 must be true or false"),
        ({"heldout": "Who owns {subject}?"}, "must be a list"),
        ({"heldout": ["Who owns it?"]}, "must be a text with {subject} in it"),
        ({"heldout": [1]}, "must be a text with {subject} in it"),
        ({"steps": ["authorty"]}, "did you mean 'authority'"),
        ({"steps": ["supersession"]}, "needs a criterion"),
        ({"steps": ["authority", "supersession"]}, "go before the criteria"),
        ({"steps": ["authority", "authority"]}, "names one twice"),
    ],
)
def test_a_bad_rule_is_refused_with_its_key(given, message):
    with pytest.raises(MappingError, match=r"^m\.toml: ") as refused:
        read_table(RuleTable, "m.toml", given)
    assert message in str(refused.value)
