"""The whole path on a user's own table: real Prefect server, real Ray workers, real MLflow."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MAPPING = """
name = "branches"
path = "branches.csv"

[claim]
subject = "city"
relation = {constant = "branch.code"}
value = "code"
question = {template = "What is the branch code of {subject}?"}
paraphrases = {templates = ["{subject} branch code"]}
"""
CITIES = ("Aarhus", "Bergen", "Coimbra", "Dresden", "Espoo", "Fribourg", "Graz", "Haarlem")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own-table")
    rows = [f"{city},{city[:2].upper()}{i}7" for i, city in enumerate(CITIES)]
    (folder / "branches.csv").write_text("\n".join(["city,code", *rows]) + "\n")
    (folder / "branches.toml").write_text(MAPPING)
    return folder


def command(home, *arguments):
    small = {
        "LAMINI_HOME": str(home / "state"),
        "LAMINI_ROUTER_TRAINING__NUM_STEPS": "40",
        "LAMINI_ROUTER_TRAINING__BATCH_FACTS": "8",
        "LAMINI_ROUTER_TRAINING__SAVE_EVERY_STEPS": "5",
        "LAMINI_ROUTER_TRAINING__NUM_NEGATIVES": "64",
        "LAMINI_MIN_RECALL": "0.5",
        "LAMINI_GATE__MAX_FOREIGN": "1",
        "LAMINI_GATE__MAX_NEAR_FOREIGN": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *arguments],
        env={**os.environ, **small},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )


def finish(process):
    out, err = process.communicate(timeout=1000)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out)


def run(home):
    return finish(command(home, "run", "--source", str(home / "branches.toml"), "--json"))


def wait_for(pattern, home, process, seconds=300):
    deadline = time.monotonic() + seconds
    while not list((home / "state").glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern} within {seconds} s"
        assert process.poll() is None, process.stderr.read()[-3000:]
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_i7_a_run_killed_while_training_goes_on_and_a_finished_one_does_nothing(home):
    process = command(home, "run", "--source", str(home / "branches.toml"), "--json")
    wait_for("runs/*/router/state-*.safetensors", home, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (home / "state" / "HEAD_CHECKPOINT.json").exists()

    first = run(home)
    assert first["is_new"]
    assert first["reconciled"]["num_facts"] == len(CITIES)
    cells = {c["kind"]: c for c in first["measure_recall"]["summary"] if c["template"] == "*"}
    assert cells["training"]["exact"] >= 0.9
    assert cells["training"]["oracle_exact"] == 1.0

    again = run(home)
    assert not again["is_new"]
    assert again["run_key"] == first["run_key"]

    asked = finish(command(home, "ask", "What is the branch code of Bergen?", "--json"))[0]
    assert asked["answer"] == "BE17"
    assert asked["from_memory"]
    assert asked["table_agrees"]
    assert asked["rows"][0]["source"] == "branches"

    check_mlflow(home / "state")


def check_mlflow(state):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{state / 'mlflow' / 'mlflow.db'}")
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
    files = {item.path for item in client.list_artifacts(parent.info.run_id, "recall")}
    assert "recall/recall.parquet" in files
    models = client.search_logged_models([experiment.experiment_id])
    assert models
    assert models[0].source_run_id == parent.info.run_id
