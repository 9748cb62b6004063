from datetime import datetime

import pytest

from warehouse.claims import ClaimBatch, final_names, merge_subjects, read_same_as
from warehouse.errors import MappingError
from warehouse.intake import ingest

NAMES = {"Holland": "Netherlands", "the  Netherlands": "Netherlands"}


@pytest.mark.slow
def test_claims_about_one_subject_under_two_names_come_to_one_fact(con, settle, answers, row):
    rows = [row("Holland", "Amsterdam", source="a"), row("Netherlands", "Amsterdam", source="b")]
    batch = merge_subjects(ClaimBatch.from_rows("s", rows), NAMES)
    ingest(con, batch, recorded_at=datetime(2024, 6, 1))
    settle(con)
    assert answers(con) == {("Netherlands", "capital"): "Amsterdam"}


@pytest.mark.slow
def test_everything_but_the_subject_stays_as_it_was_given(row):
    batch = ClaimBatch.from_rows("s", [row(" the Netherlands", "Amsterdam"), row("Peru", "Lima")])
    merged = merge_subjects(batch, NAMES)
    assert merged.claims["subject"].to_pylist() == ["Netherlands", "Peru"]
    assert merged.claims.drop_columns("subject") == batch.claims.drop_columns("subject")
    assert merged.raw == batch.raw
    assert merge_subjects(merged, NAMES).claims == merged.claims


@pytest.mark.slow
def test_a_relation_that_comes_from_the_prompt_comes_from_it_with_the_old_name(row):
    rows = [{"subject": "Holland", "value": "Amsterdam", "question": "Capital of Holland?"}]
    merged = merge_subjects(ClaimBatch.from_rows("s", rows), NAMES).claims
    assert merged["subject"].to_pylist() == ["Netherlands"]
    assert merged["relation"].to_pylist() == ["Capital of ?"]
    assert merged["question"].to_pylist() == ["Capital of Holland?"]


@pytest.mark.slow
def test_without_names_a_batch_stays_the_same(row):
    batch = ClaimBatch.from_rows("s", [row()])
    assert merge_subjects(batch, {}).content_hash == batch.content_hash


def test_names_are_followed_to_the_last_one(tmp_path):
    path = tmp_path / "subjects.toml"
    path.write_text(
        '[subjects]\n"Batavia" = "Holland"\n"Holland" = "Netherlands"\n', encoding="utf-8"
    )
    assert read_same_as(path) == {"Batavia": "Netherlands", "Holland": "Netherlands"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[subjects]\n"A" = "B"\n"B" = "A"\n', "in a circle: 'A' = 'B' = 'A'"),
        ('[subject]\n"A" = "B"\n', "unknown key subject; did you mean 'subjects'"),
        ('[subjects]\n"A" = 3\n', r"subjects.A = 3 must be a name"),
        ('[subjects]\n"A" = "B"\n"A " = "C"\n', "'A' goes by two names, 'B' and 'C'"),
        ('subjects = "A"\n', "must be a table of names"),
        ("[subjects", "cannot be read as TOML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "subjects.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError, match=message) as caught:
        read_same_as(path)
    assert "subjects.toml" in str(caught.value)


def test_a_name_that_goes_by_itself_is_no_circle():
    assert final_names({"A": "A", "B": "A"}) == {"A": "A", "B": "A"}
