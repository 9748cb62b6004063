"""What a run records of itself: its settings, and a link to the page where MLflow shows it."""

from datetime import date
from types import SimpleNamespace

import pytest

from flows.configuration.settings import Settings
from flows.home.home import Home
from flows.servers.server import page
from flows.tracking import run_records
from flows.tracking.run_records import log_settings, mlflow_url
from flows.tracking.runs import TrackedRun, open_run

RUN = TrackedRun(uri="sqlite://", run_id="r1", experiment_id="2")
PAGE = "/#/experiments/2/runs/r1?workflowType=machine_learning"


def test_the_link_names_the_server_that_runs_else_the_port_that_is_tried_first(
    tmp_path, monkeypatch
):
    assert mlflow_url(Home(tmp_path), RUN) == f"{page(tmp_path, 5000)}{PAGE}"
    there = SimpleNamespace(page="http://name.localhost:5003")
    monkeypatch.setattr(run_records, "find", lambda home, name: there)
    assert mlflow_url(Home(tmp_path), RUN) == f"http://name.localhost:5003{PAGE}"


@pytest.mark.slow
def test_a_run_goes_on_on_another_day_elsewhere_and_with_another_gate(tmp_path):
    settings = Settings(home=Home(tmp_path), as_of=date(2025, 1, 1))
    run = open_run(Home(tmp_path), "key", "a run", {})
    log_settings(run, settings)
    others = {
        "as_of": date(2025, 1, 2),
        "min_recall": 0.5,
        "num_workers": 0,
        "sources": ("m.toml",),
    }
    log_settings(run, Settings(home=Home(tmp_path / "moved"), **others))
    found = run.client.get_run(run.run_id).data
    assert found.params["router_training.seed"] == str(settings.router_training.seed)
    assert found.tags["setting.as_of"] == "2025-01-02"
    assert found.tags["setting.min_recall"] == "0.5"
    assert not {"as_of", "min_recall", "home", "sources"} & {*found.params}
