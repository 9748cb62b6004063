import json

import pytest

from warehouse.errors import SourceError
from warehouse.intake import ingest, last_batch
from warehouse.sources import load_mapping, read_source

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'


@pytest.fixture
def step(tmp_path):
    """Write lines and take in what is new."""

    def run(con, *rows, column="n"):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / "t.jsonl").write_text("\n".join(lines))
        (tmp_path / "m.toml").write_text(f"path = 't.jsonl'\nwatermark = '{column}'\n{CLAIM}")
        return ingest(con, read_source(load_mapping(tmp_path / "m.toml"), last_batch(con, "m")))

    return run


def line(subject, n):
    return {"s": subject, "v": "x", "n": n}


@pytest.mark.slow
def test_only_rows_beyond_the_last_watermark_are_read(memory, step):
    con = memory()
    assert step(con, line("A", 9), line("B", 10)).watermark == "10"
    receipt = step(con, line("A", 9), line("B", 10), line("C", 11), line("late", 10))
    assert (receipt.num_rows, receipt.num_accepted, receipt.watermark) == (1, 1, "11")
    assert con.execute("select file, row from origins order by row").fetchall()[-1] == (
        "t.jsonl",
        3,
    )


@pytest.mark.slow
def test_nothing_new_is_no_error_and_changes_nothing(memory, step):
    con = memory()
    step(con, line("A", 9))
    receipt = step(con, line("A", 9))
    assert (receipt.num_rows, receipt.is_new, receipt.watermark) == (0, False, "9")
    assert con.execute("select count(*) from batches").fetchall() == [(1,)]


@pytest.mark.slow
def test_dates_and_texts_have_their_own_order(memory, step):
    con = memory()
    step(con, line("A", "2024-01-31"), line("B", "2024-02-01"))
    assert step(con, line("C", "2024-01-31"), line("D", "2024-02-02")).num_accepted == 1


@pytest.mark.slow
def test_a_broken_line_is_quarantined_once(memory, step):
    con = memory()
    step(con, line("A", 1), "broken")
    assert step(con, line("A", 1), "broken").num_rows == 0
    assert step(con, line("A", 1), "broken", line("B", 2)).num_rows == 1
    assert con.execute("select count(*) from quarantine").fetchall() == [(1,)]


@pytest.mark.slow
def test_a_watermark_that_cannot_be_read_is_refused(memory, step):
    con = memory()
    with pytest.raises(SourceError, match="no column 'm' for the watermark"):
        step(con, line("A", 1), column="m")
    with pytest.raises(SourceError, match="row 2: the watermark column 'n' is null"):
        step(con, line("A", 1), line("B", None))
    step(con, line("A", 1))
    with pytest.raises(SourceError, match="the watermark is '1' so far, but column 'n' now holds"):
        step(con, line("A", "2024-03-01"))


@pytest.mark.slow
def test_the_watermark_is_committed_with_the_claims_or_not_at_all(memory, step, monkeypatch):
    con = memory()
    monkeypatch.setattr("warehouse.intake.ingestion.settle_extract", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        step(con, line("A", 1))
    assert last_batch(con, "m") is None
    assert con.execute("select count(*) from claims").fetchall() == [(0,)]
