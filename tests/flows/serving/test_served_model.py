"""What strangers may send as prompts: each is answered, or refused for itself."""

import math
import time
import tracemalloc

import pandas as pd
import pyarrow as pa
import pytest

from flows.configuration.serving import Serving
from flows.home.home import Home
from flows.serving.given_prompts import batches, prompts_of
from flows.serving.served_model import ServedModel, open_served
from lamini.backbone.text import encode_prompt
from tests.lamini.conftest import make_facts

pytestmark = pytest.mark.slow
FACTS = make_facts()
QUESTION = FACTS[0].prompts[0]
NO_TEXT = {
    "null": None,
    "nan": math.nan,
    "pandas' null": pd.NA,
    "number": 3.5,
    "truth": True,
    "list": ["Who?"],
    "empty": "",
    "blank": " \n\t ",
    "half a character": "Who is \ud800?",
    "a megabyte": "Who is it? " * 100_000,
    "a megabyte of one word": "a" * 1_000_000,
    "many tokens": "🦀" * 5000,
}
ODD = {
    "control characters": "\x00\x01\x1b[2J\x1b]0;title\x07 seat\x7f",
    "end of text": "</s>",
    "special tokens": f"<s></s><pad> {QUESTION} </s>",
    "another script": "アルヴィアの都はどこ",
    "right to left": "\u202eaivrA\u202c",
}


@pytest.fixture(scope="module")
def served(champion_home):
    return ServedModel(Home(champion_home), champion_home / "runs" / "k" / "checkpoint")


def answers(served, prompts, **given):
    """Give what each prompt gets as MLflow hands it on: plain values with names."""
    return [answer.told() for answer in served.answer(prompts, **given)]


def bounded(served, monkeypatch, **limits):
    monkeypatch.setattr(served, "limits", Serving(**limits))
    return served


@pytest.mark.parametrize("kind", NO_TEXT)
def test_what_is_no_prompt_gets_an_error_and_those_beside_it_their_answers(served, kind):
    alone = answers(served, [QUESTION])[0]
    first, wrong, last = answers(served, [QUESTION, NO_TEXT[kind], QUESTION])
    assert first == last
    assert first["error"] is None
    assert first["from_memory"]
    assert (first["answer"], first["fact_ids"]) == (alone["answer"], [FACTS[0].fact_id])
    assert wrong["error"]
    assert not wrong["from_memory"]
    assert (wrong["answer"], wrong["fact_ids"], wrong["experts"]) == (None, [], [])
    assert wrong.keys() == first.keys()
    assert wrong["prompt"] is None or len(wrong["prompt"]) <= 81


@pytest.mark.parametrize("kind", ODD)
def test_odd_texts_are_answered_and_change_nothing_beside_them(served, kind):
    alone = answers(served, [QUESTION])[0]
    odd, beside = answers(served, [ODD[kind], QUESTION])
    assert (odd["prompt"], odd["error"]) == (ODD[kind], None)
    assert isinstance(odd["answer"], str)
    assert (beside["answer"], beside["group"]) == (alone["answer"], alone["group"])


def test_an_error_says_the_limit_and_the_setting(served, monkeypatch):
    bounded(served, monkeypatch, max_prompt_tokens=20, max_prompts=2, max_seconds=60)
    within, long, beyond = answers(served, [QUESTION, QUESTION * 3, QUESTION])
    assert within["from_memory"]
    assert "tokens, the limit is max_prompt_tokens=20" in long["error"]
    assert "prompt 3 of 3: the limit is max_prompts=2" in beyond["error"]


def test_ten_thousand_prompts_are_bounded_in_time_and_memory(served, monkeypatch):
    bounded(served, monkeypatch, max_prompts=30)
    tracemalloc.start()
    begun = time.process_time()
    found = answers(served, [QUESTION] * 10_000)
    spent, (_, most) = time.process_time() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [place for place, one in enumerate(found) if one["error"] is None] == [*range(30)]
    assert all("max_prompts=30" in one["error"] for one in found[30:])
    assert spent < 60
    assert most < 100e6


def test_when_the_time_is_over_no_further_batch_begins(served, monkeypatch):
    bounded(served, monkeypatch, max_seconds=60, max_prompt_tokens=10_000)
    answer, now, asked = served.model.answer, [0.0], []

    def slow(prompts, **given):
        now[0] += 61
        asked.append(prompts)
        return answer(prompts, **given)

    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr(served.model, "answer", slow)
    long = "It is said of old that " * 600  # no room for it beside the question
    told, late = answers(served, [QUESTION, long])
    assert asked == [[QUESTION]]
    assert told["error"] is None
    assert "longer than max_seconds=60" in late["error"]


def test_a_prompt_on_which_the_model_fails_fails_alone_and_tells_no_path(served, monkeypatch):
    answer = served.model.answer

    def fragile(prompts, **given):
        if "poison" in prompts:
            raise RuntimeError("/home/somebody/secret.txt")
        return answer(prompts, **given)

    monkeypatch.setattr(served.model, "answer", fragile)
    first, wrong, last = answers(served, [QUESTION, "poison", QUESTION])
    assert first["error"] is last["error"] is None
    assert wrong["error"] == "the answer failed (RuntimeError); the server's log says why"


def test_a_long_refusal_is_refused(served):
    (found,) = answers(served, [QUESTION], refusal="No. " * 1000)
    assert "the limit is 1000" in found["error"]


def test_prompts_of_the_greatest_length_are_run_alone_and_short_ones_together():
    found = [*batches({0: 4096, 1: 10, 2: 4096, 3: 11, 4: 8000, **dict.fromkeys(range(5, 80), 12)})]
    assert [len(batch) for batch in found] == [64, 13, 2, 1]
    assert found[-2:] == [[0, 2], [4]]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("Who?", ["Who?"]),
        (None, [None]),
        ({"prompt": "Who?"}, ["Who?"]),
        ({"prompt": ["Who?", None]}, ["Who?", None]),
        ([{"prompt": "Who?"}, {"other": 1}, 3], ["Who?", None, 3]),
        (pd.DataFrame({"a": [1, 2], "prompt": ["Who?", 5]}), ["Who?", 5]),
        (pd.DataFrame({0: ["Who?"]}), ["Who?"]),
        (pd.DataFrame({"prompt": []}), []),
        (pd.DataFrame([{"prompt": ["Who?", "What?"]}]), ["Who?", "What?"]),
        (7, [7]),
    ],
)
def test_prompts_are_taken_as_they_were_given(given, wanted):
    assert prompts_of(given) == wanted


def test_a_saved_models_configuration_names_the_bounds(champion_home, monkeypatch):
    monkeypatch.delenv("LAMINI_HOME", raising=False)
    config = {"home": str(champion_home), "checkpoint": "runs/k/checkpoint", "max_prompts": 3}
    assert open_served(config).limits == Serving(max_prompts=3)


def test_a_prompt_at_the_limit_is_answered(served, monkeypatch):
    ids = encode_prompt(served.model.tokenizer, QUESTION)
    bounded(served, monkeypatch, max_prompt_tokens=len(ids))
    assert answers(served, [QUESTION])[0]["from_memory"]
    bounded(served, monkeypatch, max_prompt_tokens=len(ids) - 1)
    assert answers(served, [QUESTION])[0]["error"]


def test_a_bound_must_be_positive():
    with pytest.raises(ValueError, match="max_seconds=0"):
        Serving(max_seconds=0)


def test_whoever_asks_over_http_is_told_where_memory_and_table_disagree(served, monkeypatch):
    table = served.snapshot.facts().slice(0, 1).to_pylist()[0] | {"fact_id": FACTS[0].fact_id}
    facts = pa.Table.from_pylist([table], schema=served.snapshot.facts().schema)
    monkeypatch.setattr(type(served.snapshot), "facts", lambda snapshot: facts)
    by_way = {way: answers(served, [QUESTION], on_mismatch=way)[0] for way in ("", "table", "say")}
    assert {asked["is_mismatch"] for asked in by_way.values()} == {True}
    assert by_way["say"]["answer"] == by_way["say"]["said"] != table["answer"]
    assert by_way["table"]["answer"] == table["answer"]
    assert "not answered" in by_way[""]["answer"]
    (wrong,) = answers(served, [QUESTION], on_mismatch="guess")
    assert "must be one of refuse, table, say" in wrong["error"]
