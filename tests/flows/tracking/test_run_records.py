"""A run's link leads to the page where its MLflow server shows it."""

from types import SimpleNamespace

from flows.home.home import Home
from flows.tracking import run_records
from flows.tracking.run_records import mlflow_url
from flows.tracking.runs import TrackedRun

RUN = TrackedRun(uri="sqlite://", run_id="r1", experiment_id="2")
PAGE = "/#/experiments/2/runs/r1?workflowType=machine_learning"


def test_the_link_names_the_server_that_runs_else_the_port_that_is_tried_first(
    tmp_path, monkeypatch
):
    assert mlflow_url(Home(tmp_path), RUN) == f"http://127.0.0.1:5000{PAGE}"
    there = SimpleNamespace(url="http://127.0.0.1:5003")
    monkeypatch.setattr(run_records, "find", lambda home, name: there)
    assert mlflow_url(Home(tmp_path), RUN) == f"http://127.0.0.1:5003{PAGE}"
