import json
import re
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.home.home import Home
from flows.home.receipts import Judged, Promoted, Receipts, Written
from flows.reporting.charts import HeatRow, RelationRecall, heat, recall_chart
from flows.reporting.html_report import build_report, write_report
from flows.reporting.run_report import outcome

SUMMARY = {
    "kind": "training",
    "template": "*",
    "num_questions": 2,
    "exact": 0.5,
    "agreement": 1.0,
    "oracle_exact": 0.5,
    "from_memory": 1.0,
}


def cell(run_key, day, memorized, passed=True, relation="capital"):
    return RelationRecall(
        relation=relation,
        run_key=run_key,
        mode="full",
        as_of="2026-01-01",
        passed=passed,
        measured_at=datetime(2026, 1, day),
        num_facts=10,
        num_memorized=memorized,
        num_heldout=0,
        num_heldout_exact=0,
    )


@pytest.fixture
def run_folder(tmp_path):
    """A failed update with a miss and a hostile subject, as it lies on disk."""
    folder = tmp_path / "runs" / "abcd1234"
    receipts = {
        "update_memory": {
            "num_added": 1,
            "num_changed": 3,
            "num_retired": 0,
            "num_groups_touched": 4,
            "update_seconds": 2.5,
        },
        "write_checkpoint": {"num_groups": 2, "num_experts": 20, "snapshot_hash": "0" * 64},
        "measure_recall": {"summary": [SUMMARY], "verify_seconds": 1.5},
        "gate": {
            "passed": False,
            "why": "recall of changed facts 0.0%, wanted at least 95.0%",
            "checks": [
                {
                    "name": "recall of changed facts",
                    "measured": 0.0,
                    "wanted": "at least 95.0%",
                    "passed": False,
                }
            ],
        },
    }
    (folder / "receipts").mkdir(parents=True)
    for name, receipt in receipts.items():
        (folder / "receipts" / f"{name}.json").write_text(json.dumps(receipt))
    rows = [
        {
            "kind": "changed",
            "prompt": "Who is <script>alert(1)</script>?",
            "fact_id": "f",
            "answer": "Ann",
            "generated": "Bob",
            "is_exact": False,
            "oracle_exact": False,
        }
    ]
    (folder / "recall").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), folder / "recall" / "recall.parquet")
    pq.write_table(pa.table({"num_experts": [4, 4, 9]}), folder / "assignment.parquet")
    (folder / "about.json").write_text(json.dumps({"why": "3 changed", "as_of": "2026-01-01"}))
    return folder


def test_a_report_says_what_happened_and_fetches_nothing(run_folder):
    path = write_report(
        Home(run_folder.parents[1]), "abcd1234", {"MLflow": "http://127.0.0.1:5000/#/x"}
    )
    page = path.read_text()
    assert "1 fact added, 3 facts changed, 4 groups of experts retrained, not promoted" in page
    assert "recall of changed facts 0.0%" in page
    assert re.search(r">4</td><td class=\"n\">2</td>", page)  # two groups with four experts
    assert "3 changed" in page
    assert not re.search(r"<(script|link|iframe|img)", page)
    assert "&lt;script&gt;" in page
    assert not re.search(r"(src|url)\s*[=(]", page)
    assert path == write_report(Home(run_folder.parents[1]), "abcd1234")


def test_a_report_of_a_run_that_left_little_still_stands(tmp_path):
    (tmp_path / "runs" / "empty").mkdir(parents=True)
    page = build_report(Home(tmp_path), "empty")
    assert "Nothing was trained" in page
    assert "No history is kept yet" in page


def test_outcomes_are_sentences():
    written = Written(num_groups=8, num_experts=99)
    assert outcome(Receipts()) == "nothing was trained, promoted"
    full = Receipts(written=written, judged=Judged(passed=True), promoted=Promoted(version="7"))
    assert outcome(full) == "8 facts memorized in 99 experts, promoted v7"


def test_charts_hold_the_newest_checkpoints_in_order():
    cells = [cell("b", 2, 5), cell("a", 1, 10), cell("c", 3, 8, passed=False)]
    cells.append(cell("c", 3, 10, passed=False, relation="area"))
    arranged = heat(cells)
    assert [column.run_key for column in arranged.columns] == ["a", "b", "c"]
    assert arranged.rows[0] == HeatRow(relation="area", shares=(None, None, 1.0))
    assert arranged.rows[1].shares == (1.0, 0.5, 0.8)
    memorized, heldout = recall_chart(cells).lines
    assert [dot.share for dot in memorized.dots] == [1.0, 0.5, 0.9]
    assert [dot.passed for dot in memorized.dots] == [True, True, False]
    heights = [dot.y for dot in memorized.dots]
    assert heights[0] < heights[2] < heights[1]
    assert heldout.dots == ()
    assert recall_chart(cells[:1]).lines == ()
