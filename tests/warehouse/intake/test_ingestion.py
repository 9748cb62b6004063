import json

import pytest

from warehouse import query
from warehouse.catalogue import make_tables
from warehouse.claims import ClaimBatch, RelationRule
from warehouse.errors import RelationConflictError, SourceError


def quarantine(con):
    return con.execute(
        "select row, field, reason, explanation, raw from quarantine order by row"
    ).fetchall()


@pytest.mark.slow
def test_the_same_content_twice_is_taken_in_once(con, take, row):
    rows = [row("Peru"), row("Chad")]
    assert take(con, rows).is_new
    again = take(con, list(reversed(rows)))
    assert not again.is_new
    assert con.execute("select count(*) from origins").fetchall() == [(2,)]


@pytest.mark.slow
def test_an_identical_row_is_a_duplicate_that_is_kept_with_its_origin(con, take, row):
    receipt = take(con, [row(), row(value=" Lima "), row("Chad")])
    assert (receipt.num_accepted, receipt.num_duplicates, receipt.num_quarantined) == (2, 1, 0)
    receipt = take(con, [row()], file="another")
    assert (receipt.num_accepted, receipt.num_duplicates) == (0, 1)


BAD = [
    ({"subject": None}, "subject", "missing_subject", "null, empty or NaN"),
    ({"subject": "  "}, "subject", "missing_subject", "null, empty or NaN"),
    ({"value": float("nan")}, "value", "missing_value", "null, empty or NaN"),
    ({"value": "NaN"}, "value", "missing_value", "null, empty or NaN"),
    ({"question": None}, "question", "missing_prompt", "neither a question nor a cloze"),
    ({"value": "a\0b"}, None, "nul_byte", "NUL byte"),
    ({"paraphrases": ["a\0b"]}, None, "nul_byte", "NUL byte"),
    ({"value": "x" * 2001}, "value", "value_too_long", "2001 characters, at most 2000"),
    ({"authority": "high"}, "authority", "wrong_type", '"high" is not a finite number'),
    ({"authority": "inf"}, "authority", "wrong_type", "not a finite number"),
    ({"observed_at": "soon"}, "observed_at", "wrong_type", '"soon" is not a date'),
    ({"observed_at": "2020-02-30"}, "observed_at", "wrong_type", "is not a date"),
    ({"observed_at": "2024-06-03"}, "observed_at", "implausible_date", "in the future"),
    ({"valid_from": "0999-01-01"}, "valid_from", "implausible_date", "outside the years"),
    ({"valid_to": "2500"}, "valid_to", "implausible_date", "outside the years 1000 to 2200"),
    (
        {"valid_from": "2001", "valid_to": "2000"},
        "valid_from",
        "implausible_date",
        "valid_from 2001-01-01 lies after valid_to 2000-12-31",
    ),
]


@pytest.fixture(scope="module")
def refused(row, take):
    """A batch of one good row and all of BAD: its receipt, and quarantine by row number."""
    with query.connect() as con:
        make_tables(con)
        receipt = take(con, [row("Chad"), *({**row(), **change} for change, *_ in BAD)])
        return receipt, {found[0]: found[1:] for found in quarantine(con)}


@pytest.mark.parametrize("number", range(len(BAD)), ids=lambda i: f"{BAD[i][2]}-{BAD[i][1]}")
def test_a_bad_row_is_kept_with_its_reason(refused, number):
    _, field, reason, words = BAD[number]
    found_field, found_reason, explanation, raw = refused[1][number + 2]
    assert (found_field, found_reason) == (field, reason)
    assert words in explanation
    assert json.loads(raw)["relation"] == "capital"


def test_bad_rows_leave_good_ones_alone(refused):
    assert (refused[0].num_accepted, refused[0].num_quarantined) == (1, len(BAD))


@pytest.mark.slow
def test_what_is_missing_gets_the_stated_default(memory, take):
    con = memory()
    take(con, [{"subject": "Peru", "value": "Lima", "cloze": "The capital of  Peru is"}])
    found = con.execute(
        "select relation, question, cloze, prompt_kind, authority, observed_at, paraphrases "
        "from claims"
    ).fetchall()
    prompt = "The capital of Peru is"
    assert found == [("The capital of is", prompt, prompt, "cloze", 1.0, None, [])]


@pytest.mark.slow
def test_a_partial_date_means_its_whole_period(memory, take, row):
    expected = {
        "2015": ("2015-01-01", "2015-12-31"),
        "2016-02": ("2016-02-01", "2016-02-29"),
        "2016-02-03": ("2016-02-03", "2016-02-03"),
        "2016-02-03 10:11:12": ("2016-02-03", "2016-02-03"),
        "2016-02-03T10:11:12Z": ("2016-02-03", "2016-02-03"),
    }
    con = memory()
    take(con, [row(given, valid_from=given, valid_to=given) for given in expected])
    found = con.execute(
        "select subject, valid_from::varchar, valid_to::varchar from claims"
    ).fetchall()
    assert {given: (first, last) for given, first, last in found} == expected


@pytest.mark.slow
def test_dates_that_stand_for_open_ends_are_null(memory, take, row):
    con = memory()
    take(con, [row(valid_from="0001-01-01", valid_to="9999-12-31")])
    assert con.execute("select valid_from, valid_to from claims").fetchall() == [(None, None)]


@pytest.mark.slow
def test_subjects_differ_by_case_but_not_by_spacing_or_unicode_form(memory, take, row):
    con = memory()
    take(con, [row("Co", "1"), row("CO", "2"), row(" Co\u00a0", "3"), row("Cafe\u0301", "4")])
    take(con, [row("Caf\u00e9", "5")])
    assert con.execute("select count(*) from slots").fetchall() == [(3,)]


def test_a_batch_without_rows_is_refused(memory, take):
    with pytest.raises(SourceError, match=r"empty.csv: no rows to ingest"):
        take(memory(), [], file="empty.csv")


def test_a_batch_of_other_columns_is_refused(row):
    good = ClaimBatch.from_rows("s", [row()])
    with pytest.raises(SourceError, match="a batch needs the columns"):
        ClaimBatch(source="s", file="f", claims=good.claims.drop_columns(["value"]), raw=good.raw)


@pytest.mark.slow
def test_two_sources_that_declare_a_relation_differently_are_named(memory, take, row):
    con = memory()
    take(con, [row()], source="a", relations={"capital": RelationRule(slot="multi_valued")})
    with pytest.raises(RelationConflictError, match=r"source 'b' .* 'capital' .* source 'a'"):
        take(con, [row("Chad")], source="b", relations={"capital": RelationRule()})
    assert con.execute("select count(*) from ingests").fetchall() == [(1,)]
