import json
import os

import pytest

from flows.automation.source_states import written_since_published
from flows.configuration.settings import load_settings
from tests.flows.conftest import MAPPING
from warehouse.catalogue import open_catalogue


def told(result, code=0):
    assert result.exit_code == code, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def registered(lamini, home, mapping):
    told(lamini("source", "add", mapping, "--json"))
    return mapping


@pytest.mark.slow
def test_a_registered_source_is_taken_in_when_none_is_named(lamini, home, registered):
    assert (home / "sources" / "capitals.toml").is_file()
    [receipt] = told(lamini("ingest", "--json"))
    assert (receipt["source"], receipt["num_accepted"]) == ("capitals", 3)


@pytest.mark.slow
def test_the_list_says_where_each_source_stands(lamini, home, registered):
    [before] = told(lamini("source", "list", "--json"))
    assert (before["name"], before["format"], before["last_ingest"]) == ("capitals", "csv", None)
    assert before["is_fresh"] is False
    assert not (home / "warehouse").exists()
    lamini("ingest")
    [after] = told(lamini("source", "list", "--json"))
    assert (after["num_rows"], after["num_quarantined"], after["is_fresh"]) == (4, 1, True)
    assert "capitals" in lamini("source", "list").stdout


@pytest.mark.slow
def test_preview_shows_claims_and_refused_rows_and_writes_nothing(lamini, home, mapping):
    found = told(lamini("source", "preview", mapping, "--limit", 2, "--json"))
    assert [claim["subject"] for claim in found["claims"]] == ["France", "Japan"]
    assert [row["reason"] for row in found["quarantine"]] == ["missing_value"]
    assert not home.exists()
    assert "missing_value" in lamini("source", "preview", mapping).stdout


@pytest.mark.slow
def test_check_holds_the_source_against_its_contract_and_writes_nothing(lamini, home, mapping):
    assert told(lamini("source", "check", mapping, "--json"))["is_kept"]
    mapping.write_text(mapping.read_text() + "[contract]\nmin_rows = 9\n")
    result = lamini("source", "check", mapping, "--json")
    found = told(result, code=5)
    assert [finding["check"] for finding in found["findings"]] == ["rows", "extract"]
    assert "breaks the contract" in result.stderr
    assert not home.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "is_warned"),
    [
        ("", True),
        ('extract = "full"\n', False),
        ('watermark = "trust"\n', False),
        ('observed_at = { constant = "2024" }\n', False),
    ],
)
def test_a_table_without_dates_that_is_no_full_extract_is_warned_of(
    lamini, home, mapping, line, is_warned
):
    mapping.write_text(MAPPING + line if line.startswith("observed") else line + MAPPING)
    findings = told(lamini("source", "check", mapping, "--json"))["findings"]
    assert [finding["check"] for finding in findings] == ["extract"] * is_warned
    shown = lamini("source", "preview", mapping).stdout
    assert ('set extract = "full"' in " ".join(shown.split())) == is_warned


@pytest.mark.slow
def test_a_broken_contract_stops_its_source_alone(lamini, home, registered, tmp_path):
    other = tmp_path / "other.toml"
    text = registered.read_text().replace('"capitals"', '"other"')
    other.write_text(text + "[contract]\nmin_rows = 9\n")
    result = lamini("ingest", other, registered)
    assert result.exit_code == 5
    assert "breaks the contract of source 'other'" in result.stderr
    assert "(1 other sources were taken in)" in result.stderr
    with open_catalogue(home / "warehouse") as con:
        assert con.execute("select distinct source from ingests").fetchall() == [("capitals",)]


def test_an_unknown_source_names_the_nearest(lamini, registered):
    result = lamini("source", "check", "capital")
    assert result.exit_code == 3
    assert "did you mean 'capitals'" in result.stderr


@pytest.mark.slow
def test_refused_rows_are_listed_shown_put_right_and_replayed(lamini, registered):
    lamini("ingest")
    [row] = told(lamini("quarantine", "list", "--source", "capitals", "--json"))
    name = row["quarantine_id"]
    assert "missing_value" in lamini("quarantine", "list").stdout
    assert told(lamini("quarantine", "show", name, "--json"))["row"] == 4
    [still] = told(lamini("quarantine", "replay", "--json"))
    assert still["reason"] == "missing_value"
    [done] = told(lamini("quarantine", "replay", name, "--set", "value=Madrid", "--json"))
    assert done["claim_id"]
    assert told(lamini("quarantine", "list", "--json")) == []
    assert len(told(lamini("quarantine", "list", "--all", "--json"))) == 1


@pytest.mark.slow
def test_a_file_of_fixes_is_replayed(lamini, registered, tmp_path):
    lamini("ingest")
    [row] = told(lamini("quarantine", "list", "--json"))
    row["fields"]["value"] = "Madrid"
    fixed = tmp_path / "fixed.jsonl"
    fixed.write_text(json.dumps(row))
    [done] = told(lamini("quarantine", "replay", "--file", fixed, "--json"))
    assert done["claim_id"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["replay", "--set", "value=x"], "needs the ID"),
        (["replay", "nope", "--set", "value=x"], "no row 'nope'"),
        (["replay", "nope", "--set", "value"], "must be FIELD=VALUE"),
        (["show", "nope"], "no row 'nope'"),
    ],
)
def test_wrong_replays_are_named(lamini, home, words, message):
    result = lamini("quarantine", *words)
    assert result.exit_code == 3
    assert message in result.stderr


def test_status_names_a_source_that_is_not_there_or_whose_mapping_cannot_be_used(
    lamini, home, mapping
):
    assert lamini("source", "add", mapping).exit_code == 0
    assert json.loads(lamini("status", "--json").stdout)["broken"] == []
    table = mapping.with_name("capitals.csv")
    table.rename(table.with_name("away.csv"))
    gone = lamini("status", "--json")
    (said,) = json.loads(gone.stdout)["broken"]
    assert (gone.exit_code, "capitals.csv is not there" in said) == (5, True)
    (home / "sources" / "capitals.toml").write_text("[")
    (said,) = json.loads(lamini("status", "--json").stdout)["broken"]
    assert said.startswith("source capitals: ")


def test_a_file_that_was_written_to_since_its_facts_were_published_is_not_read_yet(
    published, lamini, mapping
):
    settings = load_settings({"sources": (mapping,)})
    moment = (published / "warehouse" / "HEAD.json").stat().st_mtime
    files = (mapping, mapping.with_name("capitals.csv"))
    for path in files:
        os.utime(path, (moment - 9, moment - 9))
    assert written_since_published(settings) == ()
    os.utime(files[1], (moment + 9, moment + 9))
    assert written_since_published(settings) == ("capitals",)
