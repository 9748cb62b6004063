"""Attacks on real servers, as `lamini ui` and `lamini serve` start them, and what must go on.

A page of the web can send requests to loopback, under its own name or under one that it makes
resolve to 127.0.0.1; another program or user of the machine can send any. Prefect runs the shell
commands that its API is told, so each of these is an attack on the user's account.
"""

import base64
import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error

import psutil
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from flows.errors import ServiceError
from flows.servers import server as servers
from flows.servers.auth_string import auth_string, basic
from flows.servers.passes import COOKIE, cookie_value, host_name
from flows.servers.server import find, start_prefect
from flows.servers.services import Services, attach
from tests.flows.conftest import write_capitals
from tests.flows.whole_runs.branches import ask_prefect, open_url
from tests.flows.whole_runs.browser import Browser, find_browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RUN = """
import sys
from pathlib import Path
from flows.servers.services import Services
from flows.home.home import Home
from flows.tracking.runs import open_run
with Services(Path(sys.argv[1])) as services:
    services.wait_ready()
    from prefect import flow
    from prefect.artifacts import create_link_artifact
    from prefect.runtime import flow_run
    from flows.tracking.run_records import mlflow_url
    @flow(name="look", flow_run_name="a run to look at")
    def look():
        home = Home(Path(sys.argv[1]))
        url = str(flow_run.ui_url)
        tags = {"mlflow.note.content": f"[The run in Prefect]({url})"}
        tracked = open_run(home, "k" * 64, "a tracked run", tags)
        link = mlflow_url(home, tracked)
        artifact = create_link_artifact(link=link, link_text="its MLflow run", key="mlflow-run")
        return {"mlflow": link, "prefect": url, "artifact": str(artifact)}
    import json
    print(json.dumps(look(return_state=False)))
"""
WRITES = ("POST", "PUT", "PATCH", "DELETE")
SAID = {401, 403}


class Program:
    """A command of ours that goes on, and the JSON that it said first."""

    def __init__(self, home, *words, **environment):
        self.home = home
        self.log = home.parent / f"{words[0]}.log"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", *words, "--json"],
            env={**os.environ, "LAMINI_HOME": str(home), **environment},
            cwd=home.parent,
            stdout=subprocess.PIPE,
            stderr=self.log.open("w"),
            text=True,
        )
        text = ""
        while not text.endswith("\n}\n"):
            line = self.process.stdout.readline()
            assert line, self.log.read_text()[-3000:]
            text += line
        self.said = json.loads(text)

    def stop(self):
        family = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(90)
        _, left = psutil.wait_procs(family, timeout=30)
        for process in left:
            process.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def shown(tmp_path_factory, databases):
    """A home whose servers `lamini ui` shows."""
    home = shutil.copytree(databases, tmp_path_factory.mktemp("shown") / "home")
    ports = ("--prefect-port", free_port(), "--mlflow-port", free_port())
    program = Program(home, "ui", *ports)
    yield program
    program.stop()


def ask(url, method="GET", body=None, **headers):
    """Give the status and the header's names of an answer, whatever it is."""
    import urllib.request

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(
        url, data, {"Content-Type": "application/json", **named}, method=method
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(asked, timeout=60) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


READS = {
    "prefect": (
        *(
            "/",
            "/v2",
            "/runs",
            "/ui-settings",
            "/docs",
            "/api/health",
            "/api/ready",
            "/api/openapi.json",
        ),
        *("/api/admin/version", "/api/admin/settings", "/api/csrf-token?client=x"),
        *("/api/collections/views/aggregate-worker-metadata", "/nothing-here"),
    ),
    "mlflow": (
        *("/", "/health", "/version", "/static-files/index.html", "/graphql", "/metrics"),
        *(
            "/get-artifact?path=x&run_uuid=y",
            "/ajax-api/2.0/mlflow/experiments/get?experiment_id=0",
        ),
        *("/api/2.0/mlflow/experiments/get?experiment_id=0", "/ajax-api/3.0/mlflow/server-info"),
        *("/ajax-api/3.0/mlflow/assistant/config", "/nothing-here"),
    ),
}
CHANGES = {
    "prefect": ("/api/deployments/filter", "/api/flow_runs/filter", "/api/work_pools/"),
    "mlflow": (
        *("/ajax-api/2.0/mlflow/experiments/create", "/api/2.0/mlflow/experiments/search"),
        *("/graphql", "/ajax-api/3.0/mlflow/assistant/message", "/v1/traces"),
        *("/gateway/x/mlflow/invocations", "/ajax-api/2.0/mlflow/upload-artifact?path=x"),
    ),
}
ROADS = [(name, "GET", path) for name, paths in READS.items() for path in paths]
ROADS += [(n, method, path) for n, paths in CHANGES.items() for path in paths for method in WRITES]


@pytest.mark.parametrize(("name", "method", "path"), ROADS)
def test_a_stranger_is_refused(shown, name, method, path):
    server, secret = find(shown.home, name), auth_string(shown.home)
    body = {"name": "mine"} if method in WRITES else None
    known = {"Authorization": basic(secret)}
    shown_cookie = {"Cookie": f"{COOKIE}={cookie_value(secret)}"}
    page = f"{host_name(secret)}:{server.port}"

    def refused(**headers):
        status, answered, text = ask(server.url + path, method, body, **headers)
        allowed = {key.lower() for key in answered if key.lower().startswith("access-control")}
        is_told = any(held.encode() in text for held in (secret.partition(":")[2], page))
        return status in SAID and not allowed and not is_told

    assert refused()
    assert refused(Authorization=basic("lamini:" + "x" * 43))
    assert refused(Host=page)
    assert refused(Host=page, Cookie=f"{COOKIE}={'x' * 43}")
    assert refused(**shown_cookie)
    for way in (known, {"Host": page, **shown_cookie}):
        assert refused(**{**way, "Origin": "https://evil.example"})
        assert refused(**{**way, "Origin": "http://127.0.0.1:1"})
        assert refused(**{**way, "Origin": "null"})
        assert refused(**{**way, "Host": f"evil.example:{server.port}"})
        named = {"Host": "evil.example", "Origin": f"http://evil.example:{server.port}"}
        assert refused(**{**way, **named})
        assert refused(Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors", **way)
    asked_first = {"Access-Control-Request-Method": method, "Origin": "https://evil.example"}
    status, answered, _ = ask(server.url + path, "OPTIONS", **asked_first)
    assert status in SAID
    assert "access-control-allow-origin" not in answered


def test_whoever_has_the_secret_is_answered(shown):
    secret = auth_string(shown.home)
    known = {"Authorization": basic(secret)}
    prefect, mlflow = (find(shown.home, name) for name in ("prefect", "mlflow"))
    assert ask_prefect(f"{prefect.url}/api", "flow_runs/filter", {}, secret=secret) is not None
    found = f"{mlflow.url}/api/2.0/mlflow/experiments/get?experiment_id=0"
    with open_url(found, headers=known) as reply:
        assert json.load(reply)["experiment"]["name"] == "Default"
    # Of a known user too, Prefect wants its own token of each change.
    assert ask(f"{prefect.url}/api/flow_runs/filter", "POST", {}, **known)[0] == 403


SOCKETS = {
    "prefect": (
        *("/api/events/in", "/api/events/out", "/api/logs/out"),
        *("/api/task_runs/subscriptions/scheduled", "/api/work_pools/x/workers/connect"),
    ),
    "mlflow": ("/", "/ajax-api/3.0/mlflow/assistant/message"),
}


@pytest.mark.parametrize(
    ("name", "path"), [(name, path) for name, paths in SOCKETS.items() for path in paths]
)
def test_a_stranger_gets_no_socket(shown, name, path):
    secret = auth_string(shown.home)
    url = find(shown.home, name).url.replace("http", "ws") + path

    def opens(origin=None, **headers):
        """The status of the handshake where it is refused, or else the answer to a message."""
        first = {"type": "auth", "token": secret}
        try:
            with connect(
                *(url,),
                origin=origin,
                subprotocols=["prefect"],
                additional_headers=headers,
                proxy=None,
            ) as socket:
                socket.send(json.dumps(first))
                return json.loads(socket.recv(timeout=30)).get("type")
        except InvalidStatus as error:
            return error.response.status_code

    known = {"Authorization": basic(secret)}
    if name == "prefect":
        assert opens(origin=find(shown.home, name).url, **known) == "auth_success"
    assert opens() == 403
    assert opens(Authorization=basic("lamini:" + "x" * 43)) == 403
    assert opens(Cookie=f"{COOKIE}={cookie_value(secret)}") == 403
    assert opens(origin="https://evil.example", **known) == 403
    assert opens(origin="http://127.0.0.1:1", **known) == 403


def test_a_socket_under_a_foreign_name_is_refused(shown):
    server, secret = find(shown.home, "prefect"), auth_string(shown.home)
    key = base64.b64encode(bytes(16)).decode()
    lines = [
        *("GET /api/events/out HTTP/1.1", "Host: evil.example", "Upgrade: websocket"),
        *("Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"),
        *(f"Authorization: {basic(secret)}", "", ""),
    ]
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2]))) as raw:
        raw.sendall("\r\n".join(lines).encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 403")


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_a_browser_that_opened_one_link_sees_both_servers_and_goes_between_them(shown, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-c", RUN, str(shown.home)], capture_output=True, text=True, check=True
    )
    links = json.loads(ran.stdout.splitlines()[-1])
    browser = Browser(tmp_path / "profile")

    def click(text):
        found = f"[...document.querySelectorAll('a')].find(a => a.innerText == '{text}')"
        browser.wait_for(f"!!{found}")
        follow = f"(a => {{ a.removeAttribute('target'); a.click() }})({found})"
        browser.ask(follow, by_user=True)

    try:
        browser.open(links["prefect"])
        browser.wait_for_text("open a link that `lamini ui` prints")
        browser.open(shown.said["prefect"])
        browser.wait_for_text("Flow Runs")
        # Nor does it reach for another site, as Prefect's page does by itself.
        kept = "addEventListener('securitypolicyviolation', e => kept.push(e.blockedURI))"
        browser.ask(f"window.kept = []; {kept}; fetch('http://127.0.0.1:9/far').catch(() => 0)")
        browser.wait_for("kept.some(url => url.startsWith('http://127.0.0.1:9/'))")
        assert "code=" not in browser.ask("location.href")
        assert "lamini" not in browser.ask("document.cookie")  # no script can read it
        browser.open(shown.said["mlflow"])
        browser.wait_for_text("Experiments", "Last modified")  # of trainings, not of agents
        browser.open(f"{find(shown.home, 'prefect').page}/runs")
        browser.wait_for_text("a run to look at")
        browser.open(f"{find(shown.home, 'prefect').page}/artifacts/artifact/{links['artifact']}")
        click("its MLflow run")
        browser.wait_for_text("a tracked run")
        click("The run in Prefect")
        browser.wait_for_text("a run to look at")
        # A report that is opened as a file.
        report = tmp_path / "report.html"
        report.write_text(f"<a href='{links['mlflow']}'>the run</a>")
        browser.open(report.as_uri())
        click("the run")
        browser.wait_for_text("a tracked run")
    finally:
        browser.close()


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_a_page_of_another_site_gets_nothing_through_a_browser_that_was_let_in(shown, tmp_path):
    prefect, mlflow = (find(shown.home, name).page for name in ("prefect", "mlflow"))
    attack = """
      window.got = [];
      const send = (url, options) => fetch(url, {credentials: 'include', ...options})
        .then(r => r.text()).then(t => t && got.push(t)).catch(() => 0);
      const json = {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'};
      const plain = {method: 'POST', mode: 'no-cors', body: '{"name": "evil"}'};
      const all = [];
      const created = M + '/ajax-api/2.0/mlflow/experiments/create';
      for (const url of [P + '/api/flow_runs/filter', created])
        all.push(send(url, json), send(url, {...plain}));
      for (const url of [P + '/api/admin/settings', P + '/ui-settings', M + '/version'])
        all.push(send(url, {}));
      all.push(new Promise(done => {
        const socket = new WebSocket(P.replace('http', 'ws') + '/api/events/out', ['prefect']);
        socket.onopen = () => { got.push('socket'); done(); };
        socket.onerror = done;
      }));
      Promise.all(all).then(() => { window.ended = true; });
    """
    page = tmp_path / "evil.html"
    page.write_text(f"<script>const P='{prefect}', M='{mlflow}'; {attack}</script>")
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(find(shown.home, "prefect").link())
        browser.wait_for_text("Flow Runs")
        browser.open(page.as_uri())
        browser.wait_for("window.ended === true")
        assert browser.ask("got") == []  # neither an answer nor a socket
    finally:
        browser.close()
    named = {"Authorization": basic(auth_string(shown.home))}
    experiments = f"{find(shown.home, 'mlflow').url}/api/2.0/mlflow/experiments"
    evil = f"{experiments}/get-by-name?experiment_name=evil"
    assert ask(evil, **named)[0] == 404


class Elsewhere(http.server.BaseHTTPRequestHandler):
    """Another server of this machine: it has a page that attacks, and keeps what it is sent."""

    def do_GET(self):
        self.server.cookies.append(self.headers.get("Cookie"))
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.server.page.encode())

    def log_message(self, *told):
        pass


@pytest.fixture
def elsewhere():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        server.cookies, server.page = [], ""
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


FORM = """
<form method=post action='{mlflow}/ajax-api/2.0/mlflow/experiments/create' enctype=text/plain>
<input name='{{"name": "posted", "x": "' value='"}}'></form>
<script>document.forms[0].submit()</script>
"""
FRAME = """
<iframe src='{prefect}/runs'></iframe><iframe src='{mlflow}/version'></iframe><script>
addEventListener('load', () => {{ window.ended = true }});
const read = () => [...document.querySelectorAll('iframe')].map(f => {{
  try {{ return f.contentDocument.body.innerText }} catch (e) {{ return 'closed' }} }});
</script>
"""
WINDOW = """
<script>const opened = window.open('{prefect}/runs');
setTimeout(() => {{ window.ended = true }}, 3000);
const read = () => {{
  try {{ return opened.document.body.innerText }} catch (e) {{ return 'closed' }} }};
</script>
"""


@pytest.mark.skipif(find_browser() is None, reason="no Chromium is installed")
def test_a_form_a_frame_and_a_window_of_another_page_get_nothing(shown, elsewhere, tmp_path):
    prefect, mlflow = (find(shown.home, name) for name in ("prefect", "mlflow"))
    pages = {"prefect": prefect.page, "mlflow": mlflow.page}
    there = f"http://127.0.0.1:{elsewhere.server_port}/"
    browser = Browser(tmp_path / "profile", flags=["--disable-popup-blocking"])
    try:
        browser.open(prefect.link())
        browser.wait_for_text("Flow Runs")
        elsewhere.page = FORM.format(**pages)
        browser.open(there)
        browser.wait_for_text("Origin is another page's")
        elsewhere.page = FRAME.format(**pages)
        browser.open(there)
        browser.wait_for("window.ended === true")
        assert browser.ask("read()") == ["closed", "closed"]
        elsewhere.page = WINDOW.format(**pages)
        browser.open(there)
        browser.wait_for("window.ended === true")
        assert browser.ask("[opened.closed, read()]") == [True, "closed"]  # it was taken from us
    finally:
        browser.close()
    named = {"Authorization": basic(auth_string(shown.home))}
    posted = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=posted"
    assert ask(mlflow.url + posted, **named)[0] == 404
    # And what browsers send to every port of a host is not sent there.
    assert elsewhere.cookies
    assert not any(elsewhere.cookies)


@pytest.fixture(scope="module")
def served(tmp_path_factory, databases):
    """A home of the four rows that `lamini serve` serves; nothing comes by the clock."""
    folder = write_capitals(tmp_path_factory.mktemp("served"))
    shutil.copytree(databases, folder / "home")
    (folder / "lamini.toml").write_text('home = "home"\nsources = ["capitals.toml"]\n')
    schedule = {
        f"LAMINI_SCHEDULE__{name}": "0 0 1 1 *" for name in ("INGEST", "RETRAIN", "MEASURE")
    }
    program = Program(
        *(folder / "home", "serve"),
        LAMINI_CONFIG=str(folder / "lamini.toml"),
        LAMINI_SCHEDULE__WATCH_SECONDS="86400",
        **schedule,
    )
    yield program
    program.stop()


def test_no_page_runs_a_shell_command_while_a_home_is_served(served, tmp_path):
    """PATCH of a deployment's pull steps, then a run of it: what Prefect alone lets any page do."""
    api, secret = served.said["prefect"], auth_string(served.home)
    proof = tmp_path / "pwned"
    step = {"prefect.deployments.steps.run_shell_script": {"script": f"touch {proof}"}}
    deployment = wait_for(
        lambda: ask_prefect(api, "deployments/name/refresh-facts/capitals", secret=secret)
    )
    where = f"{api}/deployments/{deployment['id']}"
    foreign = [
        {"Origin": "https://evil.example"},
        {"Origin": "https://evil.example", "Host": "rebind.evil.example"},
        {"Host": "rebind.evil.example"},
        {},
    ]
    for headers in foreign:
        assert ask(f"{api}/deployments/filter", "POST", {}, **headers)[0] in SAID
        assert ask(where, "PATCH", {"pull_steps": [step]}, **headers)[0] in SAID
        assert ask(f"{where}/create_flow_run", "POST", {}, **headers)[0] in SAID
    runs = ask_prefect(api, "flow_runs/filter", {}, secret=secret)
    assert not [run for run in runs if not run["auto_scheduled"]]
    kept = ask_prefect(api, f"deployments/{deployment['id']}", secret=secret)
    assert kept["pull_steps"] == deployment["pull_steps"]

    # Our own run of it works, and its event starts a retrain.
    path = f"deployments/{deployment['id']}/create_flow_run"
    run = ask_prefect(api, path, {}, secret=secret)

    def ended():
        state = ask_prefect(api, f"flow_runs/{run['id']}", secret=secret)["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    assert wait_for(ended)["type"] == "COMPLETED", served.log.read_text()[-3000:]
    of_retrain = {"flows": {"name": {"any_": ["retrain"]}}}
    wait_for(
        lambda: [
            started
            for started in ask_prefect(api, "flow_runs/filter", of_retrain, secret=secret)
            if not started["auto_scheduled"]
        ]
    )
    assert not proof.exists()


def wait_for(found, seconds=300):
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(urllib.error.HTTPError):
            if what := found():
                return what
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_a_run_is_not_sent_to_a_server_that_wants_another_secret(shown, tmp_path, monkeypatch):
    theirs = f"{find(shown.home, 'prefect').url}/api"
    monkeypatch.setenv("PREFECT_API_URL", theirs)
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    assert not attach(tmp_path)
    with pytest.raises(ServiceError, match="lets us in only with its password"):
        Services(tmp_path).start()
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", auth_string(tmp_path))  # another home's
    with pytest.raises(ServiceError, match="set PREFECT_API_AUTH_STRING"):
        Services(tmp_path).start()
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", auth_string(shown.home))
    assert attach(tmp_path)
    with Services(tmp_path) as services:
        assert services.wait_ready() == theirs
        assert services.started is None


def test_the_address_of_the_homes_own_server_is_enough(shown, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", f"{find(shown.home, 'prefect').url}/api")
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    with Services(shown.home) as services:
        services.wait_ready()
        assert not services.started.is_ours
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
            assert client.read_flow_runs() is not None
    assert "PREFECT_API_AUTH_STRING" not in os.environ


def test_a_server_of_a_version_that_asked_for_nothing_is_not_used(tmp_path):
    old = psutil.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    me = psutil.Process()
    owner = {"owner_pid": me.pid, "owner_created": me.create_time()}
    record = {
        **{"name": "prefect", "url": "http://127.0.0.1:9", "log": str(tmp_path / "log")},
        **{"health": "http://127.0.0.1:9/api/health", "pid": old.pid},
        **{"pid_created": old.create_time(), **owner},
    }
    path = servers._record(tmp_path, "prefect")
    path.parent.mkdir()
    path.write_text(json.dumps(record))
    try:
        assert find(tmp_path, "prefect") is None
        assert not attach(tmp_path)
        with pytest.raises(ServiceError, match="of an older version"):
            start_prefect(tmp_path, int(free_port()))
        assert old.is_running()
        path.write_text(json.dumps({**record, "owner_created": me.create_time() - 100}))
        server, is_ours = start_prefect(tmp_path, int(free_port()))
        try:
            assert is_ours
            assert not old.is_running()  # nobody else would have stopped it
        finally:
            server.stop()
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            old.kill()
