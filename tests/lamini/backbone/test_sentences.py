"""A sentence encoder beside the router's own: keys, routing, updates, and no other encoder."""

import shutil
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cosine_similarity
from transformers import BertConfig, BertModel

from lamini.backbone.sentences import load_sentences
from lamini.config import RouterConfig
from lamini.errors import BackboneError, CheckpointError, ConfigError
from lamini.model.loading import load
from lamini.router.query_encoder import QueryEncoder
from lamini.update.update import update_model
from tests.lamini.conftest import NEGATIVES, ROUTER, added_fact, make_facts, tiny_llama
from tests.lamini.test_training import build

FACTS = make_facts()
WIDTH = 48


def write_encoder(folder, tokenizer, seed=0, width=WIDTH):
    """Write a small random BERT."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=64,
        pad_token_id=2,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    load_sentences.cache_clear()
    return str(folder)


@pytest.fixture(scope="module")
def built(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sentences")
    reference = write_encoder(folder / "bert", tokenizer)
    return build(tokenizer, folder, router=replace(ROUTER, sentence_encoder=reference))


@pytest.fixture
def model(built, tokenizer, tmp_path):
    checkpoint = shutil.copytree(built / "checkpoint", tmp_path / "checkpoint")
    return load(checkpoint, backbone=tiny_llama(tokenizer))


def test_facts_are_found_by_wider_keys_and_foreign_questions_by_none(model):
    assert model.keys.keys_GK.shape == (len(FACTS), ROUTER.key_dim + WIDTH)
    assert torch.allclose(model.keys.keys_GK.norm(dim=-1), torch.ones(len(FACTS)), atol=1e-5)
    answers = model.answer([fact.prompts[0] for fact in FACTS])
    assert [answer.text for answer in answers] == [fact.answer for fact in FACTS]
    assert not any(answer.from_memory for answer in model.answer(NEGATIVES))


def test_the_cosine_is_the_mean_of_both_by_their_share(built, tokenizer):
    reference = str(built / "bert")
    encoder = QueryEncoder(32, RouterConfig(sentence_encoder=reference, sentence_share=0.7))
    query_BK = torch.nn.functional.normalize(torch.randn(2, encoder.config.key_dim), dim=-1)
    texts = ["What is the seat of Arvia?", "Who invented the violin?"]
    one, other = encoder.widened(query_BK, [(text, False) for text in texts], torch.empty(2, 0))
    meaning_BD = load_sentences(reference).encode(texts, torch.device("cpu"))
    wanted = 0.3 * cosine_similarity(*query_BK, dim=0) + 0.7 * cosine_similarity(*meaning_BD, dim=0)
    assert torch.allclose(one @ other, wanted, atol=1e-5)
    assert encoder.width == len(one)


def test_i5_a_prompt_goes_where_it_goes_alone_whatever_stands_beside_it(model):
    prompts = [prompt for fact in FACTS for prompt in fact.prompts] + NEGATIVES
    alone = [model.route([prompt])[0] for prompt in prompts]
    together = model.route(prompts)
    assert [r.group for r in together] == [r.group for r in alone]
    assert all(abs(a.score - b.score) < 1e-4 for a, b in zip(alone, together, strict=True))


def test_an_update_makes_keys_of_both(model):
    added = added_fact()
    receipt = update_model(model, [*FACTS, added])
    assert receipt.groups
    assert model.answer([added.prompts[0], FACTS[1].prompts[0]])[0].text == "Old Harbour"
    assert model.answer([FACTS[1].prompts[0]])[0].text == FACTS[1].answer


def test_another_sentence_encoder_is_refused(built, tokenizer, tmp_path):
    checkpoint = shutil.copytree(built / "checkpoint", tmp_path / "checkpoint")
    shutil.move(built / "bert", tmp_path / "kept")
    try:
        write_encoder(built / "bert", tokenizer, seed=1)
        with pytest.raises(CheckpointError, match="beside another sentence encoder than"):
            load(checkpoint, backbone=tiny_llama(tokenizer))
    finally:
        shutil.rmtree(built / "bert")
        shutil.move(tmp_path / "kept", built / "bert")
        load_sentences.cache_clear()
    load(checkpoint, backbone=tiny_llama(tokenizer))


def test_a_sentence_encoder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BackboneError, match=r"no sentence encoder in '.*nowhere'"):
        QueryEncoder(32, RouterConfig(sentence_encoder=str(tmp_path / "nowhere")))
    (tmp_path / "empty").mkdir()
    with pytest.raises(BackboneError, match="cannot load sentence encoder"):
        QueryEncoder(32, RouterConfig(sentence_encoder=str(tmp_path / "empty")))


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_leaves_one_out_is_refused(share):
    with pytest.raises(ConfigError, match="sentence_share="):
        RouterConfig(sentence_share=share)


def test_keys_of_odd_width_are_refused(tokenizer, tmp_path):
    reference = write_encoder(tmp_path / "odd", tokenizer, width=45)
    with pytest.raises(ConfigError, match="301 wide: that must be even"):
        QueryEncoder(32, RouterConfig(sentence_encoder=reference))


def test_without_one_queries_stay_as_they_are():
    encoder = QueryEncoder(32, ROUTER)
    query_BK = torch.randn(2, ROUTER.key_dim)
    assert encoder.widened(query_BK, [("a", False), ("b", False)], torch.empty(2, 0)) is query_BK
    assert encoder.width == ROUTER.key_dim
