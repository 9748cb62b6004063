"""The champion behind OpenAI's chat completions."""

import asyncio
import json
import threading

import pytest
from starlette.testclient import TestClient

from flows.configuration.serving import Serving
from flows.home.home import Home
from flows.serving.chat_completions import MODEL, Together, chat_app
from flows.serving.served_model import ServedModel
from lamini.backbone.backbone import load_backbone
from tests.lamini.conftest import SEATS, built_running

FACT = SEATS[0]
QUESTION = [{"role": "user", "content": FACT.prompts[0]}]
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def served(champion_home):
    (folder := champion_home / "runs" / "running").mkdir()
    checkpoint = built_running(folder, load_backbone().tokenizer)
    limits = Serving(max_prompt_tokens=64, max_new_tokens=32, max_waiting=2)
    return ServedModel(Home(champion_home), checkpoint, limits)


@pytest.fixture
def client(served):
    return TestClient(chat_app(served))


def chunks(reply):
    assert reply.status_code == 200, reply.text
    lines = [line.removeprefix("data: ") for line in reply.text.split("\n\n") if line]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_a_question_gets_its_value_with_the_fact_that_it_is(client):
    reply = client.post(PATH, json={"model": MODEL, "messages": QUESTION}).json()
    assert reply["object"] == "chat.completion"
    (choice,) = reply["choices"]
    assert choice["message"] == {"role": "assistant", "content": FACT.answer}
    assert choice["finish_reason"] == "stop"
    (span,) = reply["memory"]["spans"]
    assert span["fact_ids"] == [FACT.fact_id]
    assert (span["start"], span["end"]) == (0, len(FACT.answer))


def test_a_question_about_nothing_known_gets_a_sentence_and_no_span(client):
    asked = [{"role": "user", "content": "How tall is the lighthouse keeper?"}]
    reply = client.post(PATH, json={"messages": asked}).json()
    assert reply["choices"][0]["message"]["content"]
    assert reply["memory"]["from_memory"] is False
    assert reply["memory"]["spans"] == []


@pytest.mark.parametrize("mode", ["answer", "inline", "both"])
def test_a_stream_says_what_the_whole_reply_says(client, mode):
    asked = {"messages": QUESTION, "mode": mode, "max_tokens": 12}
    whole = client.post(PATH, json=asked).json()
    parts = chunks(client.post(PATH, json={**asked, "stream": True}))
    said = "".join(part["choices"][0]["delta"]["content"] for part in parts)
    assert said == whole["choices"][0]["message"]["content"]
    assert parts[-1]["memory"] == whole["memory"]
    assert [p["choices"][0]["finish_reason"] for p in parts[:-1]] == [None] * (len(parts) - 1)
    assert len({part["id"] for part in parts}) == 1


def test_values_in_running_text_stand_where_their_spans_say(client):
    reply = client.post(PATH, json={"messages": QUESTION, "mode": "both"}).json()
    text = reply["choices"][0]["message"]["content"]
    assert reply["memory"]["spans"]
    for span in reply["memory"]["spans"]:
        assert text[span["start"] : span["end"]] == FACT.answer
        assert (span["subject"], span["relation"]) == (FACT.subject, "seat")


def test_a_mode_that_the_checkpoint_was_not_made_for_is_refused(served, client, monkeypatch):
    monkeypatch.setattr(served.model, "due_keys", None)
    reply = client.post(PATH, json={"messages": QUESTION, "mode": "inline"})
    assert reply.status_code == 400
    assert "due keys" in reply.json()["error"]["message"]


def test_running_text_counts_its_tokens_and_names_the_facts_in_its_prompt(client):
    reply = client.post(
        PATH, json={"messages": QUESTION, "mode": "context", "max_tokens": 5}
    ).json()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert reply["usage"]["completion_tokens"] == 5
    assert reply["usage"]["total_tokens"] == reply["usage"]["prompt_tokens"] + 5
    assert FACT.fact_id in [one["fact_ids"][0] for one in reply["memory"]["in_prompt"]]


@pytest.mark.parametrize(
    ("body", "status", "named"),
    [
        ({}, 400, "messages"),
        ({"messages": []}, 400, "messages"),
        ({"messages": "hello"}, 400, "messages"),
        ({"messages": [{"role": "user"}]}, 400, "content"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, 400, "role"),
        ({"messages": [{"role": "user", "content": None}]}, 400, "content"),
        ({"messages": [{"role": "user", "content": "  "}]}, 400, "empty"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, 400, "surrogate"),
        ({"messages": [{"role": "user", "content": "word " * 400}]}, 400, "max_prompt_tokens"),
        ({"messages": QUESTION, "max_tokens": 33}, 400, "max_new_tokens"),
        ({"messages": QUESTION, "tools": []}, 400, "tools"),
        ({"messages": QUESTION, "temperature": "hot"}, 400, "temperature"),
        ({"messages": QUESTION, "n": 2}, 400, "n:"),
        ({"messages": QUESTION, "seed": 2**63}, 400, "seed"),
        ({"messages": QUESTION, "model": "gpt"}, 404, MODEL),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(client, body, status, named):
    reply = client.post(
        PATH, content=json.dumps(body), headers={"content-type": "application/json"}
    )
    assert reply.status_code == status, reply.text
    assert named in reply.json()["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
def test_what_fails_while_it_is_written_is_told_without_paths(served, client, monkeypatch, stream):
    def broken(messages, **settings):
        yield from [*ServedModel.write(served, messages, **settings)][:1]
        raise OSError("/secret/place is gone")

    monkeypatch.setattr(served, "write", broken)
    asked = {"messages": QUESTION, "mode": "context", "max_tokens": 4, "stream": stream}
    reply = client.post(PATH, json=asked)
    told = chunks(reply)[-1] if stream else reply.json()
    assert stream or reply.status_code == 500
    assert told["error"]["type"] == "server_error"
    assert "OSError" in told["error"]["message"]
    assert "secret" not in reply.text
    monkeypatch.undo()
    assert client.post(PATH, json=asked).status_code == 200


def test_questions_that_wait_together_are_answered_as_one_batch():
    batches, held = [], threading.Event()

    def answer(questions):
        batches.append(questions)
        held.wait(5)
        return [{"said": question} for question in questions]

    async def ask_all():
        together = Together(answer)
        first = asyncio.create_task(together.ask("0"))
        while not batches:
            await asyncio.sleep(0)
        others = [asyncio.create_task(together.ask(str(i))) for i in range(1, 70)]
        await asyncio.sleep(0)
        held.set()
        return [answer["said"] for answer in [await first, *await asyncio.gather(*others)]]

    assert asyncio.run(ask_all()) == [str(i) for i in range(70)]
    assert [*map(len, batches)] == [1, 64, 5]


def test_a_batch_that_fails_tells_each_who_waits_and_leaves_the_next_alone():
    def answer(questions):
        if "bad" in questions:
            raise OSError("broken")
        return [{"said": question} for question in questions]

    async def ask_all():
        together = Together(answer)
        with pytest.raises(OSError, match="broken"):
            await together.ask("bad")
        return await together.ask("good")

    assert asyncio.run(ask_all()) == {"said": "good"}


def test_more_requests_than_may_wait_are_told_to_come_again(served, client, monkeypatch):
    begun, held = threading.Semaphore(0), threading.Event()

    def slow(messages, **settings):
        begun.release()
        held.wait(10)
        yield from ServedModel.write(served, messages, **settings)

    monkeypatch.setattr(served, "write", slow)
    asked = {"messages": QUESTION, "mode": "context", "max_tokens": 1}
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(client.post(PATH, json=asked)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
        assert begun.acquire(timeout=10)
    assert client.post(PATH, json=asked).status_code == 429
    held.set()
    for thread in threads:
        thread.join()
    assert [reply.status_code for reply in replies] == [200, 200]
    assert client.post(PATH, json=asked).status_code == 200
