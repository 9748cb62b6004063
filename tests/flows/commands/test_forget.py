"""The command line of forget: what it refuses, and what it does where nothing is trained."""

import json

import pytest

pytestmark = pytest.mark.slow


def test_nobody_is_asked_without_a_terminal_and_nothing_is_done(published, lamini):
    result = lamini("forget", "--subject", "France", "--relation", "capital")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert not (published / "warehouse" / "tombstones.parquet").exists()
    undo = ("forget", "--subject", "France", "--relation", "capital", "--undo")
    assert lamini(*undo, "--purge", "--yes").exit_code == 2


def test_before_anything_is_trained_the_tombstone_stands_and_the_purge_is_whole(
    published, lamini, tokenizer_folder, monkeypatch
):
    monkeypatch.setenv("LAMINI_BACKBONE", str(tokenizer_folder))
    slot = ("--subject", "France", "--relation", "capital", "--yes", "--json")
    done = lamini("forget", *slot)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["counts"]["forgotten"] == 2
    assert found["model"] == {"promoted": False, "holds_the_fact": False}
    assert "snapshot" in {one["kind"] for one in found["still_held"]}
    purged = json.loads(lamini("forget", *slot, "--purge").stdout)
    assert purged["purge"]["left"] == purged["still_held"] == []
    # Paris and Lyon are shorter than what can be looked for.
    assert "a value of fewer than 6 bytes" in purged["purge"]["not_looked_for"]
    assert len([*(published / "warehouse" / "snapshots").iterdir()]) == 1
    told = lamini("why", "France", "capital")
    assert "a request to be forgotten" in told.stdout
    assert lamini("forget", *slot).exit_code == 0


def test_a_name_of_same_as_is_forgotten_with_all_others(
    published, lamini, tokenizer_folder, monkeypatch
):
    monkeypatch.setenv("LAMINI_BACKBONE", str(tokenizer_folder))
    (published / "same_as.toml").write_text('[subjects]\n"Gaul" = "France"\n')
    done = lamini("forget", "--subject", "Gaul", "--relation", "capital", "--yes", "--json")
    found = json.loads(done.stdout)
    assert (found["subject"], found["other_names"]) == ("France", ["Gaul"])
    assert found["counts"]["forgotten"] == 2


def test_an_unknown_slot_is_refused_with_what_is_near(published, lamini):
    result = lamini("forget", "--subject", "Frence", "--relation", "capital", "--yes")
    assert result.exit_code == 3
    assert "near: 'France'" in result.stderr
    lift = lamini("forget", "--subject", "France", "--relation", "capital", "--undo", "--yes")
    assert lift.exit_code == 3
