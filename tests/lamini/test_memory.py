import pytest
import torch

from lamini.answer_batch import answer_logits, prepare_answers
from lamini.backbone import freeze
from lamini.config import MemoryConfig
from lamini.errors import AttachError, BackboneError
from lamini.experts import Experts
from lamini.memory import attach, detach, full_logits, pad_right, reading_of
from lamini.trunk import trunk_states

from .conftest import GEOMETRY, tiny_llama

PROMPTS = [[0, 40, 41, 42, 43, 44], [0, 50, 51], [0, 60, 61, 62]]
ANSWERS = [[70, 71, 1], [72, 1], [73, 74, 75, 76, 1]]


def random_experts(attached, num_rows, scale=0.3):
    shape = (num_rows, attached.config.group_size, attached.hidden_size)
    return Experts(
        down_NGD=tuple(torch.randn(shape) * scale for _ in range(2)),
        up_NGD=tuple(torch.randn(shape) * scale for _ in range(2)),
    )


def zero_experts(attached, num_rows):
    experts = random_experts(attached, num_rows)
    return Experts(
        down_NGD=experts.down_NGD, up_NGD=tuple(torch.zeros_like(up) for up in experts.up_NGD)
    )


def whole(attached):
    ids_BL, mask_BL = pad_right(
        [p + a[:-1] for p, a in zip(PROMPTS, ANSWERS, strict=True)], attached.backbone
    )
    reads_BL = torch.zeros_like(mask_BL, dtype=torch.bool)
    for row, prompt in enumerate(PROMPTS):
        reads_BL[row, len(prompt) - 1 :] = True
    return ids_BL, mask_BL, reads_BL


@torch.no_grad()
def test_i1_a_fresh_bank_is_the_exact_identity_on_every_architecture(any_attached):
    ids_BL, mask_BL, reads_BL = whole(any_attached)
    bare = full_logits(any_attached, ids_BL, mask_BL, None)
    reading = reading_of(zero_experts(any_attached, 3), [0, 1, 2], reads_BL, torch.device("cpu"))
    assert torch.equal(full_logits(any_attached, ids_BL, mask_BL, reading), bare)


@torch.no_grad()
def test_i4_cached_trunk_and_prompt_equal_the_plain_forward_on_every_architecture(any_attached):
    ids_BL, mask_BL, reads_BL = whole(any_attached)
    experts = random_experts(any_attached, 3)
    reading = reading_of(experts, [0, 1, 2], reads_BL, torch.device("cpu"))
    plain = full_logits(any_attached, ids_BL, mask_BL, reading)
    bare = full_logits(any_attached, ids_BL, mask_BL, None)
    batch = prepare_answers(any_attached, PROMPTS, ANSWERS)
    fast = answer_logits(
        any_attached, batch, reading_of(experts, [0, 1, 2], None, torch.device("cpu"))
    )
    for row, (prompt, answer) in enumerate(zip(PROMPTS, ANSWERS, strict=True)):
        positions = slice(len(prompt) - 1, len(prompt) - 1 + len(answer))
        torch.testing.assert_close(
            fast[row, : len(answer)], plain[row, positions], atol=2e-5, rtol=1e-4
        )
        assert (plain[row, positions] - bare[row, positions]).abs().max() > 1e-3
        assert batch.target_BA[row, : len(answer)].tolist() == answer


@torch.no_grad()
def test_i2_rows_that_read_nothing_keep_the_backbones_logits_bit_for_bit(any_attached):
    ids_BL, mask_BL, reads_BL = whole(any_attached)
    bare = full_logits(any_attached, ids_BL, mask_BL, None)
    reading = reading_of(random_experts(any_attached, 1), [1], reads_BL, torch.device("cpu"))
    mixed = full_logits(any_attached, ids_BL, mask_BL, reading)
    assert torch.equal(mixed[[0, 2]], bare[[0, 2]])
    assert not torch.equal(mixed[1], bare[1])


@torch.no_grad()
def test_i3_changing_one_rows_experts_leaves_every_other_row_bit_identical(any_attached):
    ids_BL, mask_BL, reads_BL = whole(any_attached)
    experts = random_experts(any_attached, 3)
    changed = Experts(
        down_NGD=tuple(torch.cat([d[:1] * 1.5, d[1:]]) for d in experts.down_NGD),
        up_NGD=tuple(torch.cat([u[:1] * 1.5, u[1:]]) for u in experts.up_NGD),
    )
    before, after = (
        full_logits(
            any_attached, ids_BL, mask_BL, reading_of(e, [0, 1, 2], reads_BL, torch.device("cpu"))
        )
        for e in (experts, changed)
    )
    assert torch.equal(before[1:], after[1:])
    assert not torch.equal(before[0], after[0])


@torch.no_grad()
def test_a_row_is_the_same_whether_all_rows_read_or_only_some(any_attached):
    ids_BL, mask_BL, reads_BL = whole(any_attached)
    experts = random_experts(any_attached, 3)
    some = Experts(
        down_NGD=tuple(down[[0, 2]] for down in experts.down_NGD),
        up_NGD=tuple(up[[0, 2]] for up in experts.up_NGD),
    )
    every = reading_of(experts, [0, 1, 2], reads_BL, torch.device("cpu"))
    two = reading_of(some, [0, 2], reads_BL, torch.device("cpu"))
    all_logits = full_logits(any_attached, ids_BL, mask_BL, every)
    two_logits = full_logits(any_attached, ids_BL, mask_BL, two)
    torch.testing.assert_close(all_logits[[0, 2]], two_logits[[0, 2]], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_prompt_positions_before_the_last_are_untouched(backbone):
    attached = attach(backbone, GEOMETRY)
    ids_BL, mask_BL, reads_BL = whole(attached)
    bare = full_logits(attached, ids_BL, mask_BL, None)
    reading = reading_of(random_experts(attached, 3), [0, 1, 2], reads_BL, torch.device("cpu"))
    read = full_logits(attached, ids_BL, mask_BL, reading)
    for row, prompt in enumerate(PROMPTS):
        assert torch.equal(read[row, : len(prompt) - 1], bare[row, : len(prompt) - 1])


def test_detach_gives_back_the_very_same_layers(backbone):
    before = [layer.mlp for layer in backbone.layers]
    detach(attach(backbone, GEOMETRY))
    assert all(layer.mlp is mlp for layer, mlp in zip(backbone.layers, before, strict=True))


def test_attaching_twice_is_refused_and_changes_nothing(backbone):
    attach(backbone, GEOMETRY)
    before = [layer.mlp for layer in backbone.layers]
    with pytest.raises(AttachError, match="already attached"):
        attach(backbone, GEOMETRY)
    assert all(layer.mlp is mlp for layer, mlp in zip(backbone.layers, before, strict=True))


def test_a_backbone_without_a_trunk_is_refused(tokenizer):
    backbone = tiny_llama(tokenizer, num_layers=2)
    with pytest.raises(AttachError, match="must be below the backbone's 2 layers"):
        attach(backbone, MemoryConfig(num_memory_layers=2, num_experts=32, group_size=8))


def test_a_model_that_is_no_decoder_stack_is_refused(tokenizer):
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=16, n_head=2, vocab_size=64))
    with pytest.raises(BackboneError, match="no stack of decoder layers"):
        freeze(model, tokenizer, "gpt2")


def test_the_fingerprint_is_the_same_with_memory_on_and_off(backbone):
    bare = backbone.fingerprint()
    attached = attach(backbone, GEOMETRY)
    assert backbone.fingerprint() == bare
    detach(attached)
    assert backbone.fingerprint() == bare


def test_only_the_experts_of_reading_rows_receive_gradient(backbone):
    attached = attach(backbone, GEOMETRY)
    batch = prepare_answers(attached, PROMPTS, ANSWERS)
    up = torch.randn(3, 8, 32, requires_grad=True)
    down = torch.randn(3, 8, 32)
    experts = Experts(down_NGD=(down[[0, 2]],) * 2, up_NGD=(up[[0, 2]],) * 2)
    reading = reading_of(experts, [0, 2], None, torch.device("cpu"))
    answer_logits(attached, batch, reading).sum().backward()
    touched = up.grad.abs().sum(dim=(1, 2)) > 0
    assert touched.tolist() == [True, False, True]
    assert all(p.grad is None for p in backbone.model.parameters())


@torch.no_grad()
def test_trunk_states_do_not_depend_on_the_batch(backbone):
    attached = attach(backbone, GEOMETRY)
    together = trunk_states(attached, PROMPTS)
    for prompt, state in zip(PROMPTS, together, strict=True):
        torch.testing.assert_close(trunk_states(attached, [prompt])[0], state, atol=1e-5, rtol=1e-4)
