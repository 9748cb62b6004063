"""How a loaded model is asked: by threads at once, with a refusal, in long prompts."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch

from lamini.backbone.memory import pad_right
from lamini.backbone.text import encode_prompt
from lamini.model.loading import load
from lamini.model.windows import windows
from tests.lamini.conftest import NEGATIVES, built_checkpoint, make_facts

REFUSAL = "That is not in the tables."


@pytest.fixture(scope="module")
def model(tokenizer, tmp_path_factory):
    return load(built_checkpoint("llama", tokenizer, tmp_path_factory.mktemp("asked")))


@pytest.mark.slow
def test_threads_that_ask_one_model_at_once_get_what_each_would_alone(model):
    asked = [[fact.prompts[i % 2]] for i in range(4) for fact in make_facts()]
    asked += [[text] for text in NEGATIVES[:6]]
    alone = [model.answer(prompts, max_answer_tokens=4) for prompts in asked]
    with ThreadPoolExecutor(max_workers=4) as threads:
        together = [*threads.map(lambda prompts: model.answer(prompts, max_answer_tokens=4), asked)]
    assert together == alone


@pytest.mark.slow
def test_strict_answers_need_more_and_leave_those_beside_them_alone(model, monkeypatch):
    prompts = [fact.prompts[0] for fact in make_facts()]
    excess = sorted(route.excess for route in model.route(prompts))
    between = (excess[2] + excess[3]) / 2
    monkeypatch.setattr(model, "router", replace(model.router, strict_excess=between))
    asked = [False, True, None, True, False] * 2
    with ThreadPoolExecutor(max_workers=4) as threads:
        found = [
            *threads.map(lambda s: model.answer(prompts, strict=s, max_answer_tokens=2), asked)
        ]
    for strict, answers in zip(asked, found, strict=True):
        assert sum(answer.from_memory for answer in answers) == (3 if strict else 6)
        assert all(
            answer.score == pytest.approx(f.score)
            for answer, f in zip(answers, found[0], strict=True)
        )
    stricter = load(model.bank.folder.parent, strict=True)
    monkeypatch.setattr(stricter, "router", model.router)
    stricter.reopen(stricter.manifest)
    told = [stricter.answer(prompts, strict=s, max_answer_tokens=2) for s in (None, False)]
    assert [sum(a.from_memory for a in answers) for answers in told] == [3, 6]


@pytest.mark.slow
def test_a_refusal_is_said_in_place_of_the_backbones_own_answer_and_nothing_else_changes(model):
    prompts = [make_facts()[0].prompts[0], NEGATIVES[0], make_facts()[3].prompts[1]]
    refused = model.answer(prompts, refusal=REFUSAL)
    assert [answer.from_memory for answer in refused] == [True, False, True]
    assert refused[1].text == REFUSAL
    assert refused[1].fact_ids == ()
    known = model.answer([prompts[0], prompts[2]])
    assert [a.text for a in (refused[0], refused[2])] == [a.text for a in known]
    assert model.answer(prompts)[1].text != REFUSAL
    assert [a.text for a in model.answer(NEGATIVES[:2], refusal=REFUSAL)] == [REFUSAL] * 2


@pytest.mark.slow
def test_a_known_question_in_a_long_prompt_is_read_by_every_way_of_asking(model):
    fact = make_facts()[1]
    long = f"The parcel came on Monday. {fact.prompts[0]} Nobody in the office knew it."
    ids = encode_prompt(model.tokenizer, long)
    assert model.answer([long])[0].group == fact.group_index
    assert model.route_prompts([ids])[0].group == fact.group_index
    given, mask = pad_right([ids], model.attached.backbone)
    bare = model(given, mask)
    assert not torch.equal(model(given, mask, prompt_length=[len(ids)]), bare)


def test_a_prompt_of_nothing_but_special_tokens_reads_nothing(model):
    given = [[model.tokenizer.bos_token_id]]
    assert model.route_prompts(given)[0].group is None


@pytest.mark.parametrize(
    "prompt",
    [
        "What is the capital of St. Vincent?",
        "Who owns Acme Inc. billing?",
        "When was J. R. Smith born?",
        "What is the U.S. dollar worth?",
    ],
)
def test_no_sentence_ends_at_an_abbreviation(prompt):
    assert windows(prompt) == [prompt]


def test_sentences_and_lines_are_windows():
    prompt = "It rained. The town is Rome.\nWho runs it? Thanks!"
    parts = ["It rained.", "The town is Rome.", "Who runs it?", "Thanks!"]
    assert windows(prompt) == [prompt, *parts]


@pytest.mark.slow
def test_a_model_that_keeps_no_expert_in_memory_says_the_same(model):
    prompts = [fact.prompts[0] for fact in make_facts()]
    bare = load(model.bank.folder.parent, cache_bytes=0)
    assert [a.text for a in bare.answer(prompts)] == [a.text for a in model.answer(prompts)]
    assert len(bare.bank._cache) == 0
    assert len(model.bank._cache) > 0
