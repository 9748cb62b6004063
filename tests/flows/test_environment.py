import os

from flows.environment import apply_environment, environment, mlflow_uri


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
