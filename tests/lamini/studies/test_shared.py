"""The paper's shared mode: read sets with weights, tuned as one table."""

import dataclasses

import pytest
import torch
from torch.nn.functional import normalize

from lamini.backbone.memory import attach, pad_left
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.errors import NonFiniteLossError
from lamini.router.query_encoder import ProductKeys, fit_codebooks
from lamini.studies.shared_tuning import (
    SharedExperts,
    SharedTuning,
    apply_experts,
    prepare_shared,
    read_sets,
    sharing,
    tune_shared,
)
from tests.lamini.backbone.test_memory import ANSWERS, PROMPTS
from tests.lamini.conftest import GEOMETRY, make_facts, tiny_llama

TUNING = SharedTuning(max_passes=120, learning_rate=3e-2)


@pytest.fixture
def attached(tokenizer):
    return attach(tiny_llama(tokenizer), GEOMETRY)


@pytest.fixture
def product_keys():
    return fit_codebooks(normalize(torch.randn(400, 32), dim=-1), 16)


def sets_of(facts, product_keys, num_read=8):
    number = sum(len(fact.prompts[: TUNING.prompts_per_fact]) for fact in facts)
    return read_sets(normalize(torch.randn(number, 32), dim=-1), product_keys, num_read)


def test_weights_sum_to_one_and_the_best_expert_weighs_most(product_keys):
    sets = read_sets(normalize(torch.randn(20, 32), dim=-1), product_keys, 32)
    assert sets.expert_PR.shape == sets.weight_PR.shape == (20, 32)
    torch.testing.assert_close(sets.weight_PR.sum(-1), torch.ones(20))
    assert (sets.weight_PR[:, 1:] <= sets.weight_PR[:, :-1]).all()
    assert all(len(set(row)) == 32 for row in sets.expert_PR.tolist())


def test_read_sets_are_the_same_alone_and_in_a_batch(product_keys):
    query_PK = normalize(torch.randn(50, 32), dim=-1)
    together = read_sets(query_PK, product_keys)
    for row, query_K in enumerate(query_PK):
        alone = read_sets(query_K[None], product_keys)
        assert torch.equal(alone.expert_PR[0], together.expert_PR[row])
        torch.testing.assert_close(alone.weight_PR[0], together.weight_PR[row])


def test_weights_scale_what_each_expert_adds():
    x, down, up = torch.randn(2, 3, 8), torch.randn(2, 4, 8), torch.randn(2, 4, 8)
    weight = torch.rand(2, 4)
    experts, one = torch.stack([down, up], dim=2), torch.ones(2, 1)
    one_by_one = sum(
        weight[:, g, None, None] * apply_experts(x, experts[:, g : g + 1], one) for g in range(4)
    )
    torch.testing.assert_close(apply_experts(x, experts, weight), one_by_one)


def test_what_is_not_a_number_is_not_taken_for_memorized(attached, product_keys):
    attached.backbone.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match="fact-"):
        tune_shared(attached, make_facts(), sets_of(make_facts(), product_keys), TUNING)


def prepared(attached, sets):
    return prepare_shared(attached, PROMPTS, ANSWERS, [0, 1, 2], sets)


@torch.no_grad()
def test_i1_fresh_shared_experts_are_the_exact_identity(attached, product_keys):
    sets = read_sets(normalize(torch.randn(3, 32), dim=-1), product_keys)
    experts = SharedExperts.fresh(sets.expert_PR.unique(), 32, 0)
    examples = prepared(attached, sets)
    weight_PRTD, weight_PR = experts.read(sets)
    bare = examples.losses(attached, weight_PRTD, 0 * weight_PR)
    assert torch.equal(examples.losses(attached, weight_PRTD, weight_PR), bare)


@pytest.mark.slow
def test_it_memorizes_facts_that_share_experts_and_says_them_freely(attached, product_keys):
    facts = make_facts()
    sets = sets_of(facts, product_keys)
    assert len(sets.expert_PR.unique()) < sets.expert_PR.numel()
    result = tune_shared(attached, facts, sets, TUNING)
    assert result.undecided == ()
    assert result.active_by_pass[0] == len(facts)
    assert result.active_by_pass[-1] == 0
    assert 0 < result.num_passes <= TUNING.max_passes
    backbone = attached.backbone
    for f, fact in enumerate(facts):
        ids = [encode_prompt(backbone.tokenizer, p) for p in fact.prompts[:2]]
        answer = encode_answer(backbone.tokenizer, fact.answer)
        ids_BL, mask_BL = pad_left(ids, backbone)
        with sharing(attached, result.experts, sets.only([2 * f, 2 * f + 1])):
            out = backbone.model.generate(
                input_ids=ids_BL, attention_mask=mask_BL, max_new_tokens=len(answer),
                do_sample=False, pad_token_id=2,
            )  # fmt: skip
        assert out[:, ids_BL.shape[1] :].tolist() == [answer] * 2


@pytest.mark.slow
def test_an_expert_that_nobody_was_tuned_on_adds_nothing(attached, product_keys):
    facts = make_facts()[:2]
    experts = tune_shared(attached, facts, sets_of(facts, product_keys), TUNING).experts
    others = ProductKeys(codebook_2SE=torch.randn(2, 16, 16))
    unknown = read_sets(normalize(torch.randn(3, 32), dim=-1), others, 8)
    unknown = dataclasses.replace(unknown, expert_PR=unknown.expert_PR + 1000)
    assert not experts.read(unknown)[1].any()


def test_a_read_set_for_every_prompt_is_asked_for(attached, product_keys):
    facts = make_facts()
    with pytest.raises(ValueError, match="4 read sets for 12 prompts"):
        tune_shared(attached, facts, sets_of(facts[:2], product_keys), TUNING)
