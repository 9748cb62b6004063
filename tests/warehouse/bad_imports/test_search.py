"""Bad imports are held back, with the reason, and nothing else is."""

import pytest

from warehouse.claims import RelationRule

pytestmark = pytest.mark.slow

NUM_SLOTS = 40
NUMBERS = {"population": RelationRule(slot="time_varying", values="number")}


@pytest.fixture
def judged(memory, take, settle, row):
    """Take batches in, each a day of one source, and give status and reason by claim."""

    def run(batches, relations=None, as_of=None):
        con = memory()
        for number, (source, day, values) in enumerate(batches):
            relation = next(iter(relations or {"sector": None}))
            rows = [
                row(subject, value, relation, observed_at=day) for subject, value in values.items()
            ]
            take(con, rows, source=source, file=str(number), relations=relations)
        settle(con)
        found = con.execute(
            "select c.subject, c.value, d.status, d.reason from claims as c "
            "inner join decisions as d on c.claim_id = d.claim_id and d.recorded_to is null"
        ).fetchall()
        answers = con.execute(
            "select subject, answer from facts where recorded_to is null"
        ).fetchall()
        return {(s, v): (status, reason) for s, v, status, reason in found}, dict(answers)

    return run


def column(suffix, subjects=range(NUM_SLOTS)):
    return {f"company {i}": f"{suffix} {i % 7}" for i in subjects}


def test_a_source_that_changes_most_of_a_column_at_once_is_held_back(judged):
    fates, answers = judged(
        [("s", "2018-01-01", column("sector")), ("s", "2019-03-07", column("sub-industry"))]
    )
    assert answers == column("sector")
    status, reason = fates["company 3", "sub-industry 3"]
    assert status == "held_back"
    assert "on 2019-03-07 s changed 40 of the 40 values of" in reason


def test_it_is_taken_as_soon_as_the_source_says_it_again(judged):
    new = column("sub-industry")
    _, answers = judged(
        [
            ("s", "2018-01-01", column("sector")),
            ("s", "2019-03-07", new),
            ("s", "2019-04-01", new),
        ]
    )
    assert answers == new


def test_what_follows_a_bad_import_is_compared_with_what_went_before_it(judged):
    back = column("sector")
    fates, answers = judged(
        [
            ("s", "2018-01-01", column("sector")),
            ("s", "2019-03-07", column("sub-industry")),
            ("s", "2019-03-08", back | {"company 1": "sector new"}),
        ]
    )
    assert answers == back | {"company 1": "sector new"}
    held = [claim for claim, (status, _) in fates.items() if status == "held_back"]
    assert len(held) == NUM_SLOTS


def test_a_column_that_changes_every_year_is_no_bad_import(judged):
    years = [("s", f"{year}-01-01", column(f"champion of {year}")) for year in range(2014, 2018)]
    fates, answers = judged(years)
    assert answers == column("champion of 2017")
    assert not [fate for fate in fates.values() if fate[0] == "held_back"]


def test_a_few_changes_are_taken(judged):
    some = column("moved", range(10))
    _, answers = judged([("s", "2018-01-01", column("sector")), ("s", "2019-01-01", some)])
    assert answers == column("sector") | some


def test_a_newcomer_that_contradicts_all_that_others_said_is_held_back(judged):
    _, answers = judged(
        [("s", "2018-01-01", column("sector")), ("t", "2019-01-01", column("garbage"))]
    )
    assert answers == column("sector")


def test_a_newcomer_that_agrees_on_most_is_heard(judged):
    new = column("sector", range(15)) | column("other", range(15, NUM_SLOTS))
    _, answers = judged([("s", "2018-01-01", column("sector")), ("t", "2019-01-01", new)])
    assert answers == new


def test_a_claim_that_says_since_when_it_holds_is_no_contradiction(memory, take, settle, row):
    con = memory()
    rule = {"mayor": RelationRule(slot="time_varying")}
    for year in (2014, 2018):
        dates = {"observed_at": f"{year}-02-01", "valid_from": f"{year}-01-01"}
        rows = [row(f"town {i}", f"mayor {i} of {year}", "mayor", **dates) for i in range(30)]
        take(con, rows, file=str(year), relations=rule)
    receipt = settle(con)
    assert receipt.counts["held_back"] == 0
    assert receipt.counts["outdated"] == 30


def grown(year, subjects=range(NUM_SLOTS)):
    return {f"country {i}": f"{round(1000 * 3**i * 1.01 ** (year - 2010)):,}" for i in subjects}


def test_a_number_of_another_subject_is_held_back_and_named(judged):
    shifted = {"country 4": grown(2013)["country 5"]}
    days = [("s", f"{year}-06-01", grown(year)) for year in (2010, 2011, 2012)]
    fates, answers = judged([*days, ("s", "2013-06-01", grown(2013) | shifted)], NUMBERS)
    assert answers == grown(2013) | {"country 4": grown(2012)["country 4"]}
    status, reason = fates["country 4", shifted["country 4"]]
    assert status == "held_back"
    assert 'it is nearly that of "country 5"' in reason
    assert sum(status == "held_back" for status, _ in fates.values()) == 1


def test_a_new_level_to_which_the_source_holds_is_taken(judged):
    level = {"country 4": "7"}
    days = [("s", f"{year}-06-01", grown(year)) for year in (2010, 2011, 2012)]
    later = [("s", f"{year}-06-01", grown(year) | level) for year in (2013, 2014)]
    _, answers = judged([*days, *later], NUMBERS)
    assert answers["country 4"] == "7"


def test_the_step_can_be_left_out(judged):
    rule = {"sector": RelationRule(steps=("supersession", "recency"))}
    new = column("sub-industry")
    batches = [("s", "2018-01-01", column("sector")), ("s", "2019-03-07", new)]
    assert judged(batches, rule)[1] == new
