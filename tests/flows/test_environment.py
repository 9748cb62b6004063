import os
import subprocess
import sys

import pytest

from flows.environment import apply_environment, environment, keep_private, mlflow_uri


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


@pytest.fixture
def open_to_all():
    """The umask that most systems give."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def readable_by_others(home):
    return [path for path in (home, *home.rglob("*")) if path.lstat().st_mode & 0o077]


@pytest.mark.usefixtures("open_to_all")
def test_what_this_process_and_its_children_write_in_a_new_home_is_the_users_alone(tmp_path):
    home = tmp_path / "home"
    apply_environment(home)
    (home / "mine").write_text("secret")
    child = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('secret')"
    subprocess.run([sys.executable, "-c", child, str(home / "of a child")], check=True)
    assert len(list(home.iterdir())) == 3
    assert not readable_by_others(home)


@pytest.mark.slow
@pytest.mark.usefixtures("open_to_all")
def test_a_home_that_the_program_makes_is_the_users_alone(mapping, home):
    subprocess.run(
        [sys.executable, "-m", "flows.cli", "source", "add", str(mapping)], check=True, umask=0o022
    )
    subprocess.run([sys.executable, "-m", "flows.cli", "ingest"], check=True, umask=0o022)
    assert (home / "warehouse" / "catalogue.duckdb").is_file()
    assert not readable_by_others(home)


@pytest.mark.usefixtures("open_to_all")
def test_an_old_home_is_put_right_once_and_told_in_a_line(tmp_path, caplog):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    (home / "warehouse").mkdir(parents=True)
    (home / "warehouse" / "script").write_text("")
    (home / "warehouse" / "script").chmod(0o755)
    elsewhere.write_text("not of this home")
    (home / "link").symlink_to(elsewhere)
    keep_private(home)
    keep_private(home)
    assert [path for path in readable_by_others(home) if not path.is_symlink()] == []
    assert (home / "warehouse" / "script").stat().st_mode & 0o777 == 0o700
    assert elsewhere.stat().st_mode & 0o777 == 0o644
    (told,) = caplog.messages
    assert str(home) in told
    assert "\n" not in told


@pytest.mark.usefixtures("open_to_all")
def test_a_folder_that_holds_other_things_is_left_as_it_is(tmp_path):
    (tmp_path / "a project").mkdir()
    keep_private(tmp_path)
    assert (tmp_path / "a project").stat().st_mode & 0o777 == 0o755
