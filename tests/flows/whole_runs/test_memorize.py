"""The whole path on a user's own table: real Prefect server, real MLflow."""

import json

import pytest

from tests.flows.whole_runs.branches import BEFORE, CODES, QUESTION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def test_a_run_memorizes_the_table_and_the_next_one_does_nothing(copied):
    first = copied.first
    assert (first["mode"], first["is_new"]) == ("full", True)
    assert first["reconciled"]["num_facts"] == len(CODES)
    cells = {c["kind"]: c for c in first["measure_recall"]["summary"] if c["template"] == "*"}
    assert cells["training"]["exact"] >= 0.9
    assert cells["training"]["oracle_exact"] == 1.0

    again = copied.tell(*copied.run_words(BEFORE))
    assert not again["is_new"]
    assert again["run_key"] == first["run_key"]


def test_a_question_is_answered_from_memory_with_the_row_it_comes_from(trained, small, lamini):
    small(trained.home, BEFORE)
    (asked,) = json.loads(lamini("ask", QUESTION, "--json").stdout)
    assert asked["answer"] == "BE17"
    assert asked["from_memory"]
    assert asked["table_agrees"]
    assert asked["rows"][0]["source"] == "branches"


def test_mlflow_has_the_run_with_its_trainings_and_its_checkpoint(trained):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{trained.home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lamini")
    runs = client.search_runs([experiment.experiment_id])
    stages = {found.data.tags["lamini.stage"]: found for found in runs}
    assert set(stages) == {"memorize", "pretrain_router", "tune_memory"}
    parent = stages["memorize"]
    for stage in ("pretrain_router", "tune_memory"):
        assert stages[stage].data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert "recall/training_exact" in parent.data.metrics
    assert parent.data.tags["prefect.flow_run_id"]
    assert parent.inputs.dataset_inputs[0].dataset.name == "facts"
    assert client.get_metric_history(stages["pretrain_router"].info.run_id, "loss")
    losses = client.get_metric_history(stages["tune_memory"].info.run_id, "tuning/loss")
    curve = [point.value for point in sorted(losses, key=lambda point: point.step)]
    assert curve[0] > 1 > 0.01 > curve[-1]  # near zero, step by step
    files = {item.path for item in client.list_artifacts(parent.info.run_id, "recall")}
    assert "recall/recall.parquet" in files
    models = client.search_logged_models([experiment.experiment_id])
    assert models
    assert models[0].source_run_id == parent.info.run_id
