import pytest

from warehouse.explanations.odds import Odds

ODDS = Odds(
    probabilities={"x": 0.8, "y": 0.2},
    accuracies={"a": 0.8, "b": 0.8, "c": 0.8},
    backers={"x": ["a", "b"], "y": ["c"]},
)


def test_a_claim_of_usual_accuracy_multiplies_the_odds():
    after = ODDS.after({"x", "y"}, {"y": 1})
    assert after["y"] / after["x"] == pytest.approx(0.2 / 0.8 * 4)


def test_a_withdrawal_divides_them_again():
    after = ODDS.after({"x", "y"}, {"x": 0}, ["b"])
    assert after["x"] / after["y"] == pytest.approx(0.8 / 0.2 / 4)


def test_values_without_a_probability_share_what_is_left():
    assert Odds(probabilities={"x": 0.6}).after({"x", "y", "z"}, {}) == {
        "x": 0.6,
        "y": 0.2,
        "z": 0.2,
    }
    assert sum(Odds().after({"x", "y"}, {}).values()) == 1
