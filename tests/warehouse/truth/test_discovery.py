import itertools
import zlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warehouse.truth.making import claims, crowd, probabilities, support
from warehouse.truth import TruthConfig, TruthState, discover, discover_partitioned


def test_two_unknown_sources_that_differ_leave_both_values_equal():
    found = probabilities(discover(claims([("s", "a", "x"), ("s", "b", "y")])), "s")
    assert found["x"] == found["y"]
    assert 0 < found["x"] < 0.5


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_tie_of_equal_sources_stays_visible_as_equal(size):
    rows = [("s", f"left {i}", "x") for i in range(size)]
    rows += [("s", f"right {i}", "y") for i in range(size)]
    found = probabilities(discover(claims(rows)), "s")
    assert found["x"] == found["y"]


def test_of_unknown_sources_two_outweigh_one():
    rows = [("s", "a", "x"), ("s", "b", "x"), ("s", "c", "y")]
    found = probabilities(discover(claims(rows)), "s")
    assert found["x"] > 0.5 > found["y"]


def test_a_source_that_is_often_right_outweighs_one_that_seldom_is():
    rows = []
    for slot in range(40):
        rows += [(f"s{slot}", source, f"right {slot}") for source in ("good", "fair a", "fair b")]
        rows.append((f"s{slot}", "bad", f"wrong {slot}"))
    rows += [("open", "good", "x"), ("open", "bad", "y")]
    truth = discover(claims(rows))
    found = probabilities(truth, "open")
    assert found["x"] > 0.9 > found["y"]
    accuracy = {row["source"]: row["accuracy"] for row in truth.accuracies.to_pylist()}
    assert accuracy["good"] > 0.9
    assert accuracy["bad"] < 0.3


def test_a_source_of_one_claim_stays_near_the_mean():
    rows = [*crowd(1), ("slot 000", "newcomer", "value 4 of 0")]
    truth = discover(claims(rows))
    accuracy = {row["source"]: row["accuracy"] for row in truth.accuracies.to_pylist()}
    mean = truth.state.estimates.mean_accuracy
    others = [x for name, x in accuracy.items() if name != "newcomer"]
    assert abs(accuracy["newcomer"] - mean) < np.abs(np.array(others) - mean).max() / 2
    assert abs(accuracy["newcomer"] - mean) < 0.1


def test_a_clique_of_copiers_is_outvoted_by_fewer_good_sources():
    draw = np.random.default_rng(5)
    rows, right = [], 0
    for slot in range(300):
        copied = "right" if draw.random() < 0.5 else f"wrong {draw.integers(9)}"
        rows += [(f"s{slot:03}", f"copier {i}", f"{copied} {slot}") for i in range(5)]
        for source in range(3):
            own = "right" if draw.random() < 0.9 else f"wrong {draw.integers(9)}"
            rows.append((f"s{slot:03}", f"honest {source}", f"{own} {slot}"))
    truth = discover(claims(rows))
    for slot in range(300):
        found = probabilities(truth, f"s{slot:03}") if slot < 30 else None
        right += found is not None and max(found, key=found.get) == f"right {slot}"
    assert right >= 28
    groups = {row["source"]: row["copy_group"] for row in truth.accuracies.to_pylist()}
    assert {groups[f"copier {i}"] for i in range(5)} == {"copier 0"}
    assert {groups[f"honest {i}"] for i in range(3)} == {None}


def test_a_more_general_claim_speaks_for_the_special_value_and_is_named_as_general():
    rows = [("s", "a", "milan"), ("s", "b", "italy"), ("s", "c", "oslo")]
    truth = discover(claims(rows), support(("s", "italy", "milan", 1.0)))
    found = probabilities(truth, "s")
    assert found["milan"] > found["oslo"]
    row = next(row for row in truth.values.to_pylist() if row["value"] == "italy")
    assert row["generalizes"] == "milan"
    assert row["true"] > row["probability"]


def test_many_that_name_the_country_do_not_deny_the_town_that_one_names():
    rows, may_hold = [], []
    for slot in range(30):
        rows += [(f"s{slot}", f"site {slot} {i}", f"country {slot % 6}") for i in range(3)]
        rows.append((f"s{slot}", f"site {slot}", f"town {slot}"))
        may_hold.append((f"s{slot}", f"country {slot % 6}", f"town {slot}", 0.5))
    found = probabilities(discover(claims(rows), support(*may_hold)), "s7")
    assert found["town 7"] > 0.9 > found["country 1"]


def test_containment_is_learned_where_no_support_is_given():
    rows = []
    for city, slot in itertools.product(range(6), range(8)):
        rows += [(f"s{city} {slot}", "a", f"city {city}"), (f"s{city} {slot}", "b", "country")]
    truth = discover(claims(rows))
    general = {row["generalizes"] for row in truth.values.to_pylist() if row["value"] == "country"}
    assert general == {f"city {city}" for city in range(6)}


def test_near_values_speak_for_each_other():
    rows = [("s", "a", "1000"), ("s", "b", "1001"), ("s", "c", "7")]
    near = support(("s", "1000", "1001", 0.9), ("s", "1001", "1000", 0.9))
    found = probabilities(discover(claims(rows), near), "s")
    assert found["1000"] == found["1001"] > found["7"]


def test_base_rates_of_yes_and_no_do_not_run_away():
    draw = np.random.default_rng(3)
    rows, right = [], {}
    for slot in range(400):
        right[f"s{slot:03}"] = "yes" if draw.random() < 0.3 else "no"
        for source in draw.choice(20, 5, replace=False):
            said = right[f"s{slot:03}"] if draw.random() < 0.55 + source / 50 else None
            other = "no" if right[f"s{slot:03}"] == "yes" else "yes"
            rows.append((f"s{slot:03}", f"source {source}", said or other))
    values = discover(claims(rows)).values.to_pylist()
    best = {}
    for row in sorted(values, key=lambda row: row["probability"]):
        best[row["slot"]] = row["value"]
    votes = {slot: [v for s, _, v in rows if s == slot] for slot in right}
    majority = {slot: max(set(said), key=said.count) for slot, said in votes.items()}
    ours = sum(best[slot] == value for slot, value in right.items())
    assert ours >= sum(majority[slot] == value for slot, value in right.items())


def test_no_claims_give_empty_tables():
    truth = discover(claims([("s", "a", "x")]).slice(0, 0))
    assert truth.values.num_rows == 0
    assert truth.accuracies.num_rows == 0
    again = discover(claims([("s", "a", "x")]), state=truth.state)
    assert 0 < probabilities(again, "s")["x"] < 1


def test_names_of_any_script_are_kept():
    rows = [("東京 \U0001f5fc", "газета", "naïve é"), ("東京 \U0001f5fc", "أخبار", "naïve e\u0301")]
    truth = discover(claims(rows))
    assert truth.values["slot"].to_pylist() == ["東京 \U0001f5fc"] * 2
    assert truth.accuracies["source"].to_pylist() == ["газета", "أخبار"]


def test_probabilities_of_a_slot_sum_to_at_most_one():
    truth = discover(claims(crowd(7)))
    sums = truth.values.group_by("slot").aggregate([("probability", "sum")])
    assert max(sums["probability_sum"].to_pylist()) <= 1 + 1e-9
    assert min(truth.values["probability"].to_pylist()) >= 0


def test_a_claim_said_twice_counts_once():
    rows = crowd(2)
    assert discover(claims(rows)).values.equals(discover(claims(rows + rows)).values)


@pytest.mark.parametrize("column", ["slot", "source", "value"])
def test_a_missing_column_and_a_null_are_refused(column):
    table = claims(crowd(1, 3))
    with pytest.raises(ValueError, match=f"no '{column}'"):
        discover(table.drop_columns([column]))
    holed = table.set_column(
        table.column_names.index(column), column, pa.array([None] * len(table), pa.string())
    )
    with pytest.raises(ValueError, match="nulls"):
        discover(holed)


@pytest.mark.parametrize(
    "given", [{"max_rounds": 0}, {"copy_rate": 1.0}, {"accept": 2.0}, {"source_prior": 0.0}]
)
def test_impossible_settings_are_refused(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        TruthConfig(**given)


@pytest.mark.slow
@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10_000), shuffled=st.randoms(use_true_random=False))
def test_the_order_of_claims_does_not_matter(seed, shuffled):
    rows = crowd(seed, 25)
    other = list(rows)
    shuffled.shuffle(other)
    one, two = discover(claims(rows)), discover(claims(other))
    assert one.values.equals(two.values)
    assert one.accuracies.equals(two.accuracies)


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_two_or_eight_parts_give_exactly_what_one_gives(seed):
    rows = crowd(seed)
    whole = discover(claims(rows))
    for count in (2, 8):
        parts = [
            [row for row in rows if zlib.crc32(row[0].encode()) % count == i] for i in range(count)
        ]
        cut = discover_partitioned([(claims(part), None) for part in parts if part])
        assert cut.values.equals(whole.values)
        assert cut.accuracies.equals(whole.accuracies)
        for name, table in cut.state.to_tables().items():
            assert table.equals(whole.state.to_tables()[name]), name


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 20))
def test_some_slots_with_a_stored_state_get_what_the_full_run_gave_them(seed, count):
    rows = crowd(seed)
    whole = discover(claims(rows))
    state = TruthState.from_tables(whole.state.to_tables())
    slots = {f"slot {i:03}" for i in np.random.default_rng(seed).choice(60, count, replace=False)}
    some = discover(claims([row for row in rows if row[0] in slots]), state=state)
    wanted = [row for row in whole.values.to_pylist() if row["slot"] in slots]
    assert some.values.to_pylist() == wanted
    assert some.accuracies.equals(whole.accuracies)


def test_a_state_read_back_in_any_row_order_is_the_same():
    state = discover(claims(crowd(4))).state
    tables = {
        name: table.take(pa.array(range(len(table)))[::-1])
        for name, table in state.to_tables().items()
    }
    again = TruthState.from_tables(tables).to_tables()
    for name, table in state.to_tables().items():
        assert (
            again[name].sort_by(table.column_names[0]).equals(table.sort_by(table.column_names[0]))
        )


def test_a_new_source_is_believed_as_the_mean_of_the_old():
    truth = discover(claims(crowd(3)))
    rows = [("new slot", "never seen", "x"), ("new slot", "never seen either", "y")]
    found = probabilities(discover(claims(rows), state=truth.state), "new slot")
    assert found["x"] == found["y"]
