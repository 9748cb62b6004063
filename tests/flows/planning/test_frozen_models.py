"""What a run is made of names the weights of every frozen model that it reads with."""

import pytest
import torch
from transformers import BertConfig, BertModel

from flows.configuration.settings import load_settings
from flows.planning.recipe import fingerprint_of, run_key
from lamini.backbone.backbone import load_backbone
from lamini.backbone.sentences import load_sentences
from lamini.errors import BackboneError


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """Settings with a small random BERT beside the router, made from a seed."""

    def make(seed):
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(load_backbone().tokenizer),
            hidden_size=8,
            num_hidden_layers=1,
            num_attention_heads=1,
            intermediate_size=8,
        )
        BertModel(config).save_pretrained(tmp_path / "bert")
        load_backbone().tokenizer.save_pretrained(tmp_path / "bert")
        load_sentences.cache_clear()
        monkeypatch.setenv("LAMINI_ROUTER__SENTENCE_ENCODER", str(tmp_path / "bert"))
        return load_settings()

    yield make
    load_sentences.cache_clear()


def test_other_weights_of_the_sentence_encoder_make_another_run(beside):
    alone = load_settings()
    assert fingerprint_of(alone) == load_backbone().fingerprint()
    settings = beside(seed=0)
    found = [fingerprint_of(settings), fingerprint_of(beside(seed=0)), fingerprint_of(beside(1))]
    assert found[0] == found[1]
    assert found[1] != found[2]
    assert len({run_key(settings, "t", one) for one in found}) == 2


def test_a_sentence_encoder_that_is_not_there_stops_before_any_training(tmp_path, monkeypatch):
    monkeypatch.setenv("LAMINI_ROUTER__SENTENCE_ENCODER", str(tmp_path / "none"))
    with pytest.raises(BackboneError, match="no sentence encoder in"):
        fingerprint_of(load_settings())
