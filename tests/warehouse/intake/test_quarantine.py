import json

import pytest

from warehouse import query
from warehouse.errors import UnknownQuarantineError
from warehouse.intake import ingest, list_quarantine, read_fixes, replay
from warehouse.sources import load_mapping, read_source

CLAIM = '[claim]\nsubject = "land"\nvalue = "city"\nrelation = { constant = "capital" }\n'
CLAIM += 'question = { template = "What is the capital of {subject}?" }\n'
CLAIM += 'paraphrases = { templates = ["{subject}: {relation}?", "{note}"] }\n'


@pytest.fixture
def source(tmp_path):
    def make(text, top="", claim=CLAIM):
        (tmp_path / "t.csv").write_text(text)
        (tmp_path / "m.toml").write_text(f"path = 't.csv'\n{top}\n{claim}")
        return read_source(load_mapping(tmp_path / "m.toml"))

    return make


def ids(con, **chosen):
    return [row["quarantine_id"] for row in list_quarantine(con, **chosen)]


@pytest.mark.slow
def test_a_refused_row_keeps_file_row_line_column_and_reason(memory, source):
    con = memory()
    ingest(con, source('land,city,note\n"Pe\nru",Lima,a\nChad,,b\n'))
    [row] = list_quarantine(con)
    assert (row["file"], row["row"], row["line"]) == ("t.csv", 2, 4)
    assert (row["field"], row["column"], row["reason"]) == ("value", "city", "missing_value")
    assert json.loads(row["raw"]) == {"land": "Chad", "city": None, "note": "b"}
    assert row["fields"]["subject"] == "Chad"
    assert list_quarantine(con, ids=ids(con)) == [row]


@pytest.mark.slow
def test_rows_are_chosen_by_source_and_reason(memory, source):
    con = memory()
    ingest(con, source("land,city,note\nChad,,b\n,Lima,c\n"))
    assert len(ids(con, source="m")) == 2
    assert ids(con, source="other") == []
    assert len(ids(con, reason="missing_subject")) == 1


@pytest.mark.slow
def test_a_row_put_right_becomes_a_claim_of_its_old_origin(memory, source):
    con = memory()
    ingest(con, source("land,city,note\nPeru,Lima,a\nChad,,b\n"))
    [name] = ids(con)
    [done] = replay(con, {name: {"value": "N'Djamena"}})
    assert con.execute(
        "select c.value, o.file, o.row from claims as c inner join origins as o "
        "on c.claim_id = o.claim_id where c.claim_id = ?",
        [done.claim_id],
    ).fetchall() == [("N'Djamena", "t.csv", 2)]
    assert ids(con) == []
    [kept] = list_quarantine(con, with_replayed=True)
    assert (kept["claim_id"], kept["replayed_at"] is None) == (done.claim_id, False)


@pytest.mark.slow
def test_what_a_template_makes_of_the_changed_field_is_made_again(memory, source):
    con = memory()
    ingest(con, source("land,city,note\n,Lima,Peru it is\n"))
    [done] = replay(con, {ids(con)[0]: {"subject": "Peru"}})
    assert con.execute("select question, paraphrases from claims").fetchall() == [
        ("What is the capital of Peru?", ["Peru it is", "Peru: capital?"])
    ]
    assert done.reason is None


@pytest.mark.slow
def test_a_row_still_wrong_stays_with_the_new_reason_reported(memory, source):
    con = memory()
    ingest(con, source("land,city,note\nChad,,b\n"))
    [done] = replay(con, {ids(con)[0]: {"observed_at": "soon", "value": "x"}})
    assert (done.claim_id, done.field, done.reason) == (None, "observed_at", "wrong_type")
    assert len(ids(con)) == 1


@pytest.mark.slow
def test_a_line_that_could_not_be_read_is_put_right_by_all_its_fields(memory, source):
    con = memory()
    ingest(con, source("land,city,note\nPeru,Lima,a\nChad\n"))
    [name] = ids(con)
    [again] = replay(con, {name: {}})
    assert again.reason == "malformed_row"
    [done] = replay(con, {name: {"subject": "Chad", "value": "x", "relation": "capital"}})
    assert done.claim_id is not None


@pytest.mark.slow
def test_nothing_is_lost_when_rows_are_replayed(memory, source, settle):
    con = memory()
    receipt = ingest(con, source("land,city,note\nPeru,Lima,a\nChad,,b\n,x,c\nMali,,d\n"))
    names = ids(con, reason="missing_value")
    replay(con, {names[0]: {"value": "Lima"}, names[1]: {"subject": "Peru", "value": "Lima"}})
    assert settle(con).num_input_rows == receipt.num_rows == 4  # checks the accounting itself
    assert query.execute(con, "check_accounting") == []
    assert query.run(con, "export_quarantine").num_rows == 1


@pytest.mark.slow
def test_a_row_that_repeats_a_claim_is_its_duplicate(memory, source):
    con = memory()
    ingest(con, source("land,city,note\nPeru,Lima,a\n,Lima,a\n"))
    [done] = replay(con, {ids(con)[0]: {"subject": "Peru"}})
    assert con.execute("select count(*), min(claim_id) from claims").fetchall() == [
        (1, done.claim_id)
    ]
    assert con.execute("select count(*) from origins").fetchall() == [(2,)]


@pytest.mark.slow
def test_unknown_rows_and_fields_are_refused_and_nothing_is_changed(memory, source):
    con = memory()
    ingest(con, source("land,city,note\nChad,,b\nMali,,b\n"))
    first, second = ids(con)
    with pytest.raises(UnknownQuarantineError, match="no row 'nope' in quarantine"):
        replay(con, {first: {"value": "x"}, "nope": {}})
    with pytest.raises(UnknownQuarantineError, match="no field 'valu'; did you mean 'value'"):
        replay(con, {first: {"value": "x"}, second: {"valu": "y"}})
    assert len(ids(con)) == 2
    replay(con, {first: {"value": "x"}})
    with pytest.raises(UnknownQuarantineError, match=r"was taken in on .* as claim"):
        replay(con, {first: {"value": "x"}})


@pytest.mark.slow
def test_the_unreadable_row_of_a_full_extract_settles_its_slot_when_it_is_put_right(memory, source):
    con = memory()
    ingest(con, source("land,city,note\nPeru,Lima,a\n", "extract = 'full'"))
    ingest(con, source("land,city,note\nPeru,,a\n", "extract = 'full'"))
    assert con.execute("select count(*) from retractions").fetchall() == [(0,)]
    replay(con, {ids(con)[0]: {"value": "Cusco"}})
    assert con.execute("select reason, withdrawn from retractions").fetchall() == [
        ("no longer in t.csv", True)
    ]


def test_fixes_are_read_from_lines_also_as_they_are_listed():
    lines = ['{"quarantine_id": "a", "value": "x"}', "", '{"quarantine_id": "b", "fields": {}}']
    assert read_fixes(lines, "f") == {"a": {"value": "x"}, "b": {}}
    for wrong in ("nothing", "[1]", "{}", '{"quarantine_id": 3}'):
        with pytest.raises(UnknownQuarantineError, match="f: line 1"):
            read_fixes([wrong], "f")


@pytest.mark.slow
def test_each_claim_of_a_wide_row_is_refused_by_itself(memory, source):
    wide = '[wide]\nsubject = "land"\n[wide.values.city]\nquestion = "City of {subject}?"\n'
    wide += '[wide.values.note]\nquestion = "Note of {subject}?"\n'
    con = memory()
    receipt = ingest(con, source("land,city,note\nChad,,\n", claim=wide))
    assert receipt.num_quarantined == 2
    rows = list_quarantine(con)
    assert len({row["quarantine_id"] for row in rows}) == 2
    assert {row["column"] for row in rows} == {"city", "note"}
    assert {row["fields"]["relation"] for row in rows} == {"city", "note"}
