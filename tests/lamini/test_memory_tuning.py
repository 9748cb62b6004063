"""Memory tuning against a loop written for reading, on disk as in memory, and why facts fail."""

import dataclasses
from math import log

import pytest
import torch
from torch.nn.functional import cross_entropy

import lamini.memory_tuning
from lamini.backbone import load_backbone
from lamini.config import MemoryConfig
from lamini.errors import NonFiniteLossError
from lamini.experts import Experts, unpack
from lamini.memory import attach, full_logits, pad_right, reading_of
from lamini.memory_tuning import _losses, tune_memory
from lamini.recorder import SilentRecorder
from lamini.router_training import pretrain_router
from lamini.shard_experts import ShardExperts
from lamini.shards import load_shard
from lamini.text import encode_answer, encode_prompt
from lamini.tuning_examples import examples_of, within

from .conftest import GEOMETRY, NEGATIVES, ROUTER, TRAINING, TUNING, make_facts, tiny_llama

GRADIENT = dataclasses.replace(TUNING, learning_rate=4e-2, verified_per_fact=0)


@pytest.fixture
def attached(tokenizer):
    return attach(tiny_llama(tokenizer), GEOMETRY)


@pytest.fixture
def without_closed_form(monkeypatch):
    def nothing_written(attached, experts, part, config):
        return [part]

    monkeypatch.setattr(lamini.memory_tuning, "_started", nothing_written)


def tune_slowly(attached, fact, config):
    """One fact, one phrasing at a time, the whole stack each time, torch's own Adam."""
    tokenizer = attached.backbone.tokenizer
    answer = encode_answer(tokenizer, fact.answer)
    prompts = [encode_prompt(tokenizer, p) for p in fact.prompts[: config.prompts_per_fact]]
    weight = ShardExperts(attached, [fact], config).weight_FPGD[0].clone().requires_grad_(True)
    adam = torch.optim.Adam([weight], lr=config.learning_rate, betas=(0.9, 0.99))
    for num_passes in range(1, config.max_passes + 1):
        is_memorized = True
        for prompt in prompts:
            ids_BL, mask_BL = pad_right([prompt + answer[:-1]], attached.backbone)
            reads_BL = torch.zeros_like(mask_BL, dtype=torch.bool)
            reads_BL[:, len(prompt) - 1 :] = True
            parts = weight[:, None]
            experts = Experts(down_NGD=tuple(parts[:2]), up_NGD=tuple(parts[2:]))
            reading = reading_of(experts, [0], reads_BL, torch.device("cpu"))
            logits = full_logits(attached, ids_BL, mask_BL, reading)[0, len(prompt) - 1 :]
            loss_A = cross_entropy(logits, torch.tensor(answer), reduction="none")
            undecided_A = loss_A.detach() > -log(config.decided_probability)
            is_memorized &= not undecided_A.any()
            (loss_A * undecided_A).sum().backward()
        if is_memorized:
            return weight.detach(), num_passes
        adam.step()
        adam.zero_grad()
    raise AssertionError("not memorized")


def test_the_fast_path_equals_a_plain_slow_loop(attached, tmp_path, without_closed_form):
    fact = make_facts(1)[0]
    (fast,) = tune_memory(attached, [fact], GRADIENT, tmp_path, SilentRecorder())
    slow, num_passes = tune_slowly(attached, fact, GRADIENT)
    assert fast.num_passes == num_passes > 3
    stored = torch.cat([part for layer in range(2) for part in (slow[layer], slow[2 + layer])], -1)
    torch.testing.assert_close(fast.weights[0], stored, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_on_disk_and_in_memory_give_the_same_experts_to_the_last_bit(
    tokenizer, tmp_path, without_closed_form
):
    results = []
    for cache_bytes in (2**31, 1):
        attached = attach(tiny_llama(tokenizer), GEOMETRY)
        config = dataclasses.replace(GRADIENT, cache_bytes=cache_bytes)
        folder = tmp_path / str(cache_bytes)
        results.append(tune_memory(attached, make_facts(1), config, folder, SilentRecorder())[0])
    in_memory, on_disk = results
    assert in_memory.num_passes == on_disk.num_passes > 3
    for one, two in zip(in_memory.weights, on_disk.weights, strict=True):
        assert torch.equal(one, two)


def test_beyond_the_limit_examples_lie_in_mapped_files(attached, without_closed_form):
    part = next(examples_of(attached, make_facts(1), {0: make_facts(1)[0].prompts[:2]}, TUNING))
    (kept,) = within(2**31, [part])
    (spilled,) = within(1, [part])
    assert kept is part
    assert spilled.on_disk
    assert torch.equal(spilled.batch.state_BAD, part.batch.state_BAD)
    assert spilled.batch.state_BAD.data_ptr() != part.batch.state_BAD.data_ptr()
    assert not spilled.only(torch.tensor([0])).on_disk


@pytest.mark.slow
def test_answers_of_more_tokens_than_experts_are_decided_by_the_closed_form(tmp_path):
    attached = attach(load_backbone(), MemoryConfig())
    strings = ("K0X7QJ2ZV9W4YB1H8G5N3TXQ6ZJ0VKWP", "ZQ8XJ3VK5WY7B2H0G9N4T6PXQ1ZJ8VKW")
    facts = [
        dataclasses.replace(fact, answer=answer, num_experts=32, prompts=fact.prompts[:1])
        for fact, answer in zip(make_facts(1), strings, strict=False)
    ]
    for answer in strings:
        assert len(encode_answer(attached.backbone.tokenizer, answer)) > 32
    (result,) = tune_memory(attached, facts, TUNING, tmp_path, SilentRecorder())
    assert not result.undecided
    assert result.num_passes == 0


ODD = (
    "What is the seat of {}?",
    "{}!!! seat, quick",
    "Seat of the province {}, in one word, without an explanation:",
    "x{}y",
    "{} {} {}",
    "If somebody asks you about {}, what do you say first?",
)
"""Phrasings that an expert written from the first alone does not decide."""


def decided(attached, facts, weights):
    """Give the phrasings of the facts that their stored experts decide, by fact."""
    block_FGW = torch.nn.utils.rnn.pad_sequence(list(weights), batch_first=True)
    experts = unpack(block_FGW, attached.config.num_memory_layers, attached.hidden_size)
    found = [set() for _ in facts]
    prompts_of = {f: fact.prompts for f, fact in enumerate(facts)}
    for part in examples_of(attached, facts, prompts_of, TUNING):
        _, undecided_BA = _losses(attached, experts.only(part.fact_B), part, TUNING)
        for row in (~undecided_BA.any(1)).nonzero()[:, 0].tolist():
            found[int(part.fact_B[row])].add(part.prompts[row])
    return found


@pytest.mark.slow
def test_phrasings_that_were_not_tuned_on_are_verified_and_a_fact_that_fails_learns_them(tmp_path):
    attached = attach(load_backbone(), MemoryConfig())
    facts = [
        dataclasses.replace(
            fact,
            prompts=tuple(template.replace("{}", fact.subject) for template in ODD),
            answer=f"{fact.answer} 4471-9",
        )
        for fact in make_facts(1)
    ]
    known = []
    for number in (0, 2, 5):
        config = dataclasses.replace(TUNING, prompts_per_fact=1, verified_per_fact=number)
        folder = tmp_path / str(number)
        (result,) = tune_memory(attached, facts, config, folder, SilentRecorder())
        assert not result.undecided
        known.append(decided(attached, facts, result.weights))
    unverified, some, all_verified = known
    assert sum(map(len, unverified)) < len(facts) * len(ODD) / 2
    looked_at = [{fact.prompts[i] for i in (0, 1, 3)} for fact in facts]  # at equal distances
    hits = [len(wanted & found) for wanted, found in zip(looked_at, some, strict=True)]
    assert sum(hits) > 0.9 * 3 * len(facts)
    assert sum(map(len, all_verified)) > 0.9 * len(facts) * len(ODD)


def test_a_fact_that_cannot_hold_all_phrasings_keeps_what_it_had(attached, tmp_path, monkeypatch):
    config = dataclasses.replace(TUNING, prompts_per_fact=1, verified_per_fact=0)
    (before,) = tune_memory(attached, make_facts(1), config, tmp_path / "0", SilentRecorder())
    memorize, begun = lamini.memory_tuning._memorize, []

    def not_the_second_time(attached, experts, facts, prompts_of, config):
        begun.append(prompts_of)
        *course, undecided = memorize(attached, experts, facts, prompts_of, config)
        return (*course, {*prompts_of} if len(begun) == 2 else undecided)

    monkeypatch.setattr(lamini.memory_tuning, "_memorize", not_the_second_time)
    config = dataclasses.replace(config, verified_per_fact=5)
    (after,) = tune_memory(attached, make_facts(1), config, tmp_path / "5", SilentRecorder())
    assert len(begun) == 2
    assert not after.undecided
    for one, other in zip(before.weights, after.weights, strict=True):
        assert torch.equal(one, other)


def test_facts_that_would_not_go_are_named_with_the_reason(attached, tmp_path, without_closed_form):
    facts = make_facts(1)
    facts[1] = dataclasses.replace(facts[1], answer="Norgate; Tamsin; Åsbo; Kilo; Lima; QX" * 2)
    facts[1] = dataclasses.replace(facts[1], num_experts=1)
    hurried = dataclasses.replace(TUNING, max_passes=1)
    (result,) = tune_memory(attached, facts, hurried, tmp_path, SilentRecorder())
    assert result.undecided == (0, 1, 2, 3, 4, 5)
    assert result.reasons[0] == "budget: undecided after 1 passes"
    assert result.reasons[1].startswith("capacity: its answer has too many tokens")
    again = load_shard(tmp_path, 0, facts)
    assert again is not None
    assert again.reasons == result.reasons


def test_a_router_loss_that_is_not_finite_stops_before_the_step_and_names_facts(attached, tmp_path):
    attached.backbone.model.model.embed_tokens.weight.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match=r"at step 0 \(facts fact-\d"):
        pretrain_router(
            attached, make_facts(), NEGATIVES, ROUTER, TRAINING, tmp_path, SilentRecorder()
        )
    assert not list(tmp_path.glob("*.safetensors"))
