import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import psutil
import pytest

from flows.errors import ServiceError
from flows.servers import server as servers
from flows.servers import services, started
from flows.servers.auth_string import auth_file, auth_string
from flows.servers.server import Server, answers, find, is_free
from flows.servers.services import Services, attach, open_ui
from warehouse.durable import write_json

HOLD = """
import sys, time
from pathlib import Path
from flows.servers.services import Services
with Services(Path(sys.argv[1])) as services:
    services.wait_ready()
    print(services.api_url, flush=True)
    time.sleep(600)
"""


def process(code, log):
    return psutil.Popen([sys.executable, "-c", code], stdout=log.open("w"))


def server(home, child, log):
    me = psutil.Process()
    auth_string(home)
    return Server(
        name="prefect",
        url="http://127.0.0.1:9",
        health="http://127.0.0.1:9/api/health",
        pid=child.pid,
        pid_created=child.create_time(),
        owner_pid=me.pid,
        owner_created=me.create_time(),
        log=str(log),
        auth_file=str(auth_file(home)),
    )


def gone(pids, within_seconds=20):
    deadline = time.monotonic() + within_seconds
    while any(psutil.pid_exists(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(psutil.pid_exists(pid) for pid in pids)


def test_a_server_that_ends_is_reported_with_the_tail_of_its_log(tmp_path):
    log = tmp_path / "prefect.log"
    child = process("print('no such database')", log)
    child.wait()
    with pytest.raises(ServiceError, match=r"it ended[^$]*no such database"):
        server(tmp_path, child, log).wait_ready(5)


@pytest.mark.slow
def test_a_server_that_does_not_answer_is_given_up(tmp_path):
    child = process("import time; time.sleep(60)", tmp_path / "log")
    silent = server(tmp_path, child, tmp_path / "log")
    with pytest.raises(ServiceError, match="no answer at http"):
        silent.wait_ready(0.3)
    silent.stop()
    assert not child.is_running()


@pytest.mark.slow
def test_a_server_that_ignores_sigterm_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(servers, "STOP_SECONDS", 0.5)
    log = tmp_path / "log"
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True)"
    child = process(f"{code}; time.sleep(60)", log)
    while not log.read_text():
        time.sleep(0.05)
    server(tmp_path, child, log).stop()
    assert not child.is_running()


def test_a_record_counts_only_while_its_very_process_lives(tmp_path):
    assert find(tmp_path, "prefect") is None
    child = process("import time; time.sleep(60)", tmp_path / "log")
    known = server(tmp_path, child, tmp_path / "log")
    write_json(asdict(known), tmp_path / "services" / "prefect.json")
    assert find(tmp_path, "prefect") == known
    assert not attach(tmp_path)  # it does not answer
    assert not known.is_orphan
    assert replace(known, owner_created=known.owner_created - 100).is_orphan
    other = replace(known, pid_created=known.pid_created - 100)
    write_json(asdict(other), tmp_path / "services" / "prefect.json")
    assert find(tmp_path, "prefect") is None
    known.stop()


def test_a_given_port_that_is_taken_is_refused(tmp_path):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free(port)
        with (
            pytest.raises(ServiceError, match=f"port {port} is taken"),
            open_ui(tmp_path, prefect_port=port),
        ):
            pass


STRANGER = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Yes(BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.headers, flush=True)
        self.send_response(200)
        self.end_headers()
server = HTTPServer(("127.0.0.1", 0), Yes)
print(server.server_port, flush=True)
server.serve_forever()
"""


@pytest.fixture
def stranger(tmp_path):
    """The port on which another program answers yes to everything."""
    log = tmp_path / "stranger.log"
    child = process(STRANGER, log)
    while not log.read_text().endswith("\n"):
        time.sleep(0.05)
    yield int(log.read_text())
    child.kill()
    child.wait()


def test_what_a_stranger_answers_on_our_port_is_not_taken_for_our_server(tmp_path, stranger):
    url = f"http://127.0.0.1:{stranger}"
    assert answers(url)
    child = process("print('port taken')", tmp_path / "log")
    child.wait()
    ours = replace(server(tmp_path, child, tmp_path / "log"), url=url, health=url)
    assert not ours.answers()
    assert "Authorization" not in (tmp_path / "stranger.log").read_text()  # nor told the secret
    with pytest.raises(ServiceError, match="it ended"):
        ours.wait_ready(5)


def test_who_only_says_again_what_he_is_asked_is_no_server():
    with socket.socket() as echo:
        echo.bind(("127.0.0.1", 0))
        echo.listen()

        def say_again():
            connection, _ = echo.accept()
            with connection:
                connection.sendall(connection.recv(4096))

        thread = threading.Thread(target=say_again)
        thread.start()
        assert not answers(f"http://127.0.0.1:{echo.getsockname()[1]}/api/health")
        thread.join()


@pytest.fixture
def home(tmp_path, databases):
    """A home whose servers come up without migrating a database first."""
    return shutil.copytree(databases, tmp_path / "home")


@pytest.mark.slow
def test_a_server_that_loses_its_port_while_it_starts_is_started_on_another(
    home, stranger, monkeypatch
):
    # As it was before the stranger came, and as if he had gone before we looked.
    monkeypatch.setattr(services, "PREFECT_PORT", stranger)
    monkeypatch.setattr(started, "is_free", lambda port: port == stranger or is_free(port))
    # A command starts it early, and the run within it waits for it.
    with Services(home) as outer, Services(home) as within:
        assert outer.api_url == f"http://127.0.0.1:{stranger}/api"
        url = within.wait_ready()
        assert url == outer.api_url == os.environ["PREFECT_API_URL"]
        assert url != f"http://127.0.0.1:{stranger}/api"
        assert answers(f"{url}/health", auth_string(home))


@pytest.mark.slow
def test_a_server_that_dies_comes_back_for_all_who_use_it(home):
    from prefect.settings import get_current_settings

    before = get_current_settings().client.custom_headers
    with socket.socket() as probe:  # the usual port is another test's as soon as the server is dead
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Services(home, port=port) as outer:
        with Services(home) as within:
            url = within.wait_ready()
            first = find(home, "prefect")
            psutil.Process(first.pid).kill()
            assert within.comes_back()
            assert find(home, "prefect").pid != first.pid
            assert answers(f"{url}/health", auth_string(home))
        assert outer.answers()  # the inner one has stopped nothing
        assert get_current_settings().client.custom_headers != before
    assert find(home, "prefect") is None
    # Else the next server is sent this one's secret, and refuses.
    assert get_current_settings().client.custom_headers == before


@pytest.mark.slow
def test_the_pages_come_up_although_a_port_is_lost(home, stranger, monkeypatch):
    monkeypatch.setattr(services, "MLFLOW_PORT", stranger)  # Prefect's: the test above
    monkeypatch.setattr(started, "is_free", lambda port: port == stranger or is_free(port))
    with open_ui(home) as both:
        assert len({server.url for server in both} - {f"http://127.0.0.1:{stranger}"}) == 2
        assert all(server.answers() for server in both)


@pytest.mark.slow
def test_a_server_starts_is_shared_and_leaves_no_process_behind_on_sigterm(home):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdout=subprocess.PIPE, text=True
    )
    url = holder.stdout.readline().strip()
    secret = auth_string(home)
    assert answers(f"{url}/health", secret)
    running = find(home, "prefect")
    family = [running.pid, *(p.pid for p in psutil.Process(running.pid).children(recursive=True))]
    with Services(home) as second:
        assert second.wait_ready() == url == os.environ["PREFECT_API_URL"]
        assert not second.started.is_ours
        assert os.environ["PREFECT_API_AUTH_STRING"] == secret
    assert not {"PREFECT_API_URL", "PREFECT_API_AUTH_STRING"} & os.environ.keys()
    assert answers(f"{url}/health", secret)
    holder.send_signal(signal.SIGTERM)
    assert holder.wait(30) == 128 + signal.SIGTERM
    assert gone(family)
    assert find(home, "prefect") is None
    assert not answers(f"{url}/health", secret)


@pytest.mark.slow
def test_ui_starts_both_servers_and_ctrl_c_stops_both(tmp_path):
    program = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "ui", "--json"],
        env={**os.environ, "LAMINI_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background has it ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    text = ""
    while not text.endswith("}\n"):
        line = program.stdout.readline()
        assert line, f"it ended with exit code {program.wait()}"
        text += line
    links = json.loads(text)
    assert set(links) == {"prefect", "mlflow"}
    assert all(both.answers() for name in links if (both := find(tmp_path, name)))
    assert all(link.startswith(find(tmp_path, name).page) for name, link in links.items())
    family = [p.pid for p in psutil.Process(program.pid).children(recursive=True)]
    program.send_signal(signal.SIGINT)
    assert program.wait(40) == 0
    assert gone(family)
    assert not any(find(tmp_path, name) for name in links)
