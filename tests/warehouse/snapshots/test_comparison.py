from datetime import date

import pytest

from warehouse.snapshots import compare, publish, published_dates

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(kept, take, settle, row):
    con, home = kept
    rows = [row("Peru", "Cusco", source="b"), row("Chad", "x", valid_to="2020"), row("Mali", "x")]
    take(con, rows)
    settle(con)
    old = publish(con, home)
    more = [row("Peru", "Lima", source="a", authority=2), row("Laos", "Vientiane")]
    take(con, [*more, row("Mali", "x", paraphrases=["Mali's?"])], file="more", source="more")
    settle(con, as_of=date(2021, 6, 1))
    return old, publish(con, home)


def test_every_change_has_its_reason(two):
    found = compare(*two)
    told = {
        fact["subject"]: (fact["op"], fact["new_reason"], fact["old_claim_now"])
        for fact in found.facts.to_pylist()
    }
    assert told["Peru"][:2] == ("changed", "preferred to 1 other value(s)")
    assert told["Peru"][2].startswith('contradicted: beaten on authority by "Lima" of a')
    assert told["Chad"] == ("retired", None, "outdated: valid until 2020-12-31")
    assert told["Laos"] == ("added", "the only value", None)
    assert told["Mali"] == ("changed", "only its phrasings changed", "used: the only value")


def test_claims_of_another_status_and_sources_that_are_new_are_listed(two):
    found = compare(*two)
    fates = [(c["value"], c["old_status"], c["new_status"]) for c in found.claims.to_pylist()]
    assert fates == [("x", "used", "outdated"), ("Cusco", "used", "contradicted")]
    assert [(s["source"], s["op"]) for s in found.sources.to_pylist()] == [
        ("a", "new"),
        ("more", "new"),
    ]
    assert found.counts == {
        "old_facts": 3,
        "new_facts": 3,
        "old_claims": 3,
        "new_claims": 6,
        "added": 1,
        "changed": 2,
        "retired": 1,
        "claims_of_other_status": 2,
        "sources_new": 2,
        "sources_gone": 0,
    }


def test_the_same_snapshot_differs_in_nothing(two):
    found = compare(two[1], two[1])
    assert (found.facts.num_rows, found.claims.num_rows, found.sources.num_rows) == (0, 0, 0)


def test_what_was_published_for_a_date_is_kept(two, kept):
    assert published_dates(kept[1]) == {
        "2020-01-01": two[0].path.name,
        "2021-06-01": two[1].path.name,
    }
