"""Several relations are judged together: the record of a source in one counts in the others."""

import numpy as np
import pytest

from tests.warehouse.truth.making import claims, probabilities
from warehouse.truth import TruthState, discover, discover_relations

RELATIONS = ("length", "width", "weight", "departure")


def sites(num_slots=60, *, seed=1, copies=0, misled=()):
    """Draw what good and fair sites say; `misled` name one wrong value in the last relation."""
    draw = np.random.default_rng(seed)
    accuracy = [0.97, 0.95, 0.93, *[0.7] * 9]
    told = {name: [] for name in RELATIONS}
    for name in RELATIONS:
        for slot in range(num_slots):
            said = []
            for site, share in enumerate(accuracy):
                right = draw.random() < share
                if name == "departure" and site in misled:
                    said.append("take-off" if right else f"error {draw.integers(20)}")
                else:
                    said.append("right" if right else f"error {draw.integers(20)}")
            said += [said[-1]] * copies
            told[name] += [
                (f"{name} {slot}", f"site {i:02}", f"{x} {slot}") for i, x in enumerate(said)
            ]
    return told


def share_right(truth, name):
    best = [
        max(found, key=found.get) == f"right {slot}"
        for slot in range(60)
        if (found := probabilities(truth, f"{name} {slot}"))
    ]
    return np.mean(best)


def together(told):
    return discover_relations({name: [(claims(rows), None)] for name, rows in told.items()})


def test_a_source_that_is_good_elsewhere_is_believed_where_it_says_little():
    told = sites()
    told["departure"] = [("open", "site 00", "x"), ("open", "site 05", "y")]
    alone = probabilities(discover(claims(told["departure"])), "open")
    assert alone["x"] == alone["y"]
    found = probabilities(together(told)["departure"], "open")
    assert found["x"] > 0.7 > 0.3 > found["y"]


def test_a_relation_in_which_the_many_are_wrong_is_judged_by_the_record_in_the_others():
    told = sites(misled=range(4, 12))
    alone = discover(claims(told["departure"]))
    assert share_right(alone, "departure") < 0.1
    found = together(told)
    assert share_right(found["departure"], "departure") > 0.9
    assert share_right(found["length"], "length") > 0.95


@pytest.mark.parametrize("apart", [[0, 5, 6], [3, 4, 8], [0]])
def test_a_few_of_good_and_bad_record_do_not_outweigh_the_many(apart):
    found = together(sites(misled=apart))
    assert share_right(found["departure"], "departure") > 0.9


def test_who_copies_in_all_relations_is_found_where_they_meet_too_seldom_to_be_found_in_one():
    draw = np.random.default_rng(3)
    told = {name: [] for name in "abcdefgh"}
    for name in told:
        for slot in range(8):
            said = [
                "right" if draw.random() < share else f"error {draw.integers(9)}"
                for share in (0.9, 0.9, 0.85, 0.5)
            ]
            for site, value in enumerate([*said, said[3], said[3], said[3]]):
                told[name].append((f"{name}{slot}", f"site {site}", f"{value} {slot}"))
    alone = discover(claims(told["a"])).accuracies.to_pylist()
    assert {row["copy_group"] for row in alone} == {None}
    for truth in together(told).values():
        groups = {row["source"]: row["copy_group"] for row in truth.accuracies.to_pylist()}
        assert [groups[f"site {i}"] for i in range(7)] == [None] * 3 + ["site 3"] * 4


def test_a_relation_of_sources_that_say_nothing_elsewhere_is_judged_as_if_alone():
    told = sites()
    other = [(slot, f"own {source}", value) for slot, source, value in told["departure"]]
    found = together({"length": told["length"], "departure": other})
    alone = discover(claims(other))
    for name, share in probabilities(alone, "departure 7").items():
        assert probabilities(found["departure"], "departure 7")[name] == pytest.approx(
            share, abs=2e-3
        )


def test_slots_are_resolved_as_in_the_full_run_from_the_state_of_their_relation():
    told = sites(misled=range(4, 12))
    whole = together(told)["departure"]
    state = TruthState.from_tables(whole.state.to_tables())
    rows = [row for row in told["departure"] if row[0] == "departure 11"]
    again = discover(claims(rows), state=state)
    assert probabilities(again, "departure 11") == probabilities(whole, "departure 11")


def test_two_parts_of_each_relation_give_exactly_what_one_gives():
    told = sites(misled=range(4, 12))
    whole = together(told)
    cut = discover_relations(
        {
            name: [(claims(row for row in rows if len(row[0]) % 2 == i), None) for i in (0, 1)]
            for name, rows in told.items()
        }
    )
    for name, truth in whole.items():
        assert cut[name].values.equals(truth.values)
