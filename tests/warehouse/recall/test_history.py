from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.errors import NoHistoryError, UnknownRunError
from warehouse.recall import Evaluation, open_history, record_evaluation, record_recall

pytestmark = pytest.mark.slow

RUNS = ("a1", "b2", "c3", "d4")


def question(fact, exact, *, kind="training", said="nonsense", oracle=None, answer="A"):
    return {
        "fact_id": fact,
        "template": kind,
        "kind": kind,
        "answer": answer,
        "generated": "A" if exact else said,
        "is_exact": exact,
        "agrees": exact,
        "oracle_exact": exact if oracle is None else oracle,
    }


@pytest.fixture
def judge(con, home, tmp_path):
    """Records and publishes one judged run, a day after the other."""

    def record(run_key, rows, *, passed=True, num_asked=None):
        path = tmp_path / f"{run_key}.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
        record_recall(con, path, run_key, num_asked=num_asked)
        evaluation = Evaluation(
            run_key=run_key,
            mode="full",
            base=None,
            snapshot_hash=f"s{run_key}",
            as_of="2024-01-01",
            passed=passed,
            measured_at=datetime(2024, 3, 1 + RUNS.index(run_key)),
        )
        return record_evaluation(con, home, evaluation)

    return record


@pytest.fixture
def history(judge, home, con):
    """Four runs, the third failed: f is lost, g never learnt, h flaps, i comes late."""
    con.execute("insert into slots values ('f', 'Fiji', 'capital'), ('g', 'Guam', 'capital')")
    foreign = {**question(None, True, kind="foreign"), "answer": None}
    judge("a1", [question("f", True), question("g", False), question("h", True), foreign])
    judge("b2", [question("f", True), question("g", False), question("h", False)])
    judge("c3", [question("f", False), question("g", True), question("h", True)], passed=False)
    last = [question("f", False, said="Sua", oracle=True), question("g", False)]
    last += [question("h", True), question("i", True)]
    judge("d4", last, num_asked=2)
    return open_history(home)


def test_a_fact_is_followed_over_every_checkpoint(history):
    rows = history.of_fact("f").to_pylist()
    assert [(row["run_key"], row["state"]) for row in rows] == [
        ("a1", "exact"),
        ("b2", "exact"),
        ("c3", "missed: memory"),
        ("d4", "missed: routing"),
    ]
    assert rows[3]["said"] == "Sua"
    assert [row["passed"] for row in rows] == [True, True, False, True]
    late = history.of_fact("i").to_pylist()
    assert [row["state"] for row in late] == ["not held"] * 3 + ["exact"]
    assert late[3]["is_carried"]


def test_what_regressed_since_a_run_or_a_day_is_found_with_its_cause(history):
    (lost,) = history.regressed_since("a1").to_pylist()
    assert (lost["fact_id"], lost["subject"], lost["lost"]) == ("f", "Fiji", "memory")
    assert (lost["cause"], lost["first_run_key"], lost["run_key"]) == ("routing", "d4", "d4")
    assert history.regressed_since("2024-03-02").to_pylist() == [lost]
    # The failed candidate of the third day never answered.
    assert history.checkpoint_at("2024-03-03") == "b2"
    assert history.regressed_since("d4").num_rows == 0


def test_fewer_heldout_phrasings_are_a_regression_too(judge, home):
    heldout = [question("f", True, kind="heldout"), question("f", True)]
    judge("a1", heldout)
    judge("b2", [question("f", False, kind="heldout", oracle=True), question("f", True)])
    (lost,) = open_history(home).regressed_since("a").to_pylist()
    assert (lost["lost"], lost["old_exact"], lost["new_exact"]) == ("phrasings", 2, 1)


def test_what_was_never_memorized_is_told_by_its_present_answer(history, judge, home):
    (never,) = history.never_memorized().to_pylist()
    # The failed candidate knew it, but never answered.
    assert (never["fact_id"], never["num_checkpoints"], never["first_run_key"]) == ("g", 3, "a1")
    judge("d4", [question("g", False, answer="B"), question("f", False)])
    facts = {row["fact_id"]: row for row in open_history(home).never_memorized().to_pylist()}
    assert set(facts) == {"g"}
    assert facts["g"]["num_checkpoints"] == 1


def test_what_is_memorized_and_lost_by_turns_is_flapping(history):
    (flaps,) = history.flapping().to_pylist()
    assert (flaps["fact_id"], flaps["states"], flaps["num_turns"]) == ("h", "+-+", 2)
    assert {row["fact_id"] for row in history.flapping(1).to_pylist()} == {"f", "h"}


def test_relations_and_troubled_facts_make_the_heat_map(history):
    cells = {(r["relation"], r["run_key"]): r for r in history.by_relation().to_pylist()}
    assert cells["capital", "a1"]["num_facts"] == 2
    assert cells["capital", "a1"]["num_memorized"] == 1
    rows = history.troubled(1).to_pylist()
    assert [(row["fact_id"], row["recall"]) for row in rows] == [
        ("g", 0),
        ("g", 0),
        ("g", 1),
        ("g", 0),
    ]


def test_publishing_again_changes_nothing(history, judge, home):
    before = {p: p.read_bytes() for p in (home / "recall").rglob("*.parquet")}
    rows = [question("f", True), question("g", False), question("h", False)]
    judge("b2", rows)
    assert {p: p.read_bytes() for p in (home / "recall").rglob("*.parquet")} == before


def test_what_means_no_run_is_refused_with_those_there_are(history, tmp_path):
    with pytest.raises(UnknownRunError, match=r"'x9' is no judged run.*a1, b2, c3, d4"):
        history.regressed_since("x9")
    with pytest.raises(UnknownRunError, match="2023-01-01"):
        history.regressed_since("2023-01-01")
    with pytest.raises(NoHistoryError, match="no recall history is published"):
        open_history(tmp_path / "nowhere")
