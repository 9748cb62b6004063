import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from warehouse.catalogue import open_catalogue

STEPS = ["ingest", "reconcile", "facts", "why", "run", "demo"]
COMMANDS = [*STEPS, "ask", "recall", "status", "ui", "doctor"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_can_speak_json_and_has_help(lamini, command):
    result = lamini(command, "--help")
    assert result.exit_code == 0
    assert "--json" in result.stdout


@pytest.mark.slow
def test_a_users_table_goes_from_ingest_to_why(lamini, home, mapping, tokenizer_folder):
    receipts = json.loads(lamini("ingest", mapping, "--json").stdout)
    assert (receipts[0]["num_accepted"], receipts[0]["num_quarantined"]) == (3, 1)
    again = json.loads(lamini("ingest", mapping, "--json").stdout)
    assert not again[0]["is_new"]

    reconciled = lamini(
        "reconcile", "--as-of", "2026-01-01", "--backbone", tokenizer_folder, "--json"
    )
    assert json.loads(reconciled.stdout)["num_facts"] == 2

    france, _ = json.loads(lamini("facts", "--json").stdout)
    assert (france["answer"], france["won_source"], france["won_row"]) == ("Paris", "capitals", 1)
    assert (france["num_support"], france["num_contradict"]) == (1, 1)

    found = json.loads(lamini("why", "France", "capital", "--json").stdout)
    assert [(c["status"], c["value"]) for c in found["claims"]] == [
        ("used", "Paris"),
        ("contradicted", "Lyon"),
    ]
    known = json.loads(lamini("status", "--json").stdout)
    assert known["snapshot"]["num_facts"] == 2
    assert known["pending"] == {"added": 2, "changed": 0, "retired": 0, "unchanged": 0}


@pytest.mark.slow
def test_people_get_tables(lamini, published):
    assert "Paris" in lamini("facts").stdout
    assert "contradicted" in lamini("why", "France", "capital").stdout
    assert "2 added" in lamini("status").stdout


def test_facts_go_to_parquet(lamini, published, tmp_path):
    result = lamini("facts", "--parquet", tmp_path / "facts.parquet", "--json")
    assert json.loads(result.stdout)["num_facts"] == 2
    assert pq.read_table(tmp_path / "facts.parquet")["answer"].to_pylist() == ["Paris", "Tokyo"]


def test_facts_replace_no_device(lamini, published):
    result = lamini("facts", "--parquet", "/dev/full")
    assert result.exit_code == 3
    assert "/dev/full is a device or pipe" in result.stderr
    assert Path("/dev/full").is_char_device()


def test_facts_can_be_limited_and_chosen(lamini, published):
    assert len(json.loads(lamini("facts", "--limit", 1, "--json").stdout)) == 1
    wrong = lamini("facts", "--relation", "capitol")
    assert wrong.exit_code == 3
    assert "capital" in wrong.stderr


@pytest.mark.slow
def test_a_slot_that_nobody_spoke_of_is_bad_input_with_a_hint(lamini, published):
    result = lamini("why", "Frances", "capital")
    assert result.exit_code == 3
    assert "'France'" in result.stderr


@pytest.mark.parametrize("words", [["facts"], ["why", "a", "b"], ["ask", "Who?"], ["recall"]])
def test_a_missing_earlier_step_has_its_own_exit_code_and_one_line(lamini, home, words):
    result = lamini(*words)
    assert result.exit_code == 6
    assert result.stderr.startswith("lamini: ")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["ingest", "missing.toml"],
        ["reconcile", "--as-of", "yesterday"],
        ["reconcile", "--backbone", "no/such/model"],
    ],
)
def test_bad_input_is_named_without_a_traceback(lamini, home, words):
    result = lamini(*words)
    assert result.exit_code == 3
    assert words[-1].split(".")[0] in result.stderr
    assert "Traceback" not in result.stderr


def test_a_held_catalogue_can_be_tried_again(lamini, home, mapping):
    with open_catalogue(home / "warehouse"):
        result = lamini("ingest", mapping)
    assert result.exit_code == 4
    assert "process" in result.stderr


def test_wrong_usage_is_two(lamini):
    assert lamini("ingest", "--no-such-option").exit_code == 2


def test_recall_is_that_of_the_newest_run(lamini, home):
    cell = {"kind": "heldout", "template": "*", "num_questions": 8, "from_memory": 1.0}
    cell |= {"exact": 0.75, "agreement": 0.875, "oracle_exact": 1.0}
    receipt = {"num_questions": 8, "path": "recall.parquet", "summary": [cell]}
    receipts = home / "runs" / "abc" / "receipts"
    receipts.mkdir(parents=True)
    (receipts / "measure_recall.json").write_text(json.dumps(receipt))
    assert json.loads(lamini("recall", "--json").stdout) == {"run_key": "abc", **receipt}
    assert "75.0%" in lamini("recall").stdout


def test_asking_shows_the_answer_and_where_it_comes_from(lamini, champion, monkeypatch):
    fact = champion.fact
    (asked,) = json.loads(lamini("ask", fact["question"], "--json").stdout)
    assert (asked["answer"], asked["table_agrees"]) == (fact["answer"], True)
    shown = lamini("ask", fact["question"]).stdout
    assert "from memory: group 3, 2 experts 96..97" in shown
    assert "the table says the same" in shown
    assert "capitals.csv row" in shown
    monkeypatch.setenv("LAMINI_REFUSAL", "I cannot say.")
    lamini("ask", fact["question"])
    lamini("ask", fact["question"], "--refusal", "Ask somebody else.")
    assert champion.refusals == ["", "", "I cannot say.", "Ask somebody else."]


def test_doctor_fails_where_the_home_cannot_be_written(lamini, home):
    home.write_text("a file where the folder should be")
    result = lamini("doctor", "--json")
    assert result.exit_code == 5
    checks = json.loads(result.stdout)["checks"]
    assert "writing" in [c["name"] for c in checks if c["status"] == "fail"]


def test_doctor_knows_who_holds_the_catalogue_and_what_is_misspelt(lamini, home, monkeypatch):
    monkeypatch.setenv("LAMINI_WORKERS", "3")
    with open_catalogue(home / "warehouse"):
        checks = json.loads(lamini("doctor", "--json").stdout)["checks"]
    status = {check["name"]: check["status"] for check in checks}
    assert (status["catalogue"], status["environment"]) == ("warn", "warn")
