"""What one sees of a trained home: the served champion and the pages of both tools."""

import json
import os
import signal
import socket
import time

import pytest

from tests.flows.whole_runs.branches import BEFORE, CODES, FOREIGN, QUESTION, open_url
from tests.flows.whole_runs.browser import Browser, find_browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture
def tracking(trained):
    return f"sqlite:///{trained.home / 'mlflow' / 'mlflow.db'}"


def run_of(tracking):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=tracking)
    experiment = client.get_experiment_by_name("lamini")
    (run,) = client.search_runs([experiment.experiment_id], "tags.`lamini.stage` = 'memorize'")
    return client, experiment, run


def test_the_run_tells_mlflow_all_that_a_person_wants_to_know(trained, tracking):
    client, experiment, run = run_of(tracking)
    outcome = run.data.tags["outcome"]
    assert outcome.startswith("8 facts memorized in ")
    assert outcome.endswith("promoted v1")
    assert run.data.tags["snapshot"] == trained.first["reconciled"]["snapshot_hash"][:16]
    assert outcome[1:] in run.data.tags["mlflow.note.content"]
    assert "recall/by_template.json" in run.data.tags["mlflow.loggedArtifacts"]
    files = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert "report.html" in files
    plots = {item.path for item in client.list_artifacts(run.info.run_id, "plots")}
    assert {"plots/heat_relations.png", "plots/heat_facts.png"} <= plots
    assert run.data.metrics["gate/silent_prompts_unlike_the_backbone"] == 0
    assert any(name.startswith("system/") for name in run.data.metrics)
    (model,) = client.search_logged_models([experiment.experiment_id])
    measured = {metric.key for metric in model.metrics}
    assert {"recall/training_exact", "checkpoint/num_experts"} <= measured
    view = json.loads(experiment.tags["mlflow.sharedViewState.runs"])
    shown = json.loads(view["state"])["selectedColumns"]
    own = {f"metrics.`{name}`" for name in run.data.metrics}
    own |= {f"tags.`{name}`" for name in run.data.tags}
    assert set(shown) - own <= {"metrics.`recall/heldout_exact`"}  # only the reference facts have


def test_prefect_knows_the_run_by_what_it_did(trained):
    import sqlite3

    with sqlite3.connect(trained.home / "prefect" / "prefect.db") as con:
        rows = con.execute(
            "select r.name, r.tags, s.message from flow_run as r "
            "inner join flow_run_state as s on r.state_id = s.id"
        ).fetchall()
    rows = [(name, tags, message or "") for name, tags, message in rows]
    (ended,) = [row for row in rows if row[0] == f"memorize {BEFORE}" and "memorized" in row[2]]
    assert "mode:full" in ended[1]
    assert ended[2].startswith("8 facts memorized in ")
    said = {(name, message) for name, _, message in rows}
    assert ("ingest facts", "10 new claims from branches") in said
    assert [name for name, message in said if message.startswith("8 facts: 8 added")]


def test_the_history_of_a_fact_begins_with_the_run(trained, lamini, monkeypatch):
    monkeypatch.setenv("LAMINI_HOME", str(trained.home))
    found = json.loads(lamini("recall", "--history", "Bergen", "branch.code", "--json").stdout)
    (row,) = found["checkpoints"]
    assert (row["run_key"], row["passed"], row["answer"]) == (
        trained.first["run_key"],
        True,
        "BE17",
    )


def test_mlflow_loads_the_champion_and_it_says_where_answers_come_from(
    trained, tracking, monkeypatch
):
    import mlflow
    import pandas as pd

    monkeypatch.delenv("LAMINI_HOME", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    mlflow.set_tracking_uri(tracking)
    model = mlflow.pyfunc.load_model("models:/lamini@champion")
    prompts = [QUESTION, FOREIGN, *(f"What is the branch code of {city}?" for city in CODES)]
    answers = model.predict(pd.DataFrame({"prompt": prompts}))
    assert [answer["prompt"] for answer in answers] == prompts
    known = [answer for answer in answers if answer["from_memory"]]
    assert len(known) >= len(CODES) // 2  # a router of forty steps
    for answer in known:
        assert answer["experts"]
        assert answer["fact_ids"] == [fact["fact_id"] for fact in answer["facts"]]
        assert answer["rows"][0]["source"] == "branches"
    silent = [answer for answer in answers if not answer["from_memory"]]
    assert all(not (answer["experts"] or answer["facts"]) for answer in silent)
    strict = model.predict(pd.DataFrame({"prompt": prompts}), params={"strict": True})
    assert sum(a["from_memory"] for a in strict) <= len(known)
    refused = model.predict(pd.DataFrame({"prompt": prompts}), params={"refusal": "No."})
    assert [a["answer"] for a in refused if not a["from_memory"]] == ["No."] * len(silent)
    assert model.metadata.signature.inputs.input_names() == ["prompt"]
    assert model.input_example is not None


def test_the_scoring_server_answers_a_batch_over_http(trained, tracking):
    port = free_port()
    words = ("models", "serve", "-m", "models:/lamini@champion", "--env-manager", "local")
    process = trained.start(
        *words, "--port", str(port), module="mlflow", MLFLOW_TRACKING_URI=tracking
    )
    try:
        wait_until_up(f"http://127.0.0.1:{port}/ping", process)
        body = {"dataframe_records": [{"prompt": QUESTION}, {"prompt": FOREIGN}]}
        with open_url(f"http://127.0.0.1:{port}/invocations", body, timeout=300) as reply:
            answers = json.load(reply)["predictions"]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    assert [answer["prompt"] for answer in answers] == [QUESTION, FOREIGN]
    assert all({"from_memory", "experts", "fact_ids", "rows"} <= set(a) for a in answers)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(url, process, seconds=400):
    deadline = time.monotonic() + seconds
    while True:
        try:
            with open_url(url, timeout=5):
                return
        except OSError:
            assert process.poll() is None, process.stderr.read()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.5)


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_a_browser_shows_the_recall_chart_and_the_report(copied, tracking, tmp_path):
    from flows.servers.services import open_ui

    _, experiment, run = run_of(tracking)
    # The usual ports are what every other home tries to get at the same time.
    ports = {"prefect_port": free_port(), "mlflow_port": free_port()}
    with open_ui(copied.home, **ports) as servers:
        urls = {server.name: server.page for server in servers}
        page = f"{urls['mlflow']}/#/experiments/{experiment.experiment_id}/runs"
        browser = Browser(tmp_path / "profile")
        try:
            browser.open(servers[0].link())
            browser.wait_for_text("Flow Runs")
            browser.open(f"{page}/{run.info.run_id}/model-metrics")
            browser.wait_for_text("recall", "Model metrics")
            search = "document.querySelector('input[placeholder=\"Search metric charts\"]')"
            browser.wait_for(f"!!{search}")
            browser.ask(
                f"(() => {{ const box = {search}; Object.getOwnPropertyDescriptor("
                "HTMLInputElement.prototype, 'value').set.call(box, 'training_exact');"
                "box.dispatchEvent(new Event('input', {bubbles: true})) })()"
            )
            browser.wait_for_text("training_exact")
            browser.wait_for("document.querySelectorAll('.js-plotly-plot .bars path').length > 0")

            browser.open(f"{page}/{run.info.run_id}/artifacts/report.html")
            frame = browser.wait_for("document.querySelector('iframe')?.src")
            assert frame
            browser.wait_for_text("report.html")

            browser.open(f"{page}?viewStateShareKey=runs")
            browser.wait_for_text("What each run did", "facts/differing")

            browser.open(f"{urls['prefect']}/runs")
            browser.wait_for_text("mode:full", "reconcile facts")
        finally:
            browser.close()


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_a_browser_renders_the_report_by_itself(trained, tmp_path):
    browser = Browser(tmp_path / "profile")
    try:
        browser.open((trained.home / "runs" / trained.first["run_key"] / "report.html").as_uri())
        browser.wait_for_text("8 facts memorized", "Every check passed", "Worst facts", "Cost")
        # Nothing is fetched: the page's own policy would say so in the console.
        assert browser.ask("performance.getEntriesByType('resource').length") == 0
    finally:
        browser.close()
