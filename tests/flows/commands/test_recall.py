import json
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.catalogue import open_catalogue
from warehouse.recall import Evaluation, record_evaluation, record_recall
from warehouse.snapshots import head


@pytest.fixture
def judged(published, tmp_path):
    """The home of France and Japan with two judged runs: the later one lost Japan."""
    facts = head(published / "warehouse").facts().to_pylist()
    with open_catalogue(published / "warehouse") as con:
        for day, (run_key, lost) in enumerate((("aaaa1111", ""), ("bbbb2222", "Japan")), start=1):
            rows = [
                {
                    "fact_id": fact["fact_id"],
                    "template": "capital",
                    "kind": "training",
                    "answer": fact["answer"],
                    "generated": "Kyoto" if fact["subject"] == lost else fact["answer"],
                    "is_exact": fact["subject"] != lost,
                    "agrees": True,
                    "oracle_exact": fact["subject"] != lost,
                }
                for fact in facts
            ]
            path = tmp_path / f"{run_key}.parquet"
            pq.write_table(pa.Table.from_pylist(rows), path)
            record_recall(con, path, run_key)
            evaluation = Evaluation(
                run_key=run_key,
                mode="full",
                base=None,
                snapshot_hash="s",
                as_of="2026-01-01",
                passed=True,
                measured_at=datetime(2026, 2, day),
            )
            record_evaluation(con, published / "warehouse", evaluation)
    return published


@pytest.mark.slow
def test_a_fact_is_followed_by_its_names(lamini, judged):
    found = json.loads(lamini("recall", "--history", "Japan", "capital", "--json").stdout)
    assert [row["state"] for row in found["checkpoints"]] == ["exact", "missed: memory"]
    assert found["checkpoints"][1]["said"] == "Kyoto"
    shown = lamini("recall", "--history", "Japan", "capital").stdout
    assert "aaaa1111" in shown
    assert "Kyoto" in shown


@pytest.mark.slow
def test_what_regressed_or_flaps_or_was_never_known_is_listed(lamini, judged):
    found = json.loads(lamini("recall", "--regressed-since", "aaaa", "--json").stdout)
    assert found["since"] == "aaaa1111"
    assert [fact["subject"] for fact in found["facts"]] == ["Japan"]
    assert "Kyoto" in lamini("recall", "--regressed-since", "2026-02-01").stdout
    for option in ("--never-memorized", "--flapping"):
        result = lamini("recall", option, "--json")
        assert (result.exit_code, json.loads(result.stdout)["facts"]) == (0, [])
        assert "no fact" in lamini("recall", option).stdout or option == "--never-memorized"


@pytest.mark.slow
def test_what_cannot_be_answered_is_refused_with_what_can(lamini, judged):
    wrong = lamini("recall", "--history", "Japon", "capital")
    assert wrong.exit_code == 3
    assert "did you mean 'Japan'" in wrong.output
    wrong = lamini("recall", "--history", "Japan", "capitol")
    assert "did you mean 'capital'" in wrong.output
    wrong = lamini("recall", "--regressed-since", "cccc")
    assert wrong.exit_code == 3
    assert "aaaa1111, bbbb2222" in wrong.output
    assert lamini("recall", "--flapping", "--never-memorized").exit_code == 2


def test_a_home_without_a_judged_run_says_what_makes_one(lamini, published):
    result = lamini("recall", "--flapping")
    assert result.exit_code == 6
    assert "lamini run" in result.output
