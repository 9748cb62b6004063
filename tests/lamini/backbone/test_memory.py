import pytest
import torch
from torch.nn.functional import cross_entropy

from lamini.backbone.backbone import final_norm, freeze
from lamini.backbone.memory import attach, detach, full_logits, pad_right, reading_of
from lamini.backbone.trunk import trunk_states
from lamini.errors import AttachError, BackboneError
from lamini.tuning.answer_states import answer_losses, prepare_answers
from tests.lamini.conftest import GEOMETRY, tiny_llama

PROMPTS = [[0, 40, 41, 42, 43, 44], [0, 50, 51], [0, 60, 61, 62]]
ANSWERS = [[70, 71, 1], [72, 1], [73, 74, 75, 76, 1]]


ROWS, STARTS = [0, 1, 2], [len(prompt) - 1 for prompt in PROMPTS]
CPU = torch.device("cpu")


def random_shifts(attached, num_rows):
    return 5 * torch.randn(num_rows, attached.config.group_size, attached.hidden_size)


def whole(attached):
    return pad_right([p + a[:-1] for p, a in zip(PROMPTS, ANSWERS, strict=True)], attached.backbone)


@torch.no_grad()
def test_i1_a_fresh_bank_is_the_exact_identity_on_every_architecture(any_attached):
    bare = full_logits(any_attached, *whole(any_attached), None)
    fresh = reading_of(torch.zeros(3, 8, any_attached.hidden_size), ROWS, STARTS, CPU)
    assert torch.equal(full_logits(any_attached, *whole(any_attached), fresh), bare)


@torch.no_grad()
def test_i4_cached_states_equal_the_plain_forward_on_every_architecture(any_attached):
    shift_NAD = random_shifts(any_attached, 3)
    plain = full_logits(
        any_attached, *whole(any_attached), reading_of(shift_NAD, ROWS, STARTS, CPU)
    )
    bare = full_logits(any_attached, *whole(any_attached), None)
    states = prepare_answers(any_attached, PROMPTS, ANSWERS, [0, 8, 16])
    shift_ED = shift_NAD.flatten(0, 1)
    loss_R = answer_losses(any_attached, states, shift_ED)
    moved_RD = states.state_RD + shift_ED[states.expert_R]
    fast_RV, row = any_attached.logits(moved_RD), 0
    for prompt, (start, answer) in enumerate(zip(STARTS, ANSWERS, strict=True)):
        positions = slice(start, start + len(answer))
        own = slice(row, row + len(answer))
        torch.testing.assert_close(fast_RV[own], plain[prompt, positions], atol=2e-5, rtol=1e-4)
        wanted = cross_entropy(plain[prompt, positions], torch.tensor(answer), reduction="none")
        torch.testing.assert_close(loss_R[own], wanted, atol=2e-5, rtol=1e-4)
        assert (plain[prompt, positions] - bare[prompt, positions]).abs().max() > 1e-3
        assert states.target_R[own].tolist() == answer
        row += len(answer)


@torch.no_grad()
def test_the_ith_expert_is_added_at_answer_position_i_and_nothing_past_the_last(any_attached):
    ids_BL, mask_BL = whole(any_attached)
    bare = full_logits(any_attached, ids_BL, mask_BL, None)
    for position in range(3):
        shift_NAD = torch.zeros(3, 2, any_attached.hidden_size)
        shift_NAD[:, : position + 1] = random_shifts(any_attached, 3)[:, : position + 1][:, :2]
        shift_NAD[:, :position] = 0.0
        reading = reading_of(shift_NAD, ROWS, STARTS, CPU)
        moved = full_logits(any_attached, ids_BL, mask_BL, reading) != bare
        for row, start in enumerate(STARTS):
            wanted = [start + position] if position < 2 else []
            columns = moved[row].any(-1).nonzero()[:, 0].tolist()
            assert columns == [c for c in wanted if c < ids_BL.shape[1]]


@torch.no_grad()
def test_i2_rows_that_read_nothing_keep_the_backbones_logits_bit_for_bit(any_attached):
    bare = full_logits(any_attached, *whole(any_attached), None)
    reading = reading_of(random_shifts(any_attached, 1), [1], STARTS[1:2], CPU)
    mixed = full_logits(any_attached, *whole(any_attached), reading)
    assert torch.equal(mixed[[0, 2]], bare[[0, 2]])
    assert not torch.equal(mixed[1], bare[1])


@torch.no_grad()
def test_i3_changing_one_rows_experts_leaves_every_other_row_bit_identical(any_attached):
    shift_NAD = random_shifts(any_attached, 3)
    changed_NAD = torch.cat([shift_NAD[:1] * 1.5, shift_NAD[1:]])
    before, after = (
        full_logits(any_attached, *whole(any_attached), reading_of(s, ROWS, STARTS, CPU))
        for s in (shift_NAD, changed_NAD)
    )
    assert torch.equal(before[1:], after[1:])
    assert not torch.equal(before[0], after[0])


@torch.no_grad()
def test_a_row_is_the_same_whether_all_rows_read_or_only_some(any_attached):
    shift_NAD = random_shifts(any_attached, 3)
    every = reading_of(shift_NAD, ROWS, STARTS, CPU)
    two = reading_of(shift_NAD[[0, 2]], [0, 2], [STARTS[0], STARTS[2]], CPU)
    all_logits = full_logits(any_attached, *whole(any_attached), every)
    two_logits = full_logits(any_attached, *whole(any_attached), two)
    assert torch.equal(all_logits[[0, 2]], two_logits[[0, 2]])


@torch.no_grad()
def test_prompt_positions_before_the_last_are_untouched(backbone):
    attached = attach(backbone, GEOMETRY)
    bare = full_logits(attached, *whole(attached), None)
    reading = reading_of(random_shifts(attached, 3), ROWS, STARTS, CPU)
    read = full_logits(attached, *whole(attached), reading)
    for row, start in enumerate(STARTS):
        assert torch.equal(read[row, :start], bare[row, :start])


def test_detach_gives_back_the_very_same_norm_and_leaves_no_hook(backbone):
    before = final_norm(backbone)
    detach(attach(backbone, GEOMETRY))
    assert final_norm(backbone) is before
    assert not backbone.model._forward_pre_hooks


def test_attaching_twice_is_refused_and_changes_nothing(backbone):
    attach(backbone, GEOMETRY)
    before = final_norm(backbone)
    with pytest.raises(AttachError, match="already attached"):
        attach(backbone, GEOMETRY)
    assert final_norm(backbone) is before
    assert len(backbone.model._forward_pre_hooks) == 1


def test_a_backbone_of_one_layer_is_refused(tokenizer):
    with pytest.raises(AttachError, match="has one decoder layer"):
        attach(tiny_llama(tokenizer, num_layers=1), GEOMETRY)


def test_a_backbone_without_a_final_norm_is_refused_and_stays_as_it_was(backbone):
    backbone.model.model._modules["norm"] = None
    with pytest.raises(BackboneError, match="no final norm named norm or"):
        attach(backbone, GEOMETRY)
    assert not backbone.model._forward_pre_hooks


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


def test_only_the_experts_that_rows_read_receive_gradient(backbone):
    attached = attach(backbone, GEOMETRY)
    states = prepare_answers(attached, PROMPTS, ANSWERS, [0, 8, 16])
    uphill_ED = torch.zeros(24, 32)
    answer_losses(attached, states, torch.zeros(24, 32), uphill_ED)
    touched = uphill_ED.abs().sum(1).nonzero()[:, 0].tolist()
    assert touched == [0, 1, 2, 8, 9, 16, 17, 18, 19, 20]
    assert all(p.grad is None for p in backbone.model.parameters())


@torch.no_grad()
def test_trunk_states_do_not_depend_on_the_batch(backbone):
    attached = attach(backbone, GEOMETRY)
    together = trunk_states(attached, PROMPTS)
    for prompt, state in zip(PROMPTS, together, strict=True):
        torch.testing.assert_close(trunk_states(attached, [prompt])[0], state, atol=1e-5, rtol=1e-4)
