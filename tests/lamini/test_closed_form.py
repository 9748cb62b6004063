"""The closed-form start decides answers at once; what it cannot write is left to the passes."""

import dataclasses
from math import log

import pytest
import torch

from lamini.answer_batch import answer_logits, prepare_answers
from lamini.backbone import freeze
from lamini.closed_form import answer_losses, closed_form
from lamini.experts import Experts
from lamini.memory import attach, reading_of
from lamini.memory_tuning import tune_memory
from lamini.recorder import SilentRecorder

from .conftest import GEOMETRY, TUNING, make_facts, tiny_llama, tiny_models

PROMPTS = [[0, 40, 41, 42, 43, 44], [0, 40, 45, 46], [0, 50, 51], [0, 60, 61, 62]]
ANSWERS = [[70, 71, 1], [70, 71, 1], [72, 1], [73, 74, 75, 76, 1]]
FACTS = torch.tensor([0, 0, 1, 2])


@pytest.fixture(params=["llama", "mistral", "qwen3", "gemma3", "phi3", "gpt_neox"])
def any_attached(request, tokenizer):
    if request.param == "llama":
        return attach(tiny_llama(tokenizer), GEOMETRY)
    torch.manual_seed(0)
    model = tiny_models(len(tokenizer))[request.param]()
    # Of one length, as in tiny_llama; a copy, since Gemma ties the head to its embeddings.
    head = torch.nn.functional.normalize(torch.randn(len(tokenizer), 32), dim=-1)
    model.get_output_embeddings().weight = torch.nn.Parameter(6 * head)
    return attach(freeze(model, tokenizer, request.param), GEOMETRY)


def test_every_answer_is_decided_at_once_on_every_architecture(any_attached):
    batch = prepare_answers(any_attached, PROMPTS, ANSWERS)
    key_NAD, value_NAD = closed_form(any_attached, batch, FACTS, 3)
    zero = torch.zeros_like(key_NAD[FACTS])
    experts = Experts(down_NGD=(zero, key_NAD[FACTS]), up_NGD=(zero, value_NAD[FACTS]))
    reading = reading_of(experts, [0, 1, 2, 3], None, torch.device("cpu"))
    with torch.no_grad():
        before = answer_losses(answer_logits(any_attached, batch, None), batch.target_BA)
        after = answer_losses(answer_logits(any_attached, batch, reading), batch.target_BA)
    assert before.max() > 3
    if any_attached.backbone.reference == "gemma3":
        # Gemma normalises what an MLP adds: one layer cannot outvote a random residual stream.
        assert after.sum() < before.sum() / 2
    else:
        assert after.max() < log(2)
    assert not key_NAD[1, 2:].any()
    assert not value_NAD[1, 2:].any()


def test_shifts_are_found_without_touching_the_backbone(any_attached):
    batch = prepare_answers(any_attached, PROMPTS, ANSWERS)
    layer = any_attached.backbone.layers[-1]
    closed_form(any_attached, batch, FACTS, 3)
    assert not layer._forward_hooks
    assert not layer.mlp._forward_hooks
    assert all(p.grad is None for p in any_attached.backbone.model.parameters())


@pytest.mark.slow
def test_an_answer_longer_than_its_experts_is_finished_by_the_passes(tokenizer, tmp_path):
    facts = [dataclasses.replace(make_facts(1)[5], num_experts=3)]
    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    tuning = dataclasses.replace(TUNING, learning_rate=4e-2)
    (result,) = tune_memory(attached, facts, tuning, tmp_path, SilentRecorder())
    assert result.active_by_pass[0] == 1
    assert result.num_passes > 0
    assert not result.undecided
    assert len(result.weights[0]) == 3
