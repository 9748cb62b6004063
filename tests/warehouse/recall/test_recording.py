import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.errors import SourceError
from warehouse.recall import record_recall


def test_a_run_is_recorded_once_with_the_columns_there_are(memory, tmp_path):
    con, path = memory(), tmp_path / "recall.parquet"
    pq.write_table(pa.table({"fact_id": ["f", "g"], "is_exact": [True, False], "x": [1, 2]}), path)
    assert record_recall(con, path, "run 1") == record_recall(con, path, "run 1") == 2
    record_recall(con, path, "run 2")
    rows = con.execute("select * from recall where run_key = 'run 1' order by fact_id").fetchall()
    assert [row[:6] for row in rows] == [
        ("run 1", "f", None, True, None, None),
        ("run 1", "g", None, False, None, None),
    ]
    assert con.execute("select count(*) from recall").fetchall() == [(4,)]


def test_a_file_that_is_no_recall_is_refused(memory, tmp_path):
    path = tmp_path / "recall.parquet"
    with pytest.raises(SourceError, match="cannot read the recall file"):
        record_recall(memory(), path, "r")
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(SourceError, match="has no column fact_id"):
        record_recall(memory(), path, "r")


def test_what_a_sample_of_facts_was_asked_is_no_facts_own_history(memory, tmp_path):
    con, path = memory(), tmp_path / "recall.parquet"
    kinds = ["training", "phrasing", "surface"]
    pq.write_table(pa.table({"fact_id": ["f"] * 3, "kind": kinds, "is_exact": [True] * 3}), path)
    record_recall(con, path, "run")
    assert con.execute("select kind from recall").fetchall() == [("training",)]
