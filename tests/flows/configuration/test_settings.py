import os
import pickle
from datetime import date
from pathlib import Path

import pytest

from flows.configuration.settings import Settings, load_settings, resolve_settings
from flows.errors import SettingsError


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path):
    Path("lamini.toml").write_text('backbone = "file"\nnum_workers = 3\nas_of = 2026-01-01\n')
    env = {"LAMINI_BACKBONE": "environment", "LAMINI_NUM_WORKERS": "4"}
    settings = load_settings({"num_workers": 5, "as_of": None}, environ=env)
    assert (settings.backbone, settings.num_workers) == ("environment", 5)
    assert settings.as_of == date(2026, 1, 1)


def test_sections_join_key_by_key(tmp_path):
    Path("lamini.toml").write_text("[tuning]\nmax_steps = 7\nlearning_rate = 1\n")
    settings = load_settings(environ={"LAMINI_TUNING__MAX_STEPS": "9"})
    assert (settings.tuning.max_steps, settings.tuning.learning_rate) == (9, 1)


def test_paths_are_absolute_and_those_of_a_file_start_where_it_lies(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "my.toml").write_text(
        'home = "state"\nsources = ["a.toml"]\n[gate]\ngolden = "mine.jsonl"\n'
    )
    settings = load_settings(environ={"LAMINI_CONFIG": "deep/my.toml"})
    assert settings.home.path == tmp_path / "deep" / "state"
    assert settings.sources == (tmp_path / "deep" / "a.toml",)
    assert settings.gate.golden == str(tmp_path / "deep" / "mine.jsonl")
    assert load_settings(environ={}).home.path == tmp_path / ".lamini"
    several = load_settings(environ={"LAMINI_SOURCES": os.pathsep.join(["a.toml", "b.toml"])})
    assert several.sources == (tmp_path / "a.toml", tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"LAMINI_AS_OF": "soon"}, "as_of='soon' in environment LAMINI_AS_OF"),
        ({"LAMINI_NUM_WORKERS": "-1"}, "num_workers='-1' in environment LAMINI_NUM_WORKERS"),
        ({"LAMINI_TUNING__MAX_STEPPS": "1"}, "did you mean 'max_steps'"),
        ({"LAMINI_TUNING__MAX_STEPS": "few"}, "(environment LAMINI_TUNING__MAX_STEPS)"),
        ({"LAMINI_MEMORY__NUM_EXPERTS": "33"}, "num_experts=33 must be"),
        ({"LAMINI_PROFILE": "cluser"}, "unknown profile 'cluser'"),
        ({"LAMINI_CONFIG": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_what_is_wrong_is_named_with_its_origin(env, message):
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=env)
    assert message in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("hom = 1", "unknown setting 'hom' in lamini.toml:1; did you mean 'home'?"),
        (
            "\n[tuning]\n# a word\nmax_pases = 1",
            "'tuning.max_pases' in lamini.toml:4; did you mean",
        ),
        ("[tunning]\nmax_steps = 1", "'tunning' in lamini.toml:1; did you mean 'tuning'?"),
        ("tuning = 3", "tuning=3 in lamini.toml must be a table"),
        ("[profiles.cluster]\nnum_wrkers = 1", "'profiles.cluster.num_wrkers' in lamini.toml:2"),
        ("[profiles.cluster.tuning]\nmax = 1", "'profiles.cluster.tuning.max' in lamini.toml:2"),
        ("[profiles.local]\nprofile = 'x'", "'profiles.local.profile' in lamini.toml:2"),
        ("profile = 'cluser'\n[profiles.cluster]", "did you mean 'cluster'?"),
        ("profile = 3", "profile=3 in lamini.toml"),
        ("profiles = 3", "[profiles.cluster]"),
        ("num_workers = -1", "num_workers=-1 in lamini.toml:1"),
        ("[tuning]\nmax_steps = 'few'", "(lamini.toml:2)"),
        ("home = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line_and_the_nearest_name(text, message):
    Path("lamini.toml").write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(environ={})
    assert message in str(caught.value)


PROFILES = """
num_workers = 3
profile = "cluster"

[tuning]
max_steps = 7

[profiles.local]
num_workers = 1

[profiles.cluster]
num_workers = 8
home = "shared"

[profiles.cluster.tuning]
max_steps = 9
"""


def test_a_profile_overrides_the_file_key_by_key_and_environment_and_flags_override_it(tmp_path):
    Path("lamini.toml").write_text(PROFILES)
    settings, layers = resolve_settings({"as_of": "2026-01-01"}, environ={})
    assert (settings.num_workers, settings.tuning.max_steps) == (8, 9)
    assert settings.home.path == tmp_path / "shared"
    assert layers.profile == "cluster"
    assert layers.origin == {
        "num_workers": "lamini.toml:12 (profile cluster)",
        "home": "lamini.toml:13 (profile cluster)",
        "tuning.max_steps": "lamini.toml:16 (profile cluster)",
        "as_of": "command line",
    }
    local = load_settings(environ={"LAMINI_PROFILE": "local"})
    assert (local.num_workers, local.tuning.max_steps) == (1, 7)
    above = load_settings({"num_workers": 5}, environ={"LAMINI_NUM_WORKERS": "4"})
    assert above.num_workers == 5
    assert load_settings(environ={"LAMINI_NUM_WORKERS": "4"}).num_workers == 4


def test_the_local_profile_need_not_be_written():
    assert load_settings(environ={"LAMINI_PROFILE": "local"}) == load_settings(environ={})


def test_yes_and_no_are_understood_in_the_environment():
    assert load_settings(environ={"LAMINI_USE_GPU": "true"}).use_gpu


def test_settings_travel_as_json():
    settings = load_settings({"num_workers": 1}, environ={})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_answers_with_more_tokens_than_a_group_has_experts_are_refused_before_a_run():
    with pytest.raises(SettingsError, match=r"max_answer_tokens=256 must not exceed .*=64"):
        load_settings(environ={"LAMINI_TUNING__MAX_ANSWER_TOKENS": "256"})
    larger = {"LAMINI_MEMORY__GROUP_SIZE": "256", "LAMINI_TUNING__MAX_ANSWER_TOKENS": "256"}
    assert load_settings(environ=larger).tuning.max_answer_tokens == 256
