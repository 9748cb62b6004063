"""Memory tuning against a loop written for reading; what is verified, and why facts fail."""

import dataclasses
from math import log

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import attach, full_logits, pad_right, reading_of
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.config import MemoryConfig, Tuning
from lamini.errors import NonFiniteLossError
from lamini.recorder import SilentRecorder
from lamini.router.training import pretrain_router
from lamini.tuning.memory_tuning import tune_memory, tuned_on, verified_on
from lamini.tuning.shards import load_shard
from tests.lamini.conftest import (
    GEOMETRY,
    NEGATIVES,
    ROUTER,
    TRAINING,
    TUNING,
    make_facts,
    tiny_llama,
)

CPU = torch.device("cpu")
UNVERIFIED = dataclasses.replace(TUNING, verified_per_fact=0)


@pytest.fixture
def attached(tokenizer):
    return attach(tiny_llama(tokenizer), GEOMETRY)


def plain_losses(attached, fact, text, shift_AD):
    """Give the losses [A] of an answer by the whole stack, read as the served model does."""
    tokenizer = attached.backbone.tokenizer
    prompt, answer = encode_prompt(tokenizer, text), encode_answer(tokenizer, fact.answer)
    ids_BL, mask_BL = pad_right([prompt + answer[:-1]], attached.backbone)
    reading = reading_of(shift_AD[None], [0], [len(prompt) - 1], CPU)
    logits = full_logits(attached, ids_BL, mask_BL, reading)[0, len(prompt) - 1 :]
    return cross_entropy(logits.float(), torch.tensor(answer), reduction="none")


def state_norms(attached, fact, text):
    """Give the norms [A] of the states that the experts are added to."""
    prompt = encode_prompt(attached.backbone.tokenizer, text)
    answer = encode_answer(attached.backbone.tokenizer, fact.answer)
    seen = []
    norm = attached.backbone.model.model.norm
    handle = norm.register_forward_pre_hook(lambda module, given: seen.append(given[0][0]))
    full_logits(attached, *pad_right([prompt + answer[:-1]], attached.backbone), None)
    handle.remove()
    return seen[0][len(prompt) - 1 :].norm(dim=-1)


def tune_slowly(attached, fact, config):
    """One context at a time, the whole stack each time, every expert to the end of its steps."""
    contexts = tuned_on(fact, config)
    number = len(encode_answer(attached.backbone.tokenizer, fact.answer))
    shift_AD, momentum_AD = torch.zeros(number, 32), torch.zeros(number, 32)
    norm_A = torch.stack([state_norms(attached, fact, text) for text in contexts]).mean(0)
    best_A, best_AD = torch.full((number,), float("inf")), shift_AD.clone()
    open_A = torch.ones(number, dtype=torch.bool)
    for _ in range(config.max_steps + 1):
        shift_AD = shift_AD.detach().requires_grad_(True)
        losses = [plain_losses(attached, fact, text, shift_AD) for text in contexts]
        sum(loss_A.sum() for loss_A in losses).backward()
        worst_A = torch.stack(losses).detach().amax(0)
        better_A = open_A & (worst_A < best_A)
        best_A, best_AD[better_A] = worst_A.where(better_A, best_A), shift_AD.detach()[better_A]
        open_A = open_A & (worst_A > -log(config.tuned_probability) / number)
        momentum_AD = 0.5 * momentum_AD + normalize(shift_AD.grad, dim=-1)
        step_A1 = (config.learning_rate * norm_A * open_A)[:, None]
        shift_AD = shift_AD.detach() - step_A1 * normalize(momentum_AD, dim=-1)
    return best_AD


def test_the_fast_path_equals_a_plain_slow_loop(attached, tmp_path):
    fact = make_facts(1)[0]
    short = dataclasses.replace(UNVERIFIED, learning_rate=0.3)
    (fast,) = tune_memory(attached, [fact], short, tmp_path, SilentRecorder())
    slow_AD = tune_slowly(attached, fact, short)
    assert 4 < fast.num_steps < short.max_steps
    torch.testing.assert_close(fast.weights[0], slow_AD, atol=0.05, rtol=0.02)


def test_the_loss_falls_to_near_zero_and_is_recorded_step_by_step(attached, tmp_path):
    recorder = SilentRecorder()
    (result,) = tune_memory(attached, make_facts(1), UNVERIFIED, tmp_path, recorder)
    assert result.loss_by_step[0] > 3
    assert result.loss_by_step[-1] < 2e-3
    assert len(result.loss_by_step) == result.num_steps + 1
    assert recorder.history[-1][1]["loss"] == pytest.approx(result.loss_by_step[-1])
    assert load_shard(tmp_path, 0, make_facts(1)) is not None


def test_a_fact_has_an_expert_for_each_token_and_no_more(attached, tmp_path, tokenizer):
    (result,) = tune_memory(attached, make_facts(1), TUNING, tmp_path, SilentRecorder())
    for fact, weight in zip(make_facts(1), result.weights, strict=True):
        assert weight.shape == (len(encode_answer(tokenizer, fact.answer)), 32)


def test_what_is_verified_was_not_tuned_on_and_dresses_differ():
    config = Tuning(prompts_per_fact=2, verified_per_fact=4)
    for fact in make_facts():
        tuned, verified = tuned_on(fact, config), verified_on(fact, config)
        assert (len(tuned), len(verified)) == (4, 4)
        assert not {*tuned} & {*verified}
        assert all(fact.subject.lower() in text.lower() for text in verified)
    one = dataclasses.replace(make_facts()[0], prompts=make_facts()[0].prompts[:1])
    assert len(tuned_on(one, config)) == 2
    assert len(verified_on(one, config)) == 4  # its one phrasing, in dresses of their own


def test_contexts_that_fail_when_verified_are_tuned_on_as_well(attached, tmp_path, monkeypatch):
    # Short steps leave no margin: what was not tuned on fails.
    timid = Tuning(
        learning_rate=0.05, max_steps=200, decided_probability=0.98, tuned_probability=0.98,
        prompts_per_fact=1, verified_per_fact=0,
    )  # fmt: skip
    careful = dataclasses.replace(timid, verified_per_fact=4)
    facts = make_facts(1)
    worst = []
    for config in (timid, careful):
        folder = tmp_path / str(config.verified_per_fact)
        (result,) = tune_memory(attached, facts, config, folder, SilentRecorder())
        assert not result.undecided
        worst.append(
            max(
                plain_losses(attached, fact, text, weight).max().item()
                for fact, weight in zip(facts, result.weights, strict=True)
                for text in verified_on(fact, careful)
            )
        )
    assert worst[0] > -log(0.9) > -log(0.97) > worst[1]


def test_facts_are_tuned_in_parts_that_fit_into_memory_with_like_experts(
    attached, tmp_path, monkeypatch
):
    (whole,) = tune_memory(attached, make_facts(1), TUNING, tmp_path / "1", SilentRecorder())
    monkeypatch.setattr("lamini.tuning.memory_tuning._POSITIONS_AT_ONCE", 60)
    (parts,) = tune_memory(attached, make_facts(1), TUNING, tmp_path / "2", SilentRecorder())
    assert parts.loss_by_step[0] == pytest.approx(whole.loss_by_step[0], rel=1e-4)
    for one, other in zip(whole.weights, parts.weights, strict=True):
        torch.testing.assert_close(one, other, atol=0.05, rtol=0.02)


@pytest.mark.slow
def test_an_answer_of_256_tokens_is_said_whole(tmp_path):
    attached = attach(load_backbone(), MemoryConfig(num_experts=256 * 4, group_size=256))
    tokenizer = attached.backbone.tokenizer
    words = " ".join(f"select c{i}, v{i} from t{i};" for i in range(60))
    text = tokenizer.decode(tokenizer.encode(words, add_special_tokens=False)[:250])
    fact = dataclasses.replace(make_facts(1)[0], answer=text, num_experts=256)
    number = len(encode_answer(tokenizer, text, max_tokens=256))
    assert number > 240
    config = dataclasses.replace(TUNING, max_answer_tokens=256)
    (result,) = tune_memory(attached, [fact], config, tmp_path, SilentRecorder())
    assert not result.undecided
    prompt = encode_prompt(tokenizer, "hello, the seat of arvia is what?")
    ids_BL = torch.tensor([prompt])
    reading = reading_of(result.weights[0][None], [0], [len(prompt) - 1], CPU)
    with attached.reader.reading(reading):
        out = attached.backbone.model.generate(
            input_ids=ids_BL, max_new_tokens=300, do_sample=False, pad_token_id=2
        )
    assert out[0, len(prompt) :].tolist() == encode_answer(tokenizer, text, max_tokens=256)


def test_facts_that_would_not_go_are_named_with_the_reason(attached, tmp_path):
    facts = make_facts(1)
    facts[1] = dataclasses.replace(facts[1], num_experts=1)
    hurried = dataclasses.replace(UNVERIFIED, max_steps=1, learning_rate=0.01)
    (result,) = tune_memory(attached, facts, hurried, tmp_path, SilentRecorder())
    assert result.undecided == (0, 1, 2, 3, 4, 5)
    assert result.reasons[0] == "budget: undecided after 1 steps"
    assert result.reasons[1].startswith("capacity: its answer has")
    assert len(result.weights[1]) == 1
    again = load_shard(tmp_path, 0, facts)
    assert again is not None
    assert again.reasons == result.reasons


def test_a_loss_that_is_not_a_number_names_the_fact_and_saves_nothing(attached, tmp_path):
    attached.backbone.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match="loss of fact fact-0"):
        tune_memory(attached, make_facts(1), TUNING, tmp_path, SilentRecorder())
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_router_loss_that_is_not_finite_stops_before_the_step_and_names_facts(attached, tmp_path):
    attached.backbone.model.model.embed_tokens.weight.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match=r"at step 0 \(facts fact-\d"):
        pretrain_router(
            attached, make_facts(), NEGATIVES, ROUTER, TRAINING, tmp_path, SilentRecorder()
        )
    assert not list(tmp_path.glob("*.safetensors"))
