"""What one sees of a home trained once: the served champion and the pages of both tools."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.flows.browser import Browser, find_browser

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
SMALL = {
    "LAMINI_ROUTER_TRAINING__NUM_STEPS": "40",
    "LAMINI_ROUTER_TRAINING__BATCH_FACTS": "8",
    "LAMINI_ROUTER_TRAINING__NUM_NEGATIVES": "64",
    "LAMINI_MIN_RECALL": "0.5",
    "LAMINI_GATE__MAX_FOREIGN": "1",
    "LAMINI_GATE__MAX_NEAR_FOREIGN": "1",
}
QUESTION = "What is the branch code of Bergen?"
FOREIGN = "Who painted the ceiling of the Sistine Chapel?"
ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


def started(home, *words):
    environment = {**os.environ, **SMALL, "LAMINI_HOME": str(home)}
    environment["PYTHONPATH"] = str(ROOT)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seen")
    rows = [f"{city},{city[:2].upper()}{i}7" for i, city in enumerate(CITIES)]
    (folder / "branches.csv").write_text("\n".join(["city,code", *rows]) + "\n")
    (folder / "branches.toml").write_text(MAPPING)
    source = ("--source", str(folder / "branches.toml"))
    process = started(folder / "home", "flows.cli", "run", *source, "--json")
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err[-3000:]
    result = json.loads(out)
    assert result["promoted"]["version"] == "1"
    return folder / "home", result


@pytest.fixture
def tracking(trained):
    return f"sqlite:///{trained[0] / 'mlflow' / 'mlflow.db'}"


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
    assert run.data.tags["snapshot"] == trained[1]["reconciled"]["snapshot_hash"][:16]
    assert outcome[1:] in run.data.tags["mlflow.note.content"]
    assert "recall/by_template.json" in run.data.tags["mlflow.loggedArtifacts"]
    files = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert "report.html" in files
    plots = {item.path for item in client.list_artifacts(run.info.run_id, "plots")}
    assert {"plots/heat_relations.png", "plots/heat_facts.png"} <= plots
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

    with sqlite3.connect(trained[0] / "prefect" / "prefect.db") as con:
        rows = con.execute(
            "select r.name, r.tags, s.message from flow_run as r "
            "inner join flow_run_state as s on r.state_id = s.id"
        ).fetchall()
    by_name = {name: (tags, message) for name, tags, message in rows}
    (name,) = [name for name in by_name if name.startswith("memorize 20")]
    tags, message = by_name[name]
    assert "mode:full" in tags
    assert message.startswith("8 facts memorized in ")
    assert by_name["ingest facts"][1] == "8 new claims from branches"
    assert by_name["reconcile facts"][1].startswith("8 facts: 8 added")


def test_the_history_of_a_fact_begins_with_the_run(trained, lamini, monkeypatch):
    monkeypatch.setenv("LAMINI_HOME", str(trained[0]))
    found = json.loads(lamini("recall", "--history", "Bergen", "branch.code", "--json").stdout)
    (row,) = found["checkpoints"]
    assert (row["run_key"], row["passed"], row["answer"]) == (
        trained[1]["run_key"],
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
    prompts = [QUESTION, FOREIGN, *(f"What is the branch code of {city}?" for city in CITIES)]
    answers = model.predict(pd.DataFrame({"prompt": prompts}))
    assert [answer["prompt"] for answer in answers] == prompts
    known = [answer for answer in answers if answer["from_memory"]]
    assert len(known) >= len(CITIES) // 2  # a router of forty steps
    for answer in known:
        assert answer["experts"]
        assert answer["fact_ids"] == [fact["fact_id"] for fact in answer["facts"]]
        assert answer["rows"][0]["source"] == "branches"
    silent = [answer for answer in answers if not answer["from_memory"]]
    assert all(not (answer["experts"] or answer["facts"]) for answer in silent)
    strict = model.predict(pd.DataFrame({"prompt": prompts}), params={"strict": True})
    assert sum(a["from_memory"] for a in strict) <= len(known)
    assert model.metadata.signature.inputs.input_names() == ["prompt"]
    assert model.input_example is not None


def test_the_scoring_server_answers_a_batch_over_http(trained, tracking):
    home, _ = trained
    port = free_port()
    words = ("models", "serve", "-m", "models:/lamini@champion", "--env-manager", "local")
    environment = {"MLFLOW_TRACKING_URI": tracking}
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        process = started(home, "mlflow", *words, "--port", str(port))
    finally:
        os.environ.clear()
        os.environ.update(before)
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        wait_until_up(opener, f"http://127.0.0.1:{port}/ping", process)
        body = {"dataframe_records": [{"prompt": QUESTION}, {"prompt": FOREIGN}]}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations",
            data=json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        answers = json.loads(opener.open(request, timeout=300).read())["predictions"]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    assert [answer["prompt"] for answer in answers] == [QUESTION, FOREIGN]
    assert all({"from_memory", "experts", "fact_ids", "rows"} <= set(a) for a in answers)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_up(opener, url, process, seconds=400):
    deadline = time.monotonic() + seconds
    while True:
        try:
            if opener.open(url, timeout=5).status == 200:
                return
        except OSError:
            assert process.poll() is None, process.stderr.read()[-3000:]
            assert time.monotonic() < deadline
            time.sleep(0.5)


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_a_browser_shows_the_recall_chart_and_the_report(trained, tracking, tmp_path):
    from flows.servers.services import open_ui

    _, experiment, run = run_of(tracking)
    # The usual ports are what every other home tries to get at the same time.
    ports = {"prefect_port": free_port(), "mlflow_port": free_port()}
    with open_ui(trained[0], **ports) as servers:
        urls = {server.name: server.url for server in servers}
        page = f"{urls['mlflow']}/#/experiments/{experiment.experiment_id}/runs"
        browser = Browser(tmp_path / "profile")
        try:
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
    home, result = trained
    browser = Browser(tmp_path / "profile")
    try:
        browser.open((home / "runs" / result["run_key"] / "report.html").as_uri())
        browser.wait_for_text("8 facts memorized", "Every check passed", "Worst facts", "Cost")
        # Nothing is fetched: the page's own policy would say so in the console.
        assert browser.ask("performance.getEntriesByType('resource').length") == 0
    finally:
        browser.close()
