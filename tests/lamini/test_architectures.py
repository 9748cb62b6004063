"""One life of a checkpoint on every architecture: attach, route, update, save, detach, bf16."""

import dataclasses
import random
import shutil

import pytest
import torch
from transformers import AutoModelForCausalLM

from lamini.backbone.backbone import final_norm, load_backbone
from lamini.backbone.memory import attach, detach, full_logits, pad_left, pad_right, reading_of
from lamini.bank.bank import BankVersion
from lamini.errors import CheckpointError
from lamini.model.loading import load
from lamini.proof.recall import NUMERIC_TOLERANCE
from lamini.proof.untouched import compare_banks, compare_logits, compare_silence
from lamini.saved import read_tensors
from lamini.update.update import update_model

from .conftest import (
    ARCHITECTURES,
    GEOMETRY,
    GROUPS,
    NEGATIVES,
    TUNING,
    built_checkpoint,
    make_facts,
    tiny_backbone,
)

pytestmark = pytest.mark.slow
"""Together they take over ten seconds."""

PROMPTS = [[0, 40, 41, 42, 43, 44, 45, 46], [0, 50, 51], [0, 60, 61, 62, 63], [0, 70, 71]]
READS = [GROUPS[0], None, GROUPS[2], None]
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def folder(request, tokenizer, tmp_path_factory):
    top = tmp_path_factory.mktemp(request.param)
    return built_checkpoint(request.param, tokenizer, top, num_steps=2)


@pytest.fixture(params=list(DTYPES))
def dtype(request):
    return DTYPES[request.param]


def bare_backbone(folder, dtype=torch.float32):
    return load_backbone(str(folder.parent / "backbone"), dtype=dtype)


def tokens(model, prompts, groups, num_new=8):
    """Return the new tokens of each row; end-of-text is not allowed to end one early."""
    ids_BL, mask_BL = pad_left(prompts, model.attached.backbone)
    out = model.generate(
        ids_BL, mask_BL, groups=groups, min_new_tokens=num_new, max_new_tokens=num_new
    )
    return out[:, ids_BL.shape[1] :]


@torch.no_grad()
def test_i1_fresh_experts_are_the_exact_identity_in_both_precisions(folder, dtype):
    attached = attach(bare_backbone(folder, dtype), GEOMETRY)
    ids_BL, mask_BL = pad_right(PROMPTS, attached.backbone)
    bare = bare_backbone(folder, dtype).model(input_ids=ids_BL, attention_mask=mask_BL).logits
    reading = reading_of(torch.zeros(4, 8, 32), [0, 1, 2, 3], [0] * 4, attached.backbone.device)
    assert bare.dtype == dtype
    assert torch.equal(full_logits(attached, ids_BL, mask_BL, None), bare)
    assert torch.equal(full_logits(attached, ids_BL, mask_BL, reading), bare)


@torch.no_grad()
def test_each_row_of_an_unequal_batch_is_generated_as_if_alone(folder):
    model = load(folder)
    together = tokens(model, PROMPTS, READS)
    for row, (prompt, group) in enumerate(zip(PROMPTS, READS, strict=True)):
        assert torch.equal(tokens(model, [prompt], [group])[0], together[row])


@torch.no_grad()
def test_i2_silent_rows_beside_reading_ones_are_the_backbones_own(folder, dtype):
    model = load(folder, dtype=dtype)
    bare = bare_backbone(folder, dtype)
    ids_BL, mask_BL = pad_left(PROMPTS, bare)
    own = bare.model.generate(
        input_ids=ids_BL, attention_mask=mask_BL, min_new_tokens=8, max_new_tokens=8
    )[:, ids_BL.shape[1] :]
    said = tokens(model, PROMPTS, READS)
    assert torch.equal(said[[1, 3]], own[[1, 3]])
    assert not torch.equal(said[0], own[0])
    assert not torch.equal(said[2], own[2])
    logits = bare.model(input_ids=ids_BL, attention_mask=mask_BL).logits
    with model.attached.reader.reading(model.reading(READS, [0] * 4)):
        mixed = model.attached.backbone.model(input_ids=ids_BL, attention_mask=mask_BL).logits
    assert mixed.dtype == dtype
    assert torch.equal(mixed[[1, 3]], logits[[1, 3]])
    assert not torch.equal(mixed[[0, 2]], logits[[0, 2]])


def test_i3_i6_an_update_touches_its_own_experts_and_logits_alone(folder, tmp_path):
    model = load(
        shutil.copytree(folder, tmp_path / "own"), backbone=str(folder.parent / "backbone")
    )
    changed, *kept, gone = make_facts(num_shards=1)
    changed = dataclasses.replace(changed, answer="Tamsin")
    once = dataclasses.replace(TUNING, max_steps=1)
    update = update_model(model, [changed, *kept], tuning=once)
    assert (update.changed, update.retired) == ((changed.fact_id,), (gone.fact_id,))
    banks = compare_banks(model.bank, update.previous, update.bank, update.groups)
    assert banks.is_identical
    assert banks.num_experts == 8 * len(kept)
    prompts = [prompt for fact in kept for prompt in fact.prompts] + NEGATIVES
    logits = compare_logits(model, update.previous, prompts, update.groups)
    assert logits.is_identical
    assert logits.num_silent > 0
    assert logits.num_prompts - logits.num_silent > len(kept)  # that many read their own experts
    # The retired fact: nothing is stored of it, its prompts get the bare backbone's logits.
    groups = {expert // GEOMETRY.group_size for expert in model.bank.digests()}
    assert groups == {fact.group_index for fact in (changed, *kept)}
    silence = compare_silence(model, gone.prompts)
    assert (silence.reading, silence.differing) == ((), ())


def test_i5_read_sets_are_the_same_alone_and_in_any_batch(folder):
    model = load(folder)
    prompts = [prompt for fact in make_facts() for prompt in fact.prompts[:3]] + NEGATIVES[::2]
    alone = {prompt: model.route([prompt])[0] for prompt in prompts}
    assert len({route.group for route in alone.values()}) > len(make_facts()) // 2
    for seed in range(3):
        batch = random.Random(seed).sample(prompts, 7 + 6 * seed)
        answers = model.answer(batch, max_answer_tokens=1)
        for prompt, answer, route in zip(batch, answers, model.route(batch), strict=True):
            if alone[prompt].margin > NUMERIC_TOLERANCE:
                assert answer.group == route.group == alone[prompt].group


@torch.no_grad()
def test_generation_with_and_without_cache_agrees(folder):
    model = load(folder)
    ids_BL, mask_BL = pad_left(PROMPTS, model.attached.backbone)
    options = {"groups": READS, "min_new_tokens": 6, "max_new_tokens": 6}
    assert torch.equal(
        model.generate(ids_BL, mask_BL, use_cache=False, **options),
        model.generate(ids_BL, mask_BL, **options),
    )


def test_routing_is_the_same_in_bf16_where_the_margin_allows(folder):
    exact, rounded = load(folder), load(folder, dtype=torch.bfloat16)
    prompts = ["What is the seat of Arvia?", "seat of Corvane", "Who invented the violin?"]
    for one, two in zip(exact.route(prompts), rounded.route(prompts), strict=True):
        if one.margin > 0.1 and abs(one.excess) > 0.1:
            assert one.group == two.group
        assert two.score == pytest.approx(one.score, abs=0.1)


@torch.no_grad()
def test_detach_gives_back_the_very_same_norm_and_logits(folder, dtype):
    backbone = bare_backbone(folder, dtype)
    before = final_norm(backbone)
    ids_BL, mask_BL = pad_right(PROMPTS, backbone)
    bare = backbone.model(input_ids=ids_BL, attention_mask=mask_BL).logits
    attached = attach(backbone, GEOMETRY)
    reading = load(folder, dtype=dtype).reading(READS, [0] * 4)
    assert not torch.equal(full_logits(attached, ids_BL, mask_BL, reading), bare)
    detach(attached)
    assert final_norm(backbone) is before
    assert torch.equal(backbone.model(input_ids=ids_BL, attention_mask=mask_BL).logits, bare)


def test_a_saved_checkpoint_loads_as_a_registered_class_and_says_the_same(folder, tmp_path):
    AutoModelForCausalLM.from_pretrained(folder).save_pretrained(tmp_path / "again")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "again")
    assert again.config.num_hidden_layers == 3
    assert torch.equal(tokens(again.memory, PROMPTS, READS), tokens(load(folder), PROMPTS, READS))


def test_the_registered_class_loads_in_bf16_and_keeps_experts_in_fp32(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="bfloat16")
    assert model.dtype == torch.bfloat16
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    experts = model.memory.bank.read([GROUPS[0]])
    assert experts.dtype == torch.float32
    exact = load(folder).bank.read([GROUPS[0]])
    assert torch.equal(experts, exact)
    bare = bare_backbone(folder, torch.bfloat16).model
    ids = torch.tensor(PROMPTS[:1])
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, bare(input_ids=ids).logits)


def test_another_dtype_is_verified_against_the_weights_memory_was_tuned_on(tokenizer, tmp_path):
    folder = built_checkpoint("mistral", tokenizer, tmp_path, num_steps=2)
    rounded = bare_backbone(folder, torch.bfloat16)
    with pytest.raises(CheckpointError, match=r"tuned on a backbone in torch.float32.*as dtype="):
        load(folder, backbone=rounded)
    other = tiny_backbone("qwen3", tokenizer)
    other.model.save_pretrained(tmp_path / "other")
    tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(CheckpointError, match="tuned on another backbone"):
        load(folder, backbone=str(tmp_path / "other"), dtype=torch.bfloat16)


def test_a_checkpoint_tuned_in_bf16_is_loaded_in_bf16(tokenizer, tmp_path):
    folder = built_checkpoint("phi3", tokenizer, tmp_path, num_steps=2, dtype=torch.bfloat16)
    model = load(folder)
    assert model.attached.backbone.model.dtype == torch.bfloat16
    assert model.bank.open(BankVersion(**model.manifest["bank"]))
    given = load(folder, backbone=bare_backbone(folder, torch.bfloat16))
    assert torch.equal(tokens(model, PROMPTS, READS), tokens(given, PROMPTS, READS))
    assert {t.dtype for t in read_tensors(folder / "router.safetensors").values()} <= {
        torch.float32,
        torch.int64,
    }
