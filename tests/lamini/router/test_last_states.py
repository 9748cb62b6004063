"""The backbone's states of the last token beside the router's query: keys, routing, updates."""

import dataclasses
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch.nn.functional import cosine_similarity, normalize

from lamini.backbone.memory import attach, pad_left, pad_right
from lamini.backbone.text import encode_prompt
from lamini.backbone.trunk import run_trunk, watched
from lamini.config import RouterConfig
from lamini.errors import ConfigError
from lamini.model.loading import load
from lamini.recorder import SilentRecorder
from lamini.router.frozen_router import read_router
from lamini.router.last_states import LastStates, depths_of
from lamini.router.query_encoder import QueryEncoder
from lamini.router.stream import Stream, encode
from lamini.update.update import update_model
from lamini.workers import Worker
from tests.lamini.backbone.test_chat_turns import CHAT_ML, chatty
from tests.lamini.conftest import (
    GEOMETRY,
    NEGATIVES,
    ROUTER,
    TRAINING,
    added_fact,
    make_facts,
    tiny_llama,
)
from tests.lamini.test_training import build

FACTS = make_facts()
PROMPTS = [prompt for fact in FACTS for prompt in fact.prompts] + NEGATIVES
BESIDE = dataclasses.replace(ROUTER, last_state_share=0.5)


@pytest.fixture(scope="module")
def built(tokenizer, tmp_path_factory):
    return build(tokenizer, tmp_path_factory.mktemp("last-states"), router=BESIDE)


@pytest.fixture
def model(built, tokenizer, tmp_path):
    checkpoint = shutil.copytree(built / "checkpoint", tmp_path / "checkpoint")
    return load(checkpoint, backbone=tiny_llama(tokenizer))


@pytest.mark.parametrize(
    ("num_trunk_layers", "wanted"),
    [(1, (1, 1, 1)), (2, (1, 2, 2)), (4, (3, 3, 4)), (28, (19, 23, 28)), (30, (20, 25, 30))],
)
def test_depths_are_the_upper_third_of_the_trunk(num_trunk_layers, wanted):
    assert depths_of(num_trunk_layers) == wanted


def test_the_last_tokens_states_are_those_of_a_plain_forward(any_attached):
    ids = [encode_prompt(any_attached.backbone.tokenizer, text) for text in PROMPTS[::5]]
    states, lasts = run_trunk(any_attached, ids, (0, 1))
    for row, state_LD, last_ND in zip(ids, states, lasts, strict=True):
        plain = any_attached.backbone.model(torch.tensor([row]), output_hidden_states=True)
        below, top = plain.hidden_states[0][0], plain.hidden_states[1][0]
        torch.testing.assert_close(last_ND, torch.stack([below[-1], top[-1]]), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(last_ND[1], state_LD[-1])


def test_a_templates_opening_that_is_run_once_changes_none(tokenizer):
    chat = chatty(tokenizer, CHAT_ML)
    bare = tiny_llama(tokenizer, num_layers=5)
    attached = attach(dataclasses.replace(bare, tokenizer=chat), GEOMETRY)
    ids = [encode_prompt(chat, text) for text in PROMPTS[::5]]
    assert len({*map(len, ids)}) > 2
    for row, last_ND in zip(ids, run_trunk(attached, ids, (1, 2, 3))[1], strict=True):
        alone = attached.backbone.model(torch.tensor([row]), output_hidden_states=True)
        wanted = torch.stack([alone.hidden_states[depth][0, -1] for depth in (1, 2, 3)])
        torch.testing.assert_close(last_ND, wanted, atol=1e-5, rtol=1e-4)


def fitted(state_BND):
    """Give what is fitted on states of bare prompts."""
    sum_2ND = torch.stack([state_BND.sum(0), torch.zeros_like(state_BND[0])])
    return LastStates.fit(sum_2ND, torch.tensor([float(len(state_BND)), 0.0]), seed=0)


def test_bare_prompts_and_those_within_a_template_are_centred_apart():
    bare_BND, templated_BND = torch.randn(9, 3, 32) + 5, torch.randn(9, 3, 32) - 7
    sum_2ND = torch.stack([bare_BND.sum(0), templated_BND.sum(0)])
    both = LastStates.fit(sum_2ND, torch.tensor([9.0, 9.0]), seed=0)
    near_BB = both(bare_BND, [False] * 9) @ both(templated_BND, [True] * 9).T
    assert near_BB.mean().abs() < 0.05
    alone = fitted(bare_BND)
    assert torch.equal(alone(bare_BND, [True] * 9), alone(bare_BND, [False] * 9))


def test_the_cosine_is_the_mean_of_both_by_their_share():
    encoder = QueryEncoder(32, RouterConfig(last_state_share=0.7))
    last_BND = torch.randn(9, 3, 32)
    encoder.last_states = fitted(last_BND)
    query_BK = normalize(torch.randn(9, encoder.config.key_dim), dim=-1)
    wide_BK = encoder.widened(query_BK, [("", False)] * 9, last_BND)
    centred_BN = normalize(last_BND - last_BND.mean(0), dim=-1).flatten(1)
    wanted = 0.3 * cosine_similarity(*query_BK[:2], dim=0)
    wanted += 0.7 * cosine_similarity(*centred_BN[:2], dim=0)
    assert torch.allclose(wide_BK[0] @ wide_BK[1], wanted, atol=1e-5)
    assert wide_BK.shape[1] == encoder.width == encoder.config.key_dim + 3 * 32


def test_the_states_of_a_wide_backbone_are_projected_without_losing_who_is_near():
    state_BND = torch.randn(20, 3, 2048)
    last_states, bare = fitted(state_BND), [False] * 20
    assert last_states.width == 512
    others_BND = state_BND + 0.5 * torch.randn_like(state_BND)
    near_BB = last_states(others_BND, bare) @ last_states(state_BND, bare).T
    assert near_BB.argmax(1).tolist() == [*range(20)]
    assert near_BB.diagonal().min() > 0.7
    assert near_BB.fill_diagonal_(0).abs().max() < 0.3


def test_a_table_of_one_fact_of_a_form_is_not_centred_on_that_fact_itself(tokenizer):
    chat = chatty(tokenizer, CHAT_ML)
    attached = attach(dataclasses.replace(tiny_llama(tokenizer), tokenizer=chat), GEOMETRY)
    facts = [dataclasses.replace(fact, cloze=i == 2) for i, fact in enumerate(FACTS)]
    prompts = [fact.prompts for fact in facts]
    given = (prompts, NEGATIVES, BESIDE, TRAINING, SilentRecorder(), Worker())
    encoder = QueryEncoder(32, BESIDE).eval()
    encoder.last_states = Stream(attached, facts, *given).last_states()
    texts = [fact.prompts[0] for fact in facts]
    with torch.no_grad():
        query_BK = encode(attached, encoder, texts, {texts[2]})[:, ROUTER.key_dim :]
        again_BK = encode(attached, encoder, texts[2:3], {texts[2]})[:, ROUTER.key_dim :]
    assert query_BK[2] @ again_BK[0] == pytest.approx(0.5, abs=1e-4)
    assert (query_BK @ query_BK.T)[2].argmax() == 2


def test_hooks_hear_nothing_of_another_thread(any_attached):
    ids = [encode_prompt(any_attached.backbone.tokenizer, text) for text in PROMPTS[:3]]
    with watched(any_attached, (0,)) as seen:
        with ThreadPoolExecutor(max_workers=1) as thread:
            thread.submit(run_trunk, any_attached, ids).result()
        assert not seen
        run_trunk(any_attached, ids)
    assert [*seen] == [0]


def test_facts_are_found_by_wider_keys_and_foreign_questions_by_none(model):
    assert model.keys.keys_GK.shape == (len(FACTS), ROUTER.key_dim + 3 * 32)
    assert torch.allclose(model.keys.keys_GK.norm(dim=-1), torch.ones(len(FACTS)), atol=1e-5)
    answers = model.answer([fact.prompts[0] for fact in FACTS])
    assert [answer.text for answer in answers] == [fact.answer for fact in FACTS]
    assert not any(answer.from_memory for answer in model.answer(NEGATIVES))


def test_i5_a_prompt_is_scored_alike_alone_in_a_batch_and_within_the_prefill(model):
    alone = [model.route([prompt])[0] for prompt in PROMPTS]
    together = model.route(PROMPTS)
    answers = model.answer(PROMPTS, max_answer_tokens=2)
    for one, other, answer in zip(alone, together, answers, strict=True):
        assert one.group == other.group == answer.group
        assert abs(one.score - other.score) < 1e-4
        assert abs(one.score - answer.score) < 1e-4


def test_forward_and_beams_read_what_the_router_says(model, tokenizer, monkeypatch):
    calls, reading = [], model.reading
    monkeypatch.setattr(model, "reading", lambda g, m: (calls.append(list(g)), reading(g, m))[1])
    texts = [FACTS[1].prompts[0], NEGATIVES[0], FACTS[4].prompts[2]]
    wanted = [route.group for route in model.route(texts)]
    ids = [encode_prompt(tokenizer, text) for text in texts]
    ids_BL, mask_BL = pad_right([[*row, 50, 51, 52] for row in ids], model.attached.backbone)
    model(ids_BL, mask_BL, prompt_length=[len(row) for row in ids])
    ids_BL, mask_BL = pad_left(ids, model.attached.backbone)
    model.generate(ids_BL, mask_BL, max_new_tokens=3, num_beams=2, do_sample=False)
    assert calls == [wanted, [group for group in wanted for _ in range(2)]]


def test_of_last_states_keys_hold_those_of_the_leading_phrasing(model):
    key_FK = torch.stack([*keys_by_fact(model).values()])
    query_PK = encode(model.attached, model.encoder, [fact.prompts[0] for fact in FACTS])
    own, wide = ROUTER.key_dim, 0.5**0.5
    torch.testing.assert_close(key_FK[:, own:], query_PK[:, own:], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(key_FK[:, :own], query_PK[:, :own], atol=1e-3)
    assert torch.allclose(key_FK[:, :own].norm(dim=-1), torch.full((len(FACTS),), wide))


def keys_by_fact(model):
    pairs = zip(model.table.fact_ids, model.table.keys_GK, strict=True)
    return {fact_id: key_K.clone() for fact_id, key_K in pairs}


def test_an_update_makes_keys_of_both_and_moves_no_other(model):
    before = keys_by_fact(model)
    added = added_fact()
    assert update_model(model, [*FACTS, added]).groups
    answers = model.answer([added.prompts[0], *(fact.prompts[0] for fact in FACTS)])
    assert [a.text for a in answers] == ["Old Harbour", *(fact.answer for fact in FACTS)]
    after = keys_by_fact(model)
    assert [*after] == [*before, "fact-new"]
    assert all(torch.equal(after[fact_id], key_K) for fact_id, key_K in before.items())
    query_1K = encode(model.attached, model.encoder, added.prompts[:1])
    torch.testing.assert_close(after["fact-new"][64:], query_1K[0, 64:], atol=1e-4, rtol=1e-4)


def test_a_router_that_is_read_again_projects_the_same(built):
    router = read_router(built / "router")
    assert router.encoder.last_states is not None
    assert router.encoder.width == ROUTER.key_dim + 3 * 32
    settings = json.loads((built / "router" / "router.json").read_text())
    assert settings["router"]["last_state_share"] == 0.5
    projection_EW = router.encoder.last_states.projection_EW
    assert torch.allclose(projection_EW.T @ projection_EW, torch.eye(3 * 32), atol=1e-5)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_outside_its_range_is_refused(share):
    with pytest.raises(ConfigError, match="last_state_share="):
        RouterConfig(last_state_share=share)


def test_shares_that_leave_nothing_to_the_trained_query_are_refused():
    with pytest.raises(ConfigError, match="must leave a share to the trained query"):
        RouterConfig(sentence_encoder="somewhere", sentence_share=0.6, last_state_share=0.4)
    assert RouterConfig(sentence_share=0.9, last_state_share=0.4).trained_share == pytest.approx(
        0.6
    )


def test_threads_that_route_at_once_get_what_each_would_alone(model):
    alone = [model.route([prompt])[0] for prompt in PROMPTS]
    with ThreadPoolExecutor(max_workers=4) as threads:
        together = [*threads.map(lambda prompt: model.route([prompt])[0], PROMPTS * 2)]
    assert [(r.group, r.score) for r in together] == [(r.group, r.score) for r in alone * 2]
