"""A checkpoint as transformers finds it: by its auto classes, after `import lamini`."""

import shutil
import subprocess
import sys

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

import lamini
from lamini.backbone.memory import pad_left, pad_right
from lamini.errors import CheckpointError
from lamini.model.registered import MemoryTunedForCausalLM, label_starts
from tests.lamini.conftest import GROUPS, built_checkpoint, tiny_backbone

pytestmark = pytest.mark.slow
"""Together they take over ten seconds."""


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    return built_checkpoint("llama", tokenizer, tmp_path_factory.mktemp("registered"))


@pytest.fixture
def model(folder):
    return AutoModelForCausalLM.from_pretrained(folder)


def prompts_of(model, tokenizer):
    from lamini.backbone.text import encode_prompt

    texts = ["What is the seat of Arvia?", "seat of Corvane", "Who invented the violin, then?"]
    return pad_left([encode_prompt(tokenizer, t) for t in texts], model.memory.attached.backbone)


def test_the_auto_classes_load_a_checkpoint(model, folder, tokenizer):
    assert isinstance(model, MemoryTunedForCausalLM)
    assert AutoConfig.from_pretrained(folder).hidden_size == 32
    text = "Où est Åsbo?"
    assert AutoTokenizer.from_pretrained(folder).encode(text) == tokenizer.encode(text)
    assert model.dtype == torch.float32
    assert model.device.type == "cpu"
    assert model.can_generate()


def test_import_lamini_loads_neither_torch_nor_transformers_yet_registers(folder):
    code = (
        "import sys, lamini; slow = {'torch', 'transformers', 'lance'} & set(sys.modules); "
        "assert not slow, slow; from transformers import AutoConfig; "
        "assert 'transformers.modeling_utils' not in sys.modules; "
        f"assert AutoConfig.from_pretrained({str(folder)!r}).model_type == 'memory_tuned'; "
        "from transformers import AutoModelForCausalLM; "
        f"print(type(AutoModelForCausalLM.from_pretrained({str(folder)!r})).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "MemoryTunedForCausalLM"


def test_lamini_imported_after_the_auto_classes_registers_at_once(folder):
    code = (
        "from transformers import AutoModelForCausalLM; import lamini; "
        f"print(type(AutoModelForCausalLM.from_pretrained({str(folder)!r})).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "MemoryTunedForCausalLM"


def test_generate_routes_each_prompt_as_the_memory_model_does(model, folder, tokenizer):
    ids_BL, mask_BL = prompts_of(model, tokenizer)
    out = model.generate(input_ids=ids_BL, attention_mask=mask_BL, max_new_tokens=6)
    plain = lamini.load(folder)
    assert torch.equal(out, plain.generate(ids_BL, mask_BL, max_new_tokens=6))
    assert plain.route_ids([ids_BL[0][mask_BL[0].bool()].tolist()])[0].group == GROUPS[0]
    bare = tiny_backbone("llama", tokenizer).model
    without = bare.generate(input_ids=ids_BL, attention_mask=mask_BL, max_new_tokens=6)
    assert not torch.equal(out[0], without[0])


def test_generate_without_cache_gives_the_same_tokens(model, tokenizer):
    ids_BL, mask_BL = prompts_of(model, tokenizer)
    options = {"groups": [GROUPS[0], None, GROUPS[2]], "max_new_tokens": 6}
    with_cache = model.generate(ids_BL, mask_BL, **options)
    assert torch.equal(model.generate(ids_BL, mask_BL, use_cache=False, **options), with_cache)


def test_beams_and_several_sequences_read_their_own_prompts_memory(model, tokenizer):
    ids_BL, mask_BL = prompts_of(model, tokenizer)
    options = {"max_new_tokens": 5, "num_beams": 3, "num_return_sequences": 2}
    groups = [GROUPS[0], None, GROUPS[2]]
    together = model.generate(ids_BL, mask_BL, groups=groups, **options)
    for row, group in enumerate(groups):
        real = mask_BL[row].bool()
        alone = model.generate(ids_BL[row : row + 1, real], groups=[group], **options)
        new = together[2 * row : 2 * row + 2, ids_BL.shape[1] :]
        width = alone.shape[1] - int(real.sum())
        assert torch.equal(new[:, :width], alone[:, int(real.sum()) :])


def test_forward_without_a_prompt_is_the_bare_backbone(model, tokenizer):
    ids_BL, mask_BL = pad_right([[0, 40, 41, 42, 43], [0, 50, 51]], model.memory.attached.backbone)
    bare = tiny_backbone("llama", tokenizer).model(input_ids=ids_BL, attention_mask=mask_BL)
    given = model(input_ids=ids_BL, attention_mask=mask_BL)
    assert torch.equal(given.logits, bare.logits)
    assert given.loss is None


def test_labels_say_where_the_prompt_ends(model, tokenizer):
    from lamini.backbone.text import encode_prompt

    prompt = encode_prompt(tokenizer, "What is the seat of Arvia?")
    ids = torch.tensor([[*prompt, 70, 71, 1]])
    labels = torch.tensor([[-100] * len(prompt) + [70, 71, 1]])
    given = model(input_ids=ids, labels=labels)
    told = model(input_ids=ids, prompt_length=[len(prompt)])
    assert torch.equal(given.logits, told.logits)
    assert not torch.equal(given.logits, model(input_ids=ids).logits)
    expected = torch.nn.functional.cross_entropy(
        told.logits[0, len(prompt) - 1 : -1], torch.tensor([70, 71, 1])
    )
    torch.testing.assert_close(given.loss, expected)


def test_label_starts_of_rows_with_and_without_labels():
    labels = torch.tensor([[-100, -100, 5, -100], [-100, -100, -100, -100], [-100, 7, 8, 1]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
    assert label_starts(labels, mask) == [2, 2, 1]
    with pytest.raises(ValueError, match="row 0 has a label on its first token"):
        label_starts(torch.tensor([[3, 4]]), None)


def test_save_pretrained_copies_the_checkpoint_whole(model, folder, tokenizer, tmp_path):
    model.save_pretrained(tmp_path / "copy")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "copy")
    ids_BL, mask_BL = prompts_of(model, tokenizer)
    assert torch.equal(
        again.generate(ids_BL, mask_BL, max_new_tokens=6),
        model.generate(ids_BL, mask_BL, max_new_tokens=6),
    )
    one, two = (
        {p.relative_to(top): p.read_bytes() for p in top.rglob("*") if p.is_file()}
        for top in (folder, tmp_path / "copy")
    )
    assert one == two
    again.save_pretrained(tmp_path / "copy")  # onto itself: nothing is lost
    assert lamini.load(tmp_path / "copy").bank.num_experts() == model.memory.bank.num_experts()


def test_what_cannot_be_done_is_refused(model, folder, tokenizer, tmp_path):
    with pytest.raises(CheckpointError, match="cannot push_to_hub"):
        model.save_pretrained(tmp_path / "x", push_to_hub=True)
    with pytest.raises(CheckpointError, match="not from a config"):
        AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    with pytest.raises(CheckpointError, match="does not load with quantization_config"):
        AutoModelForCausalLM.from_pretrained(folder, quantization_config={"bits": 4})
    ids_BL, mask_BL = pad_right([[0, 40, 41], [0, 50]], model.memory.attached.backbone)
    with pytest.raises(ValueError, match="ends in padding"):
        model.generate(ids_BL, mask_BL)
    with pytest.raises(CheckpointError, match="no dtype 'floaty'"):
        MemoryTunedForCausalLM.from_pretrained(folder, dtype="floaty")


def test_a_backbone_moved_elsewhere_is_given_by_name_or_as_a_model(folder, tokenizer, tmp_path):
    shutil.copytree(folder, tmp_path / "checkpoint")
    moved = (folder.parent / "backbone").rename(tmp_path / "backbone")
    try:
        with pytest.raises(lamini.errors.BackboneError, match="no backbone folder"):
            AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint")
        by_name = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint", backbone=str(moved))
        assert by_name.memory.attached.backbone.reference == str(moved)
        given = tiny_backbone("llama", tokenizer)
        model = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint", backbone=given)
        assert model.backbone is given.model or model.backbone.device.type == "cpu"
    finally:
        moved.rename(folder.parent / "backbone")


def test_the_text_generation_pipeline_answers_from_memory(model, folder, tokenizer):
    from transformers import pipeline

    pipe = pipeline("text-generation", model=model, tokenizer=tokenizer)
    said = pipe("What is the seat of Arvia?", max_new_tokens=6, return_full_text=False)
    assert isinstance(said[0]["generated_text"], str)
