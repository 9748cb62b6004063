import json
from pathlib import Path

import pytest

from flows.configuration.settings import load_settings

FILE = """
[tuning]
max_steps = 7

[profiles.cluster]
num_workers = 8
backbone = "https://me:s3cret@models.example/llama"
"""


@pytest.fixture(autouse=True)
def settings_file(home):
    Path("lamini.toml").write_text(FILE)


def settings(result):
    assert result.exit_code == 0, result.stderr
    return {row["name"]: row for row in json.loads(result.stdout)["settings"]}


def test_every_setting_is_shown_with_who_gave_it(lamini, home):
    rows = settings(lamini("config", "show", "--origin", "--json", "--profile", "cluster"))
    assert rows["tuning.max_steps"] == {
        "name": "tuning.max_steps",
        "value": 7,
        "origin": "lamini.toml:3",
    }
    assert rows["home"]["origin"] == "environment LAMINI_HOME"
    assert rows["num_workers"]["origin"] == "lamini.toml:6 (profile cluster)"
    assert rows["min_recall"] == {"name": "min_recall", "value": 0.95, "origin": "default"}
    assert "tuning" not in rows


def test_a_profile_is_chosen_before_or_behind_the_command_or_by_the_environment(
    lamini, monkeypatch
):
    for words in (
        ("--profile", "cluster", "config", "show"),
        ("config", "show", "--profile=cluster"),
    ):
        assert settings(lamini(*words, "--json"))["num_workers"]["value"] == 8
    monkeypatch.setenv("LAMINI_PROFILE", "local")
    assert settings(lamini("config", "show", "--json"))["num_workers"]["value"] == 2
    wrong = lamini("status", "--profile", "clutser")
    assert wrong.exit_code == 3
    assert "did you mean 'cluster'?" in wrong.stderr


def test_no_password_is_shown(lamini):
    for more in ((), ("--json",), ("--origin",)):
        shown = lamini("config", "show", "--profile", "cluster", *more)
        assert "s3cret" not in shown.output
        assert "models.example" in shown.output


def test_variables_that_set_nothing_are_named_with_the_nearest_one(lamini, monkeypatch):
    monkeypatch.setenv("LAMINI_HOMME", "x")
    (ignored,) = json.loads(lamini("config", "show", "--json").stdout)["ignored"]
    assert "LAMINI_HOMME; did you mean 'LAMINI_HOME'?" in ignored
    assert "ignored: LAMINI_HOMME" in lamini("config", "show").stderr
    assert "sets nothing: LAMINI_HOMME" in lamini("recall").stderr


def test_people_get_lines(lamini):
    shown = lamini("config", "show").stdout
    assert "\ntuning.max_steps = 7\n" in shown
    assert "profile local" in shown


def test_nothing_that_may_be_a_secret_is_recorded_or_shown(lamini, monkeypatch):
    from flows.tracking.run_records import flat

    command = "tell 'the team' --token s3cret"
    monkeypatch.setenv("LAMINI_NOTIFY__COMMAND", command)
    recorded = flat(load_settings({"ray_address": "http://ada:secret@head:8265"}))
    assert recorded["ray_address"] == "http://***@head:8265"
    assert recorded["notify.command"] == "tell (3 arguments)"
    assert settings(lamini("config", "show", "--json"))["notify.command"]["value"] == (
        "tell (3 arguments)"
    )
    assert recorded["gate.max_foreign"] == 0.05
