import os
import pickle
from datetime import date
from pathlib import Path

import pytest

from flows.errors import SettingsError
from flows.settings import Settings, apply_environment, environment, load_settings, mlflow_uri


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
    Path("lamini.toml").write_text("[tuning]\nmax_passes = 7\nlearning_rate = 1\n")
    settings = load_settings(environ={"LAMINI_TUNING__MAX_PASSES": "9"})
    assert (settings.tuning.max_passes, settings.tuning.learning_rate) == (9, 1)


def test_paths_are_absolute_and_those_of_a_file_start_where_it_lies(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "my.toml").write_text('home = "state"\nsources = ["a.toml"]\n')
    settings = load_settings(environ={"LAMINI_CONFIG": "deep/my.toml"})
    assert settings.home == tmp_path / "deep" / "state"
    assert settings.sources == (tmp_path / "deep" / "a.toml",)
    assert load_settings(environ={}).home == tmp_path / ".lamini"
    several = load_settings(environ={"LAMINI_SOURCES": os.pathsep.join(["a.toml", "b.toml"])})
    assert several.sources == (tmp_path / "a.toml", tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"LAMINI_AS_OF": "soon"}, "as_of='soon' in the environment"),
        ({"LAMINI_NUM_WORKERS": "0"}, "num_workers='0' in the environment"),
        ({"LAMINI_TUNING__MAX_PASES": "1"}, "unknown setting 'max_pases'; known: max_passes"),
        ({"LAMINI_MEMORY__NUM_EXPERTS": "33"}, "num_experts=33 must be"),
        ({"LAMINI_CONFIG": "nowhere.toml"}, "nowhere.toml"),
    ],
)
def test_what_is_wrong_is_named_with_its_origin(env, message):
    with pytest.raises(SettingsError) as caught:
        load_settings(environ=env)
    assert message in str(caught.value)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_an_unknown_key_in_the_file_is_refused():
    Path("lamini.toml").write_text("hom = 1\n")
    with pytest.raises(SettingsError, match=r"unknown setting 'hom' in lamini\.toml; known"):
        load_settings(environ={})


def test_settings_travel_as_json():
    settings = load_settings({"num_workers": 1}, environ={})
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_the_environment_keeps_what_the_user_set_but_not_where_state_lies(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("PREFECT_HOME", "/somewhere/else")
    apply_environment(tmp_path)
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert os.environ["PREFECT_HOME"] == str(tmp_path / "prefect")


def test_our_own_servers_are_reached_past_any_proxy(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "example.org")
    assert environment(tmp_path)["NO_PROXY"] == "example.org,127.0.0.1,localhost"


def test_the_database_is_absolute(tmp_path):
    assert mlflow_uri(tmp_path) == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert mlflow_uri(tmp_path).startswith("sqlite:////")
