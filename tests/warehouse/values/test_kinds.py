import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warehouse.claims import RelationRule
from warehouse.values.kinds import kind_of

FILES = sorted((Path(__file__).parent / "cases").glob("*.toml"))


def rule_of(table):
    settings_given = {name: table[name] for name in ("tolerance", "unit") if name in table}
    return RelationRule(values=table["kind"], **settings_given)


def all_cases():
    return [*each_case()]


def each_case():
    for path in FILES:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for one, other, said in table["cases"]:
            yield pytest.param(rule_of(table), one, other, said, id=f"{path.stem}: {one} | {other}")


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "one", "other", "said"), all_cases())
def test_two_spellings_are_one_value_or_support_each_other_as_the_case_says(rule, one, other, said):
    kind = kind_of(rule)
    keys = kind.key(one), kind.key(other)
    if said == "same":
        assert keys[0] == keys[1]
        assert kind.support(*keys) == 1
    elif said == "different":
        assert keys[0] != keys[1]
    else:
        assert keys[0] != keys[1]
        assert kind.support(*keys) == pytest.approx(said, abs=0.001)


RULES = [
    RelationRule(),
    RelationRule(values="code"),
    RelationRule(values="number"),
    RelationRule(values="number", unit="km", tolerance=0.01),
    RelationRule(values="number", unit="USD"),
    RelationRule(values="date"),
    RelationRule(values="time"),
    RelationRule(values="person"),
    RelationRule(values="people"),
    RelationRule(values="place"),
]
WORDS = """
1 2 3 12 19 30 2015 1,193 000 0 . , ; : - – / ' " ~ % $ € km mi k M e x10^ ² ½ ⁄ to TO PM am p noon
Z +05:00 EST Dec March Mon Q1 W10 s BC AD about c. million (2020 est.) [1] “ ” « » İ ß ﬁ
"""
PIECES = st.sampled_from([*WORDS.split(), "\u00ad", "\u200b"])
TEXT = st.one_of(
    st.text(min_size=1, max_size=30),
    st.lists(st.one_of(PIECES, st.sampled_from([" ", "", "\t"])), min_size=1, max_size=8).map(
        "".join
    ),
    st.lists(PIECES, min_size=1, max_size=6).map(" ".join),
)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.values} {rule.unit or ''}")
@settings(max_examples=60, deadline=None)
@given(text=TEXT)
@example(text="\u200b")
@example(text='""')
@example(text="1e999999")
@example(text="1" * 5000)
@example(text=":\u2010")
@example(text="0\u00ad\u20441")
def test_the_key_of_any_text_is_its_own_key_and_not_empty(rule, text):
    if not text:
        return
    key = kind_of(rule).key(text)
    assert key
    assert kind_of(rule).key(key) == key


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.values} {rule.unit or ''}")
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXT, min_size=2, max_size=6), seed=st.randoms(use_true_random=False))
def test_what_keys_of_a_slot_stand_for_does_not_depend_on_their_order(rule, texts, seed):
    kind = kind_of(rule)
    claims = {kind.key(text): index + 1 for index, text in enumerate(texts) if text}
    shuffled = list(claims.items())
    seed.shuffle(shuffled)
    stands_for = kind.merged(claims)
    assert kind.merged(dict(shuffled)) == stands_for
    assert set(stands_for) == set(claims)
    assert all(stands_for[key] == key for key in stands_for.values())  # no chains
    for key in claims:
        for other in claims:
            assert 0 <= kind.support(key, other) <= 1
        assert kind.support(key, key) == 1


CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 99), st.integers(0, 99))
FAR_OUT = st.builds("{}e{}".format, st.integers(-9, 9), st.integers(-(10**18), 10**18))


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (RelationRule(values="time"), CLOCKS),
        (RelationRule(values="number", tolerance=0.01), FAR_OUT),
        (
            RelationRule(values="number", tolerance=0.01),
            st.builds("{}..{}".format, FAR_OUT, FAR_OUT),
        ),
    ],
    ids=["times", "numbers", "ranges"],
)
def test_what_only_looks_like_a_number_or_a_time_is_compared_as_a_text(rule, texts):
    @settings(max_examples=100, deadline=None, database=None)
    @given(given_texts=st.lists(texts, min_size=2, max_size=6))
    @example(given_texts=["5", "1e999999999", "7"])
    @example(given_texts=["00:00", "24:60"])
    def holds(given_texts):
        kind = kind_of(rule)
        keys = [kind.key(text) for text in given_texts]
        kind.merged(dict.fromkeys(keys, 1))
        assert all(0 <= kind.support(key, other) <= 1 for key in keys for other in keys)

    holds()


def test_numbers_within_the_tolerance_stand_for_the_most_claimed_one_and_never_form_a_chain():
    kind = kind_of(RelationRule(values="number", tolerance=0.01))
    assert kind.merged({"100": 3, "101": 1, "102": 1, "~100": 9, "5 kg": 1}) == {
        "100": "100",
        "101": "100",
        "102": "102",
        "~100": "100",
        "5 kg": "5 kg",
    }


def test_without_a_tolerance_no_number_stands_for_another():
    kind = kind_of(RelationRule(values="number"))
    assert kind.merged({"100": 3, "100.5": 1}) == {"100": "100", "100.5": "100.5"}


def test_a_time_without_date_stands_for_the_one_dated_time_of_its_slot():
    kind = kind_of(RelationRule(values="time"))
    found = kind.merged({"19:10": 5, "2011-12-01 19:10": 1, "12/1/2011 19:10-05:00": 1, "19:15": 1})
    assert found == {
        "19:10": "2011-12-01 19:10",
        "2011-12-01 19:10": "2011-12-01 19:10",
        "12/1/2011 19:10-05:00": "2011-12-01 19:10",
        "19:15": "19:15",
    }


def test_a_time_without_date_stays_where_two_dates_contend():
    kind = kind_of(RelationRule(values="time"))
    claims = {"19:10": 5, "2011-12-01 19:10": 1, "2011-12-02 19:10": 1}
    assert kind.merged(claims) == {key: key for key in claims}
