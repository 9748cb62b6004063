import json
from datetime import date

import pyarrow.parquet as pq
import pytest

from flows.ingest_facts import ingest_source
from flows.reconcile_facts import reconcile_and_publish
from warehouse.catalogue import open_catalogue
from warehouse.snapshots import head

pytestmark = pytest.mark.slow

MORE = """country,capital,trust
France,Marseille,3
Österreich,Wien,1
Österreich,Graz,1
Perú,,1
"""


@pytest.fixture
def twice(published, mapping, tokenizer_folder):
    """Published a second time, for a later date: France changed, Österreich is a tie."""
    (mapping.parent / "capitals.csv").write_text(MORE)
    other = mapping.read_text().replace('"capitals"', '"größer"')
    (mapping.parent / "more.toml").write_text(other)
    ingest_source.fn(published, str(mapping.parent / "more.toml"))
    reconcile_and_publish.fn(published, date(2026, 6, 1), str(tokenizer_folder), 64)
    return published


def told(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_why_tells_the_story_and_what_would_change_it(lamini, twice):
    shown = lamini("why", "France", "capital").stdout
    assert "the answer is Marseille" in shown
    assert "capitals: capitals.csv row 3, observed no date, authority 1" in shown
    assert 'a claim of "Paris" with an authority above 3 would decide for it' in shown
    found = told(lamini("why", "France", "capital", "--json"))
    assert found["changes"][0]["new_answer"] == "Paris"
    assert found["fact"]["needs_review"] is False


def test_a_tie_is_told_with_what_settles_it(lamini, twice):
    shown = lamini("why", "O\u0308sterreich", "capital").stdout
    assert 'a tie of "Graz" or "Wien"' in shown
    assert "what would settle it:" in shown


def test_a_subject_that_is_only_in_quarantine_has_a_story(lamini, twice):
    result = lamini("why", "Perú", "capital")
    assert result.exit_code == 0
    assert "no claim about it was taken in" in result.stdout
    assert "missing_value" in result.stdout
    assert "größer: capitals.csv row 4" in result.stdout


def test_why_at_another_moment_is_rebuilt_and_leaves_the_head(
    lamini, twice, tokenizer_folder, monkeypatch
):
    monkeypatch.setenv("LAMINI_BACKBONE", str(tokenizer_folder))
    before = head(twice / "warehouse").snapshot_hash
    assert lamini("why", "France", "capital", "--known-at", "2000-01-01").exit_code == 3
    found = told(lamini("why", "France", "capital", "--as-of", "2026-01-01", "--json"))
    assert found["fact"]["answer"] == "Marseille"
    assert head(twice / "warehouse").snapshot_hash == before
    wrong = lamini("why", "France", "capital", "--known-at", "noon")
    assert wrong.exit_code == 3
    assert "no moment" in wrong.stderr


def test_a_held_catalogue_is_said_and_the_head_does_not_wait(
    lamini, twice, tokenizer_folder, monkeypatch
):
    monkeypatch.setenv("LAMINI_BACKBONE", str(tokenizer_folder))
    with open_catalogue(twice / "warehouse"):
        result = lamini("why", "France", "capital", "--as-of", "2026-01-01")
        assert lamini("why", "France", "capital").exit_code == 0
    assert result.exit_code == 4
    assert "need no --as-of" in result.stderr


def test_diff_says_what_changed_and_why(lamini, twice):
    found = told(lamini("diff", "2026-01-01", "head", "--json"))
    counts = found["counts"]
    assert (counts["added"], counts["changed"], counts["retired"]) == (0, 1, 0)
    [fact] = found["facts"]
    assert (fact["old_answer"], fact["new_answer"]) == ("Paris", "Marseille")
    assert found["sources"] == [{"source": "größer", "op": "new", "num_claims": 3}]
    shown = lamini("diff", "2026-03-31", "head").stdout
    assert "0 added, 1 changed, 0 retired" in shown
    assert "Marseille" in shown


def test_snapshots_go_by_hash_date_and_name(lamini, twice, tmp_path):
    snapshot = head(twice / "warehouse").snapshot_hash
    assert told(lamini("diff", snapshot[:6], snapshot, "--json"))["facts"] == []
    for name, what in [("zzz", "is none"), ("1999-01-01", "nothing was published as of")]:
        wrong = lamini("diff", name)
        assert wrong.exit_code == 3
        assert what in wrong.stderr
    assert lamini("diff").exit_code == 6
    (tmp_path / "home" / "checkpoint").mkdir()
    pointer = {"path": "checkpoint", "run_key": "k", "snapshot_hash": snapshot}
    (tmp_path / "home" / "HEAD_CHECKPOINT.json").write_text(json.dumps(pointer))
    for name in ("promoted", "champion"):
        assert told(lamini("diff", name, "--json"))["old"] == snapshot[:16]


def test_changed_facts_go_to_parquet(lamini, twice, tmp_path):
    result = lamini("diff", "2026-01-01", "--parquet", tmp_path / "diff.parquet", "--json")
    assert told(result)["changed"] == 1
    assert pq.read_table(tmp_path / "diff.parquet")["old_answer"].to_pylist() == ["Paris"]


def test_sources_are_ranked(lamini, twice):
    ranked = told(lamini("sources", "--json"))
    assert [(row["source"], row["num_used"]) for row in ranked] == [("capitals", 1), ("größer", 1)]
    assert "größer" in lamini("sources", "--relation", "capital").stdout
    assert len(told(lamini("sources", "--limit", 1, "--json"))) == 1
    wrong = lamini("sources", "--relation", "capitol")
    assert wrong.exit_code == 3
    assert "'capital'" in wrong.stderr


@pytest.mark.parametrize("words", [["diff"], ["sources"]])
def test_an_earlier_step_that_is_missing_is_said(lamini, home, words):
    assert lamini(*words).exit_code == 6
