from datetime import date

import pytest

from warehouse.claims import RelationRule
from warehouse.explanations import explain
from warehouse.intake import retract
from warehouse.snapshots import publish

pytestmark = pytest.mark.slow


@pytest.fixture
def told(con, home, take, settle):
    """Take in rows, decide, publish, and explain slots of the snapshot."""

    def tell(rows, *, before_publishing=(), **settings):
        take(con, rows, **settings)
        settle(con)
        for statement in before_publishing:
            con.execute(statement)
        snapshot = publish(con, home)
        return lambda subject, relation="capital": explain(snapshot, subject, relation)

    return tell


def texts(found):
    return [change.text for change in found.changes]


def test_a_fact_is_explained_by_all_its_claims(told, row):
    rows = [row("Peru", "Cusco", source="b"), row("Peru", "Lima", source="a", authority=2)]
    found = told(rows)(" Peru ")
    assert found.fact["answer"] == "Lima"
    assert [(claim["value"], claim["status"]) for claim in found.claims] == [
        ("Lima", "used"),
        ("Cusco", "contradicted"),
    ]
    assert [(claim["file"], claim["row"]) for claim in found.claims] == [("s", 2), ("s", 1)]
    assert found.rule["slot"] == "single_valued"


def test_authority_that_decided_names_the_authority_that_would(told, row):
    rows = [row("Peru", "Cusco", source="b"), row("Peru", "Lima", source="a", authority=2)]
    assert texts(told(rows)("Peru")) == [
        'a claim of "Cusco" with an authority above 2 would decide for it',
        'an observation of "Cusco" with a date, with authority 2 would decide for it',
        'if a withdrew "Lima", the answer would be "Cusco"',
    ]


def test_agreement_that_decided_names_the_sources_that_would(told, row):
    rows = [row("Peru", "Lima", source=name, observed_at="2019") for name in "abc"]
    found = told([*rows, row("Peru", "Cusco", source="d", observed_at="2019")])("Peru")
    more = {c.num_claims: (c.effect, c.new_answer) for c in found.changes if c.kind == "sources"}
    assert more == {2: ("ties", None), 3: ("wins", "Cusco")}
    fewer = {c.num_claims: c.effect for c in found.changes if c.kind == "withdrawal"}
    assert fewer == {2: "ties", 3: "wins"}
    later = 'an observation of "Cusco" after 2019-12-31, with authority 1 would decide for it'
    assert later in texts(found)


def test_a_tie_says_what_settles_it(told, row):
    found = told([row("Mali", "x", source="a"), row("Mali", "y", source="b")])("Mali")
    assert found.fact is None
    assert found.conflict["values"] == ["x", "y"]
    assert {(c.kind, c.new_answer) for c in found.changes} == {
        (kind, value)
        for kind in ("sources", "authority", "observation", "withdrawal")
        for value in ("x", "y")
    }
    assert {(c.effect, c.num_claims) for c in found.changes} == {("wins", 1)}


def test_what_is_said_to_change_the_answer_does(told, row, con, home, take, settle):
    rows = [row("Peru", "Lima", source=name) for name in "ab"]
    found = told([*rows, row("Peru", "Cusco", source="c")])("Peru")
    [number] = [c.num_claims for c in found.changes if (c.kind, c.effect) == ("sources", "wins")]
    for index in range(number):
        take(con, [row("Peru", "Cusco", source=f"new{index}")], file=f"new{index}")
        settle(con)
        answer = con.execute("select answer from facts where recorded_to is null").fetchall()
        assert answer == ([("Cusco",)] if index == number - 1 else [])


def test_a_value_alone_says_what_another_would_need(told, row):
    found = told([row("Peru", "Lima", observed_at="2019-05-01")])("Peru")
    assert texts(found)[0] == (
        "1 more source for another value (authority 1, observed 2019-05-01) "
        "would make it a tie, and so no answer"
    )
    assert 'if s withdrew "Lima", no answer would be left' in texts(found)


def test_members_of_a_set_leave_when_their_sources_withdraw(told, row):
    rules = {"capital": RelationRule(slot="multi_valued")}
    rows = [row("Bolivia", "La Paz", source="a"), row("Bolivia", "Sucre", source="a")]
    found = told([*rows, row("Bolivia", "Sucre", source="b")], relations=rules)("Bolivia")
    assert found.fact["answer"] == "La Paz; Sucre"
    assert texts(found) == [
        "any valid claim of another value would add it to the set",
        'if a withdrew "La Paz", "La Paz" would leave the set',
        'if a and b withdrew "Sucre", "Sucre" would leave the set',
    ]


def test_a_time_varying_slot_tells_what_held_when(told, row):
    rules = {"mayor": RelationRule(slot="time_varying", steps=("recency", "authority"))}
    rows = [
        row("Köln", "Ann", "mayor", valid_from="2000"),
        row("Köln", "Bob", "mayor", valid_from="2010"),
        row("Köln", "Eve", "mayor", valid_from="2030"),
    ]
    found = told(rows, relations=rules)("Ko\u0308ln", "mayor")
    assert found.fact["answer"] == "Bob"
    assert found.timeline == [
        {"value": "Ann", "held_from": date(2000, 1, 1), "held_to": date(2010, 1, 1)},
        {"value": "Bob", "held_from": date(2010, 1, 1), "held_to": None},
    ]
    assert 'an observation of "Ann" after 2010-01-01 would decide for it' in texts(found)
    assert {claim["value"]: claim["status"] for claim in found.claims}["Eve"] == "not_yet_valid"


def test_a_bad_import_would_count_if_it_were_repeated(told, row):
    first = [row(f"s{i}", f"old {i}", source="feed", observed_at="2018-01-01") for i in range(30)]
    swap = [row(f"s{i}", f"bad {i}", source="feed", observed_at="2019-01-01") for i in range(25)]
    found = told([*first, *swap])("s3")
    assert found.fact["answer"] == "old 3"
    [release] = [change for change in found.changes if change.kind == "release"]
    assert (release.effect, release.new_answer) == ("wins", "bad 3")
    assert release.text.startswith('if feed repeated "bad 3", which is held back')


def test_a_withdrawn_claim_is_told_and_takes_no_part(told, row, con, home, settle):
    told([row("Peru", "Lima", source="a", authority=2), row("Peru", "Cusco", source="b")])
    [(claim_id,)] = con.execute("select claim_id from claims where value = 'Lima'").fetchall()
    retract(con, [claim_id], "typing error")
    settle(con)
    found = explain(publish(con, home), "Peru", "capital")
    assert found.fact["answer"] == "Cusco"
    assert [(c["status"], c["reason"]) for c in found.claims][1] == ("retracted", "typing error")
    assert all("Lima" not in text for text in texts(found))


def test_where_no_claim_is_left_any_would_do(told, row):
    found = told([row("Chad", "x", valid_to="2001-05-05")])("Chad")
    assert found.fact is None
    assert texts(found) == ["any valid claim of another value would decide for it"]


def test_a_held_back_fact_says_why_and_nothing_more(told, row):
    explained = told([row("A", "1", question="Q?"), row("B", "2", question="Q?")])
    assert 'the question is also that of "B"' in explained("A").held_back
    assert explained("A").changes == []


def test_probability_and_accuracy_are_told_and_changes_are_estimates(told, row):
    learned = (
        "insert into source_accuracies select r.snapshot_hash, 'capital', a.source, a.accuracy, "
        "3, a.copy_group, now()::timestamp from reconciled as r, (values ('a', 0.9, null), "
        "('b', 0.6, 'g1'), ('c', 0.6, 'g1')) as a(source, accuracy, copy_group)"
    )
    sure = "update facts set probability = 0.7, needs_review = true"
    rows = [row("Peru", "Lima", source="a"), *[row("Peru", "Cusco", source=s) for s in "bc"]]
    # As if truth had decided after agreement: the rows that it leaves are inserted.
    rule = RelationRule(steps=("agreement", "truth")).to_json()
    declared = f"insert into relations values ('capital', 's', '{rule}', now()::timestamp)"
    found = told(rows, before_publishing=[learned, sure, declared])("Peru")
    assert (found.fact["probability"], found.fact["needs_review"]) == (0.7, True)
    of = {claim["source"]: (claim["accuracy"], claim["copy_group"]) for claim in found.claims}
    assert of == {"a": (0.9, None), "b": (0.6, "g1"), "c": (0.6, "g1")}
    [more] = [c for c in found.changes if (c.kind, c.effect) == ("sources", "wins")]
    assert more.is_estimate
    assert more.text.endswith("(estimated)")


def test_rows_that_were_refused_are_part_of_the_story(told, row):
    explained = told([row("Peru"), row("Côte d'Ivoire", None), row("Perugia", None)])
    found = explained("Côte d'Ivoire")
    assert (found.claims, found.fact) == ([], None)
    assert [(r["reason"], r["row"]) for r in found.refused] == [("missing_value", 2)]
    assert explained("Peru").refused == []


def test_what_is_unknown_names_the_nearest(told, row):
    explained = told([row("Peru"), row("Côte d'Ivoire", "Yamoussoukro")])
    assert explained("peruu").nearest_subjects == ["Peru"]
    assert explained("cote d'ivoire").nearest_subjects == ["Côte d'Ivoire"]
    found = explained("Peru", "captial")
    assert (found.nearest_subjects, found.nearest_relations) == ([], ["capital"])
    assert explained("", "").nearest_relations == ["capital"]
