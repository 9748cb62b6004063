"""Which group a prompt reads: the same alone and in any batch, at training and when serving."""

import random

import pytest
import torch
from torch.nn.functional import normalize

from lamini.backbone.memory import pad_right
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.config import RouterTraining
from lamini.model.loading import load
from lamini.proof.recall import NUMERIC_TOLERANCE
from lamini.router.query_encoder import fit_codebooks
from lamini.router.stream import encode
from tests.lamini.conftest import GEOMETRY, NEGATIVES, make_facts, tiny_llama
from tests.lamini.router.test_router import a_table
from tests.lamini.test_training import build

FACT_PROMPTS = [prompt for fact in make_facts() for prompt in fact.prompts]
PROMPTS = FACT_PROMPTS + NEGATIVES
LONG = "We are preparing a report for a customer and one cell of its table is empty, so " * 6


@pytest.fixture(scope="module")
def checkpoint(tokenizer, tmp_path_factory):
    config = RouterTraining(num_steps=60, batch_facts=6)
    return build(tokenizer, tmp_path_factory.mktemp("built"), config) / "checkpoint"


@pytest.fixture
def model(checkpoint, tokenizer):
    return load(checkpoint, backbone=tiny_llama(tokenizer))


@pytest.fixture
def alone(model):
    """The route of each prompt that is asked alone."""
    return {prompt: model.route([prompt])[0] for prompt in PROMPTS}


@pytest.fixture
def read(model, monkeypatch):
    """Collects the groups that the memory layers were given, one list a call."""
    calls, reading = [], model.reading
    monkeypatch.setattr(model, "reading", lambda g, m: (calls.append(list(g)), reading(g, m))[1])
    return calls


def shuffled(seed):
    return random.Random(seed).sample(PROMPTS, len(PROMPTS))


def batches():
    """Batches of many sizes, orders and paddings."""
    yield PROMPTS
    yield PROMPTS[::-1]
    yield [*shuffled(0), LONG]
    for size in (2, 3, 7, 17):
        mixed = shuffled(size)
        yield from (mixed[start : start + size] for start in range(0, len(mixed), size))
        yield [*mixed[:size], LONG]
    yield [PROMPTS[0]] * 65  # more than run through the trunk at once


def test_no_prompt_of_a_fact_is_within_numeric_tolerance_of_another_decision(alone):
    assert min(alone[prompt].margin for prompt in FACT_PROMPTS) > NUMERIC_TOLERANCE
    assert len({alone[prompt].group for prompt in FACT_PROMPTS}) >= len(make_facts())


@pytest.mark.slow
def test_i5_read_sets_are_the_same_alone_and_in_any_batch(model, alone):
    for batch in batches():
        for prompt, route in zip(batch, model.route(batch), strict=True):
            if prompt == LONG or alone[prompt].margin <= NUMERIC_TOLERANCE:
                continue
            assert route.group == alone[prompt].group, (prompt, len(batch))
            assert abs(route.score - alone[prompt].score) < NUMERIC_TOLERANCE


def test_i5_generation_reads_what_the_router_says_whatever_stands_beside_it(model, alone, read):
    for batch in (PROMPTS, PROMPTS[:1], [*shuffled(1)[:9], LONG]):
        answers = model.answer(batch, max_answer_tokens=1)
        for prompt, answer, group in zip(batch, answers, read[-1], strict=True):
            assert answer.group == group
            assert prompt == LONG or group == alone[prompt].group
            size = GEOMETRY.group_size
            assert {expert // size for expert in answer.experts} <= {group}


def test_i5_forward_reads_the_same_with_answers_of_any_length_behind_the_prompt(
    model, alone, read, tokenizer
):
    facts = make_facts()
    prompts = [encode_prompt(tokenizer, fact.prompts[0]) for fact in facts]
    answers = [encode_answer(tokenizer, fact.answer) for fact in facts]
    wanted = [alone[fact.prompts[0]].group for fact in facts]
    for extra in ([], answers[0] * 9):
        whole = [p + a + extra for p, a in zip(prompts, answers, strict=True)]
        ids_BL, mask_BL = pad_right(whole, model.attached.backbone)
        model(ids_BL, mask_BL, prompt_length=[len(prompt) for prompt in prompts])
        assert read[-1] == wanted


def test_i5_queries_at_training_route_as_those_when_serving(model, alone):
    query_BK = encode(model.attached, model.encoder, PROMPTS)  # as pretraining makes them
    found = model.keys.route(query_BK, PROMPTS)
    for prompt, route in zip(PROMPTS, found, strict=True):
        assert route.group == alone[prompt].group or route.margin <= NUMERIC_TOLERANCE


@pytest.mark.parametrize("num_equal", [2, 3, 5, 8, 17, 40])
def test_of_equal_scores_the_lower_group_wins_whatever_the_codebooks(num_equal):
    key_K = normalize(torch.randn(64), dim=-1)
    keys_GK = torch.cat([normalize(torch.randn(9, 64), dim=-1), key_K.expand(num_equal, -1)])
    for seed in range(5):
        table = a_table(
            range(1, 10 + num_equal), keys_GK, fit_codebooks(keys_GK, 8, seed=seed), 64, 0.5
        )
        (route,) = table.route(key_K[None], [""])
        assert route.group == route.nearest_group == 10
        assert route.margin == pytest.approx(0.0, abs=1e-6)
