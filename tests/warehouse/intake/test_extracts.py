from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from warehouse.claims import ClaimBatch
from warehouse.intake import ingest, retract

MOMENT = datetime(2024, 6, 1, 12)


@pytest.fixture
def extract(row):
    """Take in a full extract of the named subjects; a subject may be a whole row."""

    def run(con, *subjects, source="s", file="t.csv", kind="full"):
        rows = [row(s) if isinstance(s, str) else s for s in subjects]
        batch = ClaimBatch.from_rows(source, rows, file=file)
        return ingest(con, replace(batch, extract=kind))

    return run


def withdrawn(con):
    """Subjects whose latest retraction withdraws them."""
    rows = con.execute(
        "select c.subject from claims as c inner join (select claim_id, "
        "max_by(withdrawn, recorded_at) as gone from retractions group by claim_id) as r "
        "on c.claim_id = r.claim_id where r.gone"
    ).fetchall()
    return {subject for (subject,) in rows}


@pytest.mark.slow
def test_what_a_full_extract_no_longer_says_is_withdrawn_with_the_reason(memory, extract):
    con = memory()
    extract(con, "Peru", "Chad")
    receipt = extract(con, "Peru", "Mali")
    assert (receipt.num_withdrawn, receipt.num_restored) == (1, 0)
    assert withdrawn(con) == {"Chad"}
    assert con.execute("select reason, source from retractions").fetchall() == [
        ("no longer in t.csv", "s")
    ]


@pytest.mark.slow
def test_what_comes_back_is_lifted_and_every_word_is_kept(memory, extract):
    con = memory()
    extract(con, "Peru", "Chad")
    extract(con, "Peru")
    receipt = extract(con, "Peru", "Chad", "Mali")
    assert (receipt.num_withdrawn, receipt.num_restored) == (0, 1)
    assert withdrawn(con) == set()
    rows = con.execute("select withdrawn, reason from retractions order by recorded_at").fetchall()
    assert rows == [(True, "no longer in t.csv"), (False, "again in t.csv")]


@pytest.mark.slow
def test_an_earlier_content_once_more_is_the_present_state_again(memory, extract):
    con = memory()
    extract(con, "Peru", "Chad")
    extract(con, "Peru")
    again = extract(con, "Peru", "Chad")
    assert (again.is_new, again.num_restored) == (False, 1)
    assert extract(con, "Peru", "Chad").num_restored == 0
    assert con.execute("select count(*) from batches").fetchall() == [(3,)]


@pytest.mark.slow
def test_what_a_person_withdrew_is_not_lifted(memory, extract):
    con = memory()
    extract(con, "Peru", "Chad")
    chad = con.execute("select claim_id from claims where subject = 'Chad'").fetchall()[0][0]
    extract(con, "Peru")
    assert retract(con, [chad], "wrong") == 1
    assert retract(con, [chad], "wrong") == 0
    assert extract(con, "Peru", "Chad", "Mali").num_restored == 0
    assert withdrawn(con) == {"Chad"}


@pytest.mark.slow
def test_what_another_source_still_says_stays(memory, extract, row):
    con = memory()
    shared = row("Chad", source="press")
    extract(con, "Peru", shared, source="a")
    extract(con, shared, source="b", file="b.csv")
    assert extract(con, "Peru", source="a").num_withdrawn == 0
    assert extract(con, "Mali", source="b", file="b.csv").num_withdrawn == 1


@pytest.mark.slow
def test_a_slot_with_an_unreadable_row_keeps_its_claims(memory, extract, row):
    con = memory()
    extract(con, "Peru", "Chad")
    receipt = extract(con, "Peru", row("Chad", None))
    assert (receipt.num_quarantined, receipt.num_withdrawn) == (1, 0)


@pytest.mark.slow
def test_a_source_of_increments_withdraws_nothing(memory, extract):
    con = memory()
    extract(con, "Peru", kind="incremental")
    assert extract(con, "Chad", kind="incremental").num_withdrawn == 0
    assert extract(con, "Chad").num_withdrawn == 1


@pytest.mark.slow
def test_later_words_are_recorded_later_also_in_one_moment(memory, take, row, extract):
    con = memory()
    for subjects in (["Peru", "Chad"], ["Peru"], ["Peru", "Chad"], ["Peru"]):
        batch = ClaimBatch.from_rows("s", [row(s) for s in subjects], file="t.csv")
        ingest(con, replace(batch, extract="full"), recorded_at=MOMENT)
    times = [t for (t,) in con.execute("select recorded_at from retractions").fetchall()]
    assert len(set(times)) == 3
    assert max(times) - MOMENT < timedelta(seconds=1)
    assert withdrawn(con) == {"Chad"}
