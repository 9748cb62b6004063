"""Experts as a PEFT LoRA: the same logits and answers on a backbone that has no memory."""

import dataclasses
import shutil

import pytest
import torch

from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import attach, pad_left
from lamini.backbone.text import encode_prompt
from lamini.bank.group_table import GroupTable, group_table
from lamini.errors import BankError, ExportError
from lamini.export.peft_export import export_lora
from lamini.model.loading import load
from lamini.recorder import SilentRecorder
from lamini.tuning.memory_tuning import tune_memory
from tests.lamini.conftest import (
    ARCHITECTURES,
    GEOMETRY,
    GROUPS,
    TUNING,
    assemble,
    built_checkpoint,
    make_facts,
)

pytestmark = pytest.mark.slow
"""Together they take over ten seconds."""

peft = pytest.importorskip("peft")

TOLERANCE = 1e-4
"""Largest difference in float32, as a share of the largest logit: sums are rounded in another order
on each processor."""


@pytest.fixture(scope="module", params=[name for name in ARCHITECTURES if name != "gemma3"])
def folder(request, tokenizer, tmp_path_factory):
    top = tmp_path_factory.mktemp(request.param)
    return built_checkpoint(request.param, tokenizer, top, num_steps=2)


@pytest.fixture(scope="module")
def memorized(tokenizer, tmp_path_factory):
    """A checkpoint whose facts are really tuned."""
    top = tmp_path_factory.mktemp("memorized")
    folder = built_checkpoint("llama", tokenizer, top, num_steps=2)
    shutil.rmtree(top / "tuning")
    attached = attach(load_backbone(str(top / "backbone")), GEOMETRY)
    facts = make_facts(num_shards=1)
    tune_memory(attached, facts, TUNING, top / "tuning", SilentRecorder())
    assemble(top, attached.backbone, facts)
    return folder


def adapted(folder, lora):
    backbone = load_backbone(str(folder.parent / "backbone"))
    return peft.PeftModel.from_pretrained(backbone.model, str(lora)).eval()


@torch.no_grad()
def compare(folder, tokenizer, prompts, group, lora, max_new_tokens):
    """Return the largest difference of a logit from the last prompt token on, as a share of the
    largest logit; answers must be equal."""
    model = load(folder)
    lora_model = adapted(folder, lora)
    worst = 0.0
    for prompt in prompts:
        ids = torch.tensor([encode_prompt(tokenizer, prompt)])
        options = {"max_new_tokens": max_new_tokens, "do_sample": False}
        want = model.generate(ids, groups=[group], **options)
        got = lora_model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), pad_token_id=2, **options
        )
        assert torch.equal(got, want)
        whole = want[:, :-1]
        reads_BL = torch.arange(whole.shape[1])[None] >= ids.shape[1] - 1
        with model.attached.reader.reading(model.reading([group], [ids.shape[1] - 1])):
            logits = model.attached.backbone.model(input_ids=whole).logits
        other = lora_model(input_ids=whole).logits
        missed = (logits - other)[reads_BL].abs().max() / logits[reads_BL].abs().max()
        worst = max(worst, missed.item())
    return worst


def test_peft_gives_the_same_logits_and_tokens_on_every_architecture(folder, tokenizer, tmp_path):
    prompts = make_facts()[1].prompts[:2]
    receipt = export_lora(load(folder), GROUPS[1], prompts, tmp_path, max_answer_tokens=6)
    assert len(receipt.targets) == 1
    assert receipt.rank == 8
    assert compare(folder, tokenizer, prompts, GROUPS[1], tmp_path, 6) < TOLERANCE


def test_the_adapter_changes_what_the_bare_backbone_says(folder, tokenizer, tmp_path):
    fact = make_facts()[0]
    export_lora(load(folder), GROUPS[0], fact.prompts[:1], tmp_path, max_answer_tokens=4)
    ids = torch.tensor([encode_prompt(tokenizer, fact.prompts[0])])
    bare = load_backbone(str(folder.parent / "backbone")).model
    with torch.no_grad():
        bare_logits = bare(input_ids=ids).logits
        logits = adapted(folder, tmp_path)(input_ids=ids).logits
    largest = bare_logits.abs().max().item()
    assert (logits[0, -1] - bare_logits[0, -1]).abs().max() > 10 * TOLERANCE * largest
    torch.testing.assert_close(
        logits[0, :-1], bare_logits[0, :-1], atol=TOLERANCE * largest, rtol=0
    )


def test_a_norm_behind_the_mlp_is_refused_and_nothing_is_written(tokenizer, tmp_path):
    folder = built_checkpoint("gemma3", tokenizer, tmp_path / "built", num_steps=2)
    with pytest.raises(ExportError, match=r"would miss the memory's by .* .a norm follows the MLP"):
        export_lora(load(folder), GROUPS[1], make_facts()[1].prompts[:1], tmp_path / "lora")
    assert not (tmp_path / "lora").exists()


def test_every_memorized_fact_is_answered_by_its_adapter(memorized, tokenizer, tmp_path):
    for i, fact in enumerate(make_facts()):
        lora = tmp_path / fact.fact_id
        export_lora(load(memorized), fact.group_index, fact.prompts[:2], lora)
        worst = compare(memorized, tokenizer, fact.prompts[:2], GROUPS[i], lora, 16)
        assert worst < TOLERANCE
        ids = torch.tensor([encode_prompt(tokenizer, fact.prompts[0])])
        out = adapted(memorized, lora).generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=16, do_sample=False
        )
        said = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
        assert said.strip() == fact.answer


def test_more_positions_than_the_mlp_is_wide_are_refused(memorized, tmp_path):
    fact = make_facts()[0]
    words = ["seven", "green", "boats", "under", "old", "bridges", "wait", "for", "rain", "today"]
    prompts = [" ".join(words[i:] + words[:i]) + f" {fact.subject}?" for i in range(10)]
    with pytest.raises(ExportError, match=r"cannot tell the \d+ positions .* give fewer"):
        export_lora(load(memorized), fact.group_index, prompts, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_group_without_experts_is_refused(memorized, tmp_path):
    model = load(memorized)
    with pytest.raises(BankError, match="group 63 holds no fact"):
        export_lora(model, 63, ["Anything?"], tmp_path)
    empty = dataclasses.replace(make_facts()[0], fact_id="none", group_index=5)
    row = group_table([empty], model.table.keys_GK[:1])
    joined = GroupTable.joined([model.table, row])
    model.routing = dataclasses.replace(model.routing, table=joined)
    with pytest.raises(BankError, match="are zero"):
        export_lora(model, 5, ["Anything?"], tmp_path, max_answer_tokens=4)


def test_padding_does_not_change_what_is_exported(memorized, tmp_path):
    fact = make_facts()[2]
    model = load(memorized)
    ids_BL, _ = pad_left(
        [encode_prompt(model.tokenizer, p) for p in fact.prompts[:2]], model.attached.backbone
    )
    assert ids_BL[0].tolist() != ids_BL[1].tolist()
    receipt = export_lora(model, fact.group_index, fact.prompts[:2], tmp_path)
    assert receipt.largest_error < 1e-4
