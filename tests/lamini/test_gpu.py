"""Devices and dtypes of the backbone: all work is done where it lies, in fp32 beside a bf16 one.

What needs a CUDA device (ROCm's too) is marked `gpu`. Without one, the meta device stands for it as
far as it goes: it has shapes and no numbers, and a tensor left on the CPU by mistake is refused.
"""

import dataclasses

import pytest
import torch

from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import attach, pad_right
from lamini.backbone.trunk import run_trunk
from lamini.model.loading import load
from lamini.recorder import SilentRecorder
from lamini.router.query_encoder import QueryEncoder
from lamini.router.stream import Encoded, encode_rows
from lamini.router.training import _loss, pretrain_router
from lamini.tuning.answer_states import answer_losses, prepare_answers
from lamini.tuning.memory_tuning import tune_memory
from lamini.tuning.shifts import Shifts, worst_losses
from lamini.workers import Worker, fix_arithmetic

from .conftest import (
    GEOMETRY,
    NEGATIVES,
    ROUTER,
    TRAINING,
    TUNING,
    assemble,
    make_facts,
    tiny_llama,
)

PROMPTS = [[0, 40, 41, 42], [0, 50, 51], [0, 60, 61, 62]]
ANSWERS = [[70, 71, 1], [72, 1], [73, 74, 75, 1]]
ON_GPU = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
)


def elsewhere(tokenizer, dtype):
    """A backbone that is not on the CPU."""
    backbone = tiny_llama(tokenizer)
    backbone.model.to(device="meta", dtype=dtype)
    backbone.model.set_attn_implementation("eager")  # the other one looks at numbers
    return attach(backbone, GEOMETRY)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_tuning_step_makes_its_tensors_on_the_backbones_device(tokenizer, dtype):
    attached = elsewhere(tokenizer, dtype)
    states = prepare_answers(attached, PROMPTS, ANSWERS, [0, 3, 5])
    uphill_ED = torch.zeros(9, 32, device="meta")
    loss_R = answer_losses(attached, states, Shifts.fresh([3, 2, 4], attached).shift_ED, uphill_ED)
    worst_E = worst_losses(loss_R, states, 9)
    assert {t.device.type for t in (loss_R, worst_E, states.target_R)} == {"meta"}
    assert Shifts.fresh([3, 2, 4], attached).shift_ED.dtype == torch.float32


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_router_step_makes_its_tensors_on_the_backbones_device(tokenizer, dtype):
    encoded = Encoded.of(tokenizer, PROMPTS, *run_trunk(elsewhere(tokenizer, dtype), PROMPTS))
    encoder = QueryEncoder(32, ROUTER).to("meta")
    query_BK = encode_rows(encoder, encoded, [0, 0, 1, 1, 2], 0.1)
    null = torch.tensor(0.5, device="meta")
    _loss(query_BK, 1, null, TRAINING, Worker()).backward()
    assert encoder.token.weight.grad.device.type == "meta"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("cpu", torch.bfloat16), id="cpu-bf16"),
        pytest.param(("cuda", torch.float32), id="cuda-fp32", marks=ON_GPU),
        pytest.param(("cuda", torch.bfloat16), id="cuda-bf16", marks=ON_GPU),
    ],
)
def built(request, tokenizer, tmp_path_factory):
    """A checkpoint whose backbone is loaded from a folder, with device and dtype."""
    device, dtype = request.param
    torch.manual_seed(0)
    fix_arithmetic()
    folder = tmp_path_factory.mktemp("built")
    saved = tiny_llama(tokenizer).model.to(dtype)
    saved.save_pretrained(folder / "backbone")
    tokenizer.save_pretrained(folder / "backbone")
    backbone = load_backbone(str(folder / "backbone"), dtype=dtype, device=device)
    attached, facts = attach(backbone, GEOMETRY), make_facts()
    longer = dataclasses.replace(TRAINING, num_steps=60)
    recorder = SilentRecorder()
    pretrain_router(attached, facts, NEGATIVES, ROUTER, longer, folder / "router", recorder)
    results = tune_memory(attached, facts, TUNING, folder / "tuning", recorder)
    assert all(w.device.type == "cpu" for result in results for w in result.weights)
    assemble(folder, backbone, facts)
    yield folder, device, dtype
    torch.use_deterministic_algorithms(False)


@pytest.fixture
def model(built):
    folder, device, _ = built
    return load(folder / "checkpoint", device=device)


def test_a_checkpoint_loads_its_backbone_as_it_was_tuned_and_every_answer_is_right(model, built):
    _, device, dtype = built
    assert model.attached.backbone.device.type == device
    assert model.attached.backbone.dtype == dtype
    facts = make_facts()
    answers = model.answer(
        [fact.prompts[0] for fact in facts], groups=[fact.group_index for fact in facts]
    )
    assert [answer.text for answer in answers] == [fact.answer for fact in facts]


def test_the_router_finds_the_facts_and_is_silent_elsewhere(model):
    facts = make_facts()
    routes = model.route([fact.prompts[0] for fact in facts])
    assert [route.group for route in routes] == [fact.group_index for fact in facts]
    assert [answer.fact_ids for answer in model.answer([facts[1].prompts[0]])] == [("fact-1",)]


@torch.no_grad()
def test_i2_silence_is_the_backbones_own_bit_for_bit(model, built):
    folder, device, dtype = built
    model.keys.threshold = model.keys.unnamed_threshold = 2.0
    ids_BL, mask_BL = pad_right([[0, 9, 8, 7, 50, 51], [0, 5, 6, 7]], model.attached.backbone)
    bare = load_backbone(str(folder / "backbone"), dtype=dtype, device=device)
    wanted = bare.model(input_ids=ids_BL, attention_mask=mask_BL).logits
    assert wanted.dtype == dtype
    assert torch.equal(model(ids_BL, mask_BL, prompt_length=[4, 3]), wanted)


@torch.no_grad()
def test_i2_a_silent_row_beside_a_reading_one_stays_the_backbones(model):
    attached = model.attached
    ids_BL, mask_BL = pad_right([[0, 9, 8, 7, 50, 51], [0, 5, 6, 7]], attached.backbone)
    run = attached.backbone.model
    bare = run(input_ids=ids_BL, attention_mask=mask_BL).logits
    with attached.reader.reading(model.reading([None, make_facts()[0].group_index], [5, 3])):
        mixed = run(input_ids=ids_BL, attention_mask=mask_BL).logits
    assert torch.equal(mixed[0], bare[0])
    assert not torch.equal(mixed[1], bare[1])
