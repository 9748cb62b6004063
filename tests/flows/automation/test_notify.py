"""People are told, and what goes wrong with it fails no run: real processes, a real server."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest

from flows.automation.notify import notify, tell_of_run, telling_of_crash
from flows.configuration.notify import Notify
from flows.configuration.settings import load_settings
from flows.errors import GateError, SettingsError
from flows.home.champion import Champion, promote, read_pointer
from flows.home.home import Home
from flows.home.receipts import Check, Miss
from flows.home.run_folder import RunFolder
from flows.promote_candidate import consider
from flows.promotion.gate import Verdict

FAILURE = {"fact_id": "f1", "prompt": "Code of Bergen?", "wanted": "QX99", "said": "BE17"}
FAILED = Verdict(
    checks=(
        Check(name="recall of changed facts", measured=0.0, wanted="at least 90%", passed=False),
    ),
    failures=(Miss(**FAILURE, why="memory", is_routing=False),),
)
PASSED = Verdict(checks=())


def champion(key):
    return Champion(path="c", run_key=key, training_hash=key)


@pytest.fixture
def told(tmp_path):
    """A command that keeps what it is told, and what it was told so far."""
    script, file = tmp_path / "keep.py", tmp_path / "told.jsonl"
    script.write_text(f"import sys; open({str(file)!r}, 'a').write(sys.stdin.read() + '\\n')")

    def lines():
        return [json.loads(t) for t in file.read_text().splitlines()] if file.exists() else []

    return SimpleNamespace(command=f"{sys.executable} {script}", lines=lines)


@pytest.fixture
def webhook(monkeypatch):
    got = []

    class Keep(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *given):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keep)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPS_WEBHOOK", f"http://127.0.0.1:{server.server_port}/T0/secret")
    yield got
    server.shutdown()
    server.server_close()


def test_both_ways_get_the_same_json(tmp_path, told, webhook):
    given = Notify(command=told.command, webhook_url_env="OPS_WEBHOOK")
    assert notify(given, "run_failed", Home(tmp_path), {"why": "x"}) == ["command", "webhook"]
    assert told.lines() == webhook
    assert webhook == [{"event": "run_failed", "home": str(tmp_path), "why": "x"}]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["no-such-program", f"{sys.executable} -c 'import time; time.sleep(60)'", "false"]
)
def test_what_fails_or_hangs_is_logged_and_nothing_more(tmp_path, caplog, command):
    given = Notify(command=command, timeout_seconds=0.5)
    assert notify(given, "run_failed", Home(tmp_path), {}) == []
    assert "the notification by command failed" in caplog.text


def test_a_webhook_that_does_not_answer_is_logged_without_its_address(
    tmp_path, caplog, monkeypatch
):
    monkeypatch.setenv("OPS_WEBHOOK", "http://127.0.0.1:9/T0/secret")
    assert notify(Notify(webhook_url_env="OPS_WEBHOOK"), "run_failed", Home(tmp_path), {}) == []
    monkeypatch.setenv("OPS_WEBHOOK", "file:///etc/secret")
    assert notify(Notify(webhook_url_env="OPS_WEBHOOK"), "run_failed", Home(tmp_path), {}) == []
    assert "webhook" in caplog.text
    assert "secret" not in caplog.text


def test_nobody_is_told_where_nobody_is_named(tmp_path, caplog):
    assert notify(Notify(), "run_failed", Home(tmp_path), {}) == []
    assert not caplog.text


def test_a_url_in_the_file_is_refused(home):
    given = {"notify": {"webhook_url_env": "https://hooks.example.org/T0/secret"}}
    with pytest.raises(SettingsError, match="environment variable"):
        load_settings(given)


class Client:
    def set_logged_model_tags(self, model_id, tags):
        pass


class Run:
    client = Client()

    def __init__(self):
        self.tags = {}

    def set_tags(self, tags):
        self.tags |= tags

    def log_metrics(self, numbers):
        pass

    def log_file(self, path, folder=None):
        pass

    def mark_table(self, artifact):
        pass


@pytest.fixture
def judged(monkeypatch):
    """No run lies behind the verdicts here: there is nothing to keep or to report of it."""
    monkeypatch.setattr("flows.promote_candidate.keep_evaluation", lambda *given: None)
    monkeypatch.setattr("flows.promote_candidate.conclude", lambda *given: None)


@pytest.mark.usefixtures("judged")
def test_a_failed_gate_tells_once_which_facts_failed_and_stays_a_failed_gate(home, told):
    settings = load_settings({"notify": {"command": told.command}})
    folder = RunFolder(path=settings.home.runs / "abc")
    for _ in range(2):  # run again, the verdict is the same
        with pytest.raises(GateError, match="failed the gate"):
            consider(settings, Run(), folder, FAILED, champion("abc"), "model", None)
    (line,) = told.lines()
    assert (line["event"], line["run_key"]) == ("gate_failed", "abc")
    assert "recall of changed facts" in line["why"]
    assert line["failures"][0]["wanted"] == "QX99"


@pytest.mark.usefixtures("judged")
def test_a_failed_notification_does_not_hide_why_the_gate_failed(home):
    settings = load_settings({"notify": {"command": "no-such-program"}})
    folder = RunFolder(path=settings.home.runs / "abc")
    with pytest.raises(GateError, match="recall of changed facts"):
        consider(settings, Run(), folder, FAILED, champion("abc"), "model", None)
    assert folder.told("notified") is None


@pytest.mark.usefixtures("judged")
def test_a_candidate_of_a_run_that_a_rollback_overtook_is_marked_and_told_of(home, told):
    settings = load_settings({"notify": {"command": told.command}})
    folder, run = RunFolder(path=settings.home.runs / "abc"), Run()
    promote(Home(home), champion("old"), over=None)
    with pytest.raises(GateError, match="run new was the champion when it began"):
        consider(settings, run, folder, PASSED, champion("abc"), "model", champion("new"))
    assert (run.tags["gate"], run.tags["promoted"]) == ("passed", "false")
    assert read_pointer(Home(home)).champion.run_key == "old"
    assert "is not promoted" in told.lines()[0]["why"]


@pytest.mark.parametrize(
    ("error", "num_told"), [(RuntimeError("disk full"), 1), (GateError("x"), 0), (SystemExit(1), 1)]
)
def test_a_crash_is_told_and_raised_again(home, told, error, num_told):
    given = Notify(command=told.command)
    with pytest.raises(type(error)), telling_of_crash(given, Home(home)):
        raise error
    assert len(told.lines()) == num_told
    assert all(
        "RuntimeError: disk full" in t["why"] or "SystemExit" in t["why"] for t in told.lines()
    )


def test_a_served_run_that_died_is_told_by_prefects_hook(home, told, monkeypatch):
    monkeypatch.setenv("LAMINI_NOTIFY__COMMAND", told.command)
    run = SimpleNamespace(name="retrain (event)", parameters={"home": str(home)})
    tell_of_run(None, run, SimpleNamespace(name="Crashed", message="exit status 137"))
    tell_of_run(None, run, SimpleNamespace(name="Failed", message="GateError: run failed the gate"))
    (line,) = told.lines()
    assert (line["flow_run"], line["state"]) == ("retrain (event)", "Crashed")
