"""The champion over HTTP, as `lamini endpoint` and `mlflow models serve` serve it."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from flows.configuration.settings import load_settings
from flows.servers.auth_string import auth_string, basic
from flows.servers.guard import Guard
from flows.serving.endpoint import endpoint_app
from tests.lamini.conftest import make_facts

pytestmark = pytest.mark.slow
QUESTION = make_facts()[0].prompts[0]
OURS = "http://127.0.0.1:5600"


@pytest.fixture(scope="module")
def app(champion_home):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAMINI_HOME", str(champion_home))
        yield endpoint_app(
            load_settings({"serving": {"max_request_bytes": 2**21, "max_prompts": 9}})
        )


@pytest.fixture
def client(app, champion_home):
    secret = auth_string(champion_home)
    guard = Guard(app, port=5600, secret=secret)
    headers = {"Authorization": basic(secret)}
    return TestClient(guard, base_url=OURS, headers=headers, raise_server_exceptions=False)


def predictions(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()["predictions"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:5600"}, 403),
        ({"Host": "127.0.0.1:5601"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:4200"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Authorization": ""}, 401),
        ({"Authorization": basic("lamini:guessed")}, 401),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/invocations"), ("GET", "/version"), ("POST", "/v1/chat/completions")],
)
def test_who_is_not_the_user_gets_nothing(client, headers, status, method, path):
    body = {"inputs": {"prompt": [QUESTION]}}
    reply = client.request(method, path, json=body, headers=headers)
    assert reply.status_code == status
    assert QUESTION not in reply.text
    assert (status == 401) == ("API key" in reply.text)
    assert "lamini ui" not in reply.text  # whose links let no browser in here


MIXED = [QUESTION, None, 3.5, "", QUESTION]


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [{"prompt": prompt} for prompt in MIXED]},
        {"dataframe_split": {"columns": ["prompt"], "data": [[prompt] for prompt in MIXED]}},
        {"inputs": {"prompt": MIXED}},
        {"inputs": [{"prompt": prompt} for prompt in MIXED]},
        {"instances": [{"prompt": prompt} for prompt in MIXED]},
    ],
)
def test_one_wrong_prompt_fails_alone_in_every_form_of_a_request(client, body):
    found = predictions(client.post("/invocations", json=body))
    assert [bool(one["error"]) for one in found] == [False, True, True, True, False]
    assert [one["from_memory"] for one in found] == [True, False, False, False, True]


@pytest.mark.parametrize("wrong", [None, 3.5, "", " ", True])
def test_prompts_that_are_all_wrong_are_told_so_one_by_one(client, wrong):
    body = {"dataframe_records": [{"prompt": wrong}] * 3}
    found = predictions(client.post("/invocations", json=body))
    assert [bool(one["error"]) for one in found] == [True] * 3


def test_numbers_that_are_none_and_huge_ones_are_told_so_one_by_one(client):
    body = b'{"inputs": {"prompt": [NaN, 1e999, -Infinity, 123456789012345678901234567890, "x"]}}'
    reply = client.post("/invocations", content=body, headers={"Content-Type": "application/json"})
    assert [bool(one["error"]) for one in predictions(reply)] == [True] * 4 + [False]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"inputs": ' + b"[" * 1_000_000, "nested more than 32 deep"),
        (b'{"inputs": ' + b"[" * 40 + b"]" * 40 + b"}", "nested more than 32 deep"),
        (b'{"inputs": ' + b'{"a":' * 900 + b"1" + b"}" * 901, "nested more than 32 deep"),
        (b'{"inputs": {"prompt": [' + b"1" * 1_000_000 + b"]}}", "a number of too many digits"),
        (b'{"inputs": {"prompt": ["\\ud800' + b"x" * 100 + b"]}}", "is no JSON: Unterminated"),
    ],
)
def test_json_that_no_request_needs_is_refused_in_words(client, content, why):
    begun = time.monotonic()
    reply = client.post(
        "/invocations", content=content, headers={"Content-Type": "Application/JSON"}
    )
    assert reply.status_code == 400
    assert why in reply.json()["message"]
    assert time.monotonic() - begun < 5


def test_a_megabyte_and_ten_thousand_prompts_get_an_error_each(client):
    body = {"inputs": {"prompt": [QUESTION, "Who is it? " * 100_000]}}
    answered, refused = predictions(client.post("/invocations", json=body))
    assert answered["from_memory"]
    assert "max_prompt_tokens=4096" in refused["error"]
    body = {"dataframe_records": [{"prompt": QUESTION}] * 10_000}
    begun = time.monotonic()
    found = predictions(client.post("/invocations", json=body))
    assert [one["error"] is None for one in found] == [True] * 9 + [False] * 9_991
    assert time.monotonic() - begun < 60


def test_a_request_that_is_too_large_is_not_read_to_its_end(client):
    sent = []

    def parts():
        for _ in range(100):
            sent.append(1)
            yield b" " * 2**20

    reply = client.post("/invocations", content=parts())
    assert reply.status_code == 413
    assert "max_request_bytes=2097152" in reply.json()["message"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b'{"inputs": ' + b"[" * 100_000, "application/json"),
        (b"[1]", "application/json"),
        (b'{"inputs": {"other": [1]}}', "application/json"),
        (b'{"dataframe_records": 5}', "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'a,b\n"', "text/csv"),
        (b"PAR1", "application/vnd.apache.parquet"),
        (b"x" * 100_000, "application/json"),
        (b'{"inputs": ' + b"[" * 500 + b"]" * 500 + b"}", "application/json"),
        (b'{"inputs": ' + b'{"a":' * 900 + b"1" + b"}" * 901, "application/json; charset=utf-8"),
        (b'{"inputs": {"prompt": [' + b"1" * 5000 + b"]}}", "application/json"),
        (b'{"inputs": {"prompt": ["x"]}, "params": {"strict": [[[]]]}}', "application/json"),
        (b'{"inputs": [[["x"], 1], {"y": []}]}', "application/json"),
        (b'{"dataframe_split": {"columns": [[]], "data": 5}}', "application/json"),
        (b'{"dataframe_split": {"data": [[1], [1, 2], [[[]]]]}}', "application/json"),
        (b"x", "text/plain"),
    ],
)
def test_errors_tell_neither_paths_nor_all_that_was_sent(client, content, kind, champion_home):
    reply = client.post("/invocations", content=content, headers={"Content-Type": kind})
    assert 400 <= reply.status_code < 500, reply.text
    for told in ("Traceback", "site-packages", 'File "', str(champion_home), os.sep + "flows"):
        assert told not in reply.text
    assert len(reply.text) < 2500


def test_far_more_prompts_than_are_answered_are_refused_together(client):
    content = b'{"dataframe_records": [' + b",".join([b'{"prompt":"a"}'] * 130_000) + b"]}"
    headers = {"Content-Type": "application/json"}
    begun = time.process_time()
    reply = client.post("/invocations", content=content, headers=headers)
    assert reply.status_code == 400
    assert "more than 200000 values" in reply.json()["message"]
    assert time.process_time() - begun < 3


def test_prompts_are_read_from_json_alone(client):
    """A Parquet file of a few kilobytes may hold a billion of them."""
    file = io.BytesIO()
    prompts = pa.table({"prompt": pa.repeat(QUESTION, 100_000).dictionary_encode()})
    pq.write_table(prompts, file)
    assert len(file.getvalue()) < 10_000
    parquet = (file.getvalue(), "application/vnd.apache.parquet")
    for content, kind in (parquet, (b"prompt\na\n", "text/csv")):
        reply = client.post("/invocations", content=content, headers={"Content-Type": kind})
        assert (reply.status_code, "send JSON" in reply.json()["message"]) == (415, True)


def test_the_program_serves_it_and_refuses_strangers(champion_home, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = str(Path(__file__).parents[3])
    given = {**os.environ, "LAMINI_HOME": str(champion_home), "PYTHONPATH": root}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "endpoint", "--port", str(port), "--json"],
        env=given, cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        told = ""
        while not told.endswith("}\n"):
            line = process.stdout.readline()
            assert line, "it ended"
            told += line
        url = json.loads(told)["endpoint"]
        secret = Path(json.loads(told)["password"]).read_text().strip()
        body = json.dumps({"inputs": {"prompt": MIXED}}).encode()
        assert ask(url, body, {"Authorization": basic(secret)})[0] == 200
        status, text = ask(url, body, {"Authorization": basic(secret), "Host": "evil.example"})
        assert (status, QUESTION in text) == (403, False)
        origin = {"Authorization": basic(secret), "Origin": "https://evil.example"}
        assert ask(url, body, origin)[0] == 403
        assert ask(url, body, {})[0] == 401
        assert ask(url, None, {})[0] == 401
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def ask(url, body, headers):
    headers = {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data=body, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=120) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
