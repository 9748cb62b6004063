"""Ray's Jobs API: one run is one job, whoever submits it and however often."""

import contextlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from ray.exceptions import AuthenticationError

from flows.errors import JobFailedError, exit_code
from flows.home.champion import read_pointer
from flows.home.home import Home
from flows.training import remote
from flows.training.remote import (
    ClusterAwayError,
    RemoteJobError,
    _follow,
    _pass_on,
    connect,
    submit_or_attach,
)
from tests.flows.whole_runs.branches import ROOT, SMALL, Branches

EASY = {"LAMINI_MIN_RECALL": "0"}


class Cluster:
    """Stands for the Jobs API: knows every id it ever took, and takes none twice."""

    def __init__(self, **known):
        self.known, self.submitted = {f"lamini-key-{n[1:]}": s for n, s in known.items()}, []

    def get_job_status(self, submission_id):
        if submission_id not in self.known:
            raise RuntimeError(f"Request failed with status code 404: {submission_id}")
        return self.known[submission_id]

    def submit_job(self, *, entrypoint, submission_id, runtime_env):
        if submission_id in self.known:
            raise RuntimeError(f"Job with submission_id {submission_id} already exists.")
        self.known[submission_id] = "PENDING"
        self.submitted.append(entrypoint)


def submit(cluster, is_whole=False):
    return submit_or_attach(cluster, "key", "train", {}, is_whole=lambda known: is_whole)


@pytest.mark.parametrize(
    ("known", "is_whole", "number", "is_new"),
    [
        ({}, False, 0, True),
        ({"_0": "RUNNING"}, False, 0, False),
        ({"_0": "SUCCEEDED"}, True, 0, False),
        ({"_0": "SUCCEEDED"}, False, 1, True),  # what it returned was taken away: trained anew
        ({"_0": "FAILED", "_1": "STOPPED"}, False, 2, True),
        ({"_0": "FAILED", "_1": "PENDING"}, False, 1, False),
    ],
)
def test_a_run_attaches_to_its_job_or_takes_the_next_number(known, is_whole, number, is_new):
    cluster = Cluster(**known)
    assert submit(cluster, is_whole) == f"lamini-key-{number}"
    assert cluster.submitted == ([f"train lamini-key-{number}"] if is_new else [])


def test_of_two_that_submit_at_once_the_slower_attaches():
    cluster = Cluster()
    real = cluster.get_job_status
    first = iter([True])

    def not_yet(submission_id):
        if next(first, False):
            cluster.known[submission_id] = "RUNNING"  # the other one came in between
            raise RuntimeError("status code 404")
        return real(submission_id)

    cluster.get_job_status = not_yet
    assert submit(cluster) == "lamini-key-0"
    assert not cluster.submitted


def test_a_cluster_that_takes_no_job_is_told_of():
    cluster = Cluster()

    def refuse(**given):
        raise RuntimeError("status code 500: no room")

    cluster.submit_job = refuse
    with pytest.raises(RemoteJobError, match="no room"):
        submit(cluster)


@pytest.mark.slow
def test_an_address_where_nothing_answers_is_bad_input_with_a_hint():
    with pytest.raises(RemoteJobError, match="RAY_AUTH_MODE=token") as caught:
        connect("http://127.0.0.1:9")
    assert exit_code(caught.value) == 3


def test_only_whole_lines_of_progress_are_passed_on_each_once(tmp_path):
    file, told = tmp_path / "p.jsonl", []
    on_report = lambda stage, step, numbers: told.append(step)  # noqa: E731
    assert _pass_on(file, 0, on_report) == 0
    line = json.dumps({"stage": "s", "step": 1, "numbers": {}}) + "\n"
    file.write_text(line + '{"stage"')
    read = _pass_on(file, 0, on_report)
    file.write_text(line + line.replace("1", "2"))
    _pass_on(file, read, on_report)
    assert told == [1, 2]


@pytest.fixture
def follow(tmp_path, monkeypatch):
    """Follows a job whose polls give what they are told, and keeps the steps that are passed on."""
    monkeypatch.setattr(remote, "POLL_SECONDS", 0.0)
    file, steps = tmp_path / "job.jsonl", []

    def run(*polls):
        answers = iter(polls)

        def get_job_status(submission_id):
            answer = next(answers)
            if isinstance(answer, Exception):
                raise answer
            with file.open("a") as out:
                out.write(json.dumps({"stage": "s", "step": len(steps), "numbers": {}}) + "\n")
            return answer

        client = SimpleNamespace(get_job_status=get_job_status, get_job_logs=lambda job: "boom")
        _follow(client, "job", file, lambda stage, step, numbers: steps.append(step))

    run.steps = steps
    return run


AWAY = (RuntimeError("status code 503"), ConnectionError("refused"))


def test_polls_that_fail_for_a_while_end_nothing(follow):
    follow("PENDING", *AWAY, "RUNNING", *AWAY, "SUCCEEDED")
    assert follow.steps == [0, 1, 2]


def test_a_cluster_that_stays_away_is_given_up_and_attached_to_again_without_a_point_twice(
    follow, monkeypatch
):
    monkeypatch.setattr(remote, "OUTAGE_SECONDS", 0.0)
    with pytest.raises(ClusterAwayError, match="run again") as caught:
        follow("RUNNING", "RUNNING", *AWAY)
    assert exit_code(caught.value) == 4
    follow("RUNNING", "SUCCEEDED")
    assert follow.steps == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("poll", "kind", "code"),
    [
        ("FAILED", JobFailedError, 1),
        (RuntimeError("status code 404"), ClusterAwayError, 4),
        (AuthenticationError("no token"), RemoteJobError, 3),
    ],
)
def test_how_a_job_ends_is_told_by_its_exit_code(follow, poll, kind, code):
    with pytest.raises(kind) as caught:
        follow("RUNNING", poll)
    assert exit_code(caught.value) == code
    assert ("boom" in str(caught.value)) == (poll == "FAILED")


HAS_DASHBOARD = importlib.util.find_spec("aiohttp_cors") and importlib.util.find_spec("opencensus")


@pytest.fixture
def cluster(tmp_path):
    """The address of a cluster of one node that wants a token, and the environment to reach it."""
    ports = free_ports(5)
    token = tmp_path / "token"
    token.write_text("0123456789abcdef" * 4)
    env = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    process = started(ports, env, tmp_path / "head.log")
    yield f"http://127.0.0.1:{ports[0]}", env
    for run in started_here:
        run.terminate()
        run.wait(60)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(60)


PORTS = ("dashboard-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port")
# Left to choose a port, an agent has 15 s to say which, fixed in Ray's code: too few if busy.
PORTS += ("runtime-env-agent-port", "metrics-export-port")


def free_ports(number):
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def started(ports, env, log):
    """Start the head; Ray gives its daemons 30 s, fixed in its code: a busy machine needs more."""
    head = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port=0"]
    chosen = [f"--{name}={port}" for name, port in zip(PORTS, ports, strict=True)]
    size = ("--num-cpus=4", "--object-store-memory=200000000", "--disable-usage-stats")
    for attempt in range(5):
        place = f"--temp-dir=/tmp/r{os.getpid()}-{attempt}"  # Ray's socket paths must be short
        process = subprocess.Popen(
            [*head, *chosen, "--dashboard-host=127.0.0.1", *size, place],
            env=env,
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        while process.poll() is None:
            if "Ray runtime started" in log.read_text():
                return process
            time.sleep(0.2)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    raise AssertionError(log.read_text()[-3000:])


def wait_until(done, seconds, what):
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what()
        time.sleep(0.5)


started_here = []


def lamini(branches, env, address):
    words = (*branches.run_words(), "--ray-address", address, "--json")
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", *words],
        env={**env, **SMALL, **EASY, "LAMINI_HOME": str(branches.home)},
        stdout=subprocess.PIPE,
        stderr=(branches.folder / "run.log").open("a"),
        text=True,
        cwd=ROOT,
    )
    started_here.append(process)
    return process


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not HAS_DASHBOARD, reason="the Jobs API needs the extra `cluster`")
def test_a_killed_run_attaches_to_its_job_on_a_cluster_with_tokens(cluster, tmp_path):
    address, env = cluster
    branches = Branches(tmp_path).write()
    log = lambda: (tmp_path / "run.log").read_text()[-3000:]  # noqa: E731
    up = lambda: subprocess.run(  # noqa: E731
        [sys.executable, "-c", ASK, address], env=env, capture_output=True, text=True, check=False
    )
    wait_until(lambda: up().returncode == 0, 180, lambda: (tmp_path / "head.log").read_text())
    stranger = {**env, "RAY_AUTH_MODE": "disabled"}
    refused = subprocess.run(
        [sys.executable, "-c", ASK, address], env=stranger, capture_output=True, text=True
    )
    assert "RemoteJobError" in refused.stderr

    first = lamini(branches, env, address)
    reports = lambda: [*branches.home.glob("runs/*/ray/lamini-*.jsonl")]  # noqa: E731
    wait_until(reports, 400, log)
    first.kill()
    first.wait()
    second = lamini(branches, env, address)
    out, _ = second.communicate(timeout=600)
    assert second.returncode == 0, log()
    key = json.loads(out)["run_key"]
    assert json.loads(up().stdout) == {f"lamini-{key}-0": "SUCCEEDED"}
    assert read_pointer(Home(branches.home)).champion.run_key == key


ASK = """
import json, sys
from flows.training.remote import connect
jobs = connect(sys.argv[1]).list_jobs()
print(json.dumps({job.submission_id: str(job.status) for job in jobs if job.submission_id}))
"""
