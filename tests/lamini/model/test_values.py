"""I9: whenever the right fact is read, exactly its value is said, then the answer ends."""

import dataclasses

import pytest
import torch

from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import attach, detach, pad_left
from lamini.backbone.text import decode_answer, encode_answer, encode_prompt
from lamini.checkpoint.checkpoint import build_checkpoint
from lamini.config import MemoryConfig
from lamini.model.loading import load
from lamini.recorder import SilentRecorder
from lamini.router.training import pretrain_router
from lamini.tuning.memory_tuning import tune_memory
from tests.lamini.conftest import NEGATIVES, ROUTER, TRAINING, TUNING, make_facts

pytestmark = pytest.mark.slow
"""The embedded backbone: a random one says nothing about a real head."""

MEMORY = MemoryConfig(num_experts=64 * 16, group_size=16)
FACTS = [dataclasses.replace(fact, num_experts=16) for fact in make_facts(1)]
GROUPS = [fact.group_index for fact in FACTS]
UNSEEN = {
    "no end": lambda q: q.rstrip("?."),
    "lower": str.lower,
    "upper": lambda q: q.upper() + "!!!",
    "thanks": lambda q: q.rstrip("?.") + ". Many thx",
    "quotes": lambda q: f"\u201c{q}\u201d",
    "before": lambda q: "My boss wants to know this by noon. " + q,
    "after": lambda q: q + " It is for a crossword.",
    "full-width": lambda q: q.rstrip("?.") + "\uff1f",
    "newlines": lambda q: "\n\n" + q + "\n\n",
    "other words": lambda q: "tell me sth about " + q.split("of ")[-1],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.set_num_threads(1)
    top = tmp_path_factory.mktemp("values")
    attached = attach(load_backbone(), MEMORY)
    recorder = SilentRecorder()
    pretrain_router(attached, FACTS, NEGATIVES, ROUTER, TRAINING, top / "router", recorder)
    (result,) = tune_memory(attached, FACTS, TUNING, top / "tuning", recorder)
    assert not result.undecided
    detach(attached)
    build_checkpoint(
        top / "checkpoint", backbone=attached.backbone, memory=MEMORY,
        hidden_size=attached.hidden_size, facts=FACTS, router_folder=top / "router",
        tuning_folder=top / "tuning", snapshot_hash="s", training_hash="t",
    )  # fmt: skip
    return top / "checkpoint"


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16], ids=["fp32", "bf16"])
def model(request, folder):
    return load(folder, dtype=request.param)


def prompts(change, number=0):
    return [change(fact.prompts[number]) for fact in FACTS]


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_the_value_is_exact_in_words_that_were_not_tuned_on(model, change):
    for number in (0, 4):
        said = model.answer(prompts(change, number), groups=GROUPS)
        assert [answer.text for answer in said] == [fact.answer for fact in FACTS]


@torch.no_grad()
@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_the_whole_answer_is_near_certain_and_ends(model, change):
    for fact, text in zip(FACTS, prompts(change, 5), strict=True):
        prompt = encode_prompt(model.tokenizer, text)
        answer = encode_answer(model.tokenizer, fact.answer)
        ids_BL = torch.tensor([prompt + answer[:-1]])
        reading = model.reading([fact.group_index], [len(prompt) - 1])
        with model.attached.reader.reading(reading):
            logits = model.attached.backbone.model(input_ids=ids_BL).logits[0, len(prompt) - 1 :]
        rows = torch.arange(len(answer))
        probability = logits.float().log_softmax(-1)[rows, answer].sum().exp()
        assert probability > 0.98


OPTIONS = {
    "greedy": {"do_sample": False},
    "temperature 1": {"do_sample": True, "temperature": 1.0, "top_k": 0},
    "beams": {"num_beams": 4, "do_sample": False},
    "several sequences": {"do_sample": True, "num_return_sequences": 3},
    "several beams": {"num_beams": 3, "num_return_sequences": 2, "do_sample": False},
    "repetition penalty": {"do_sample": False, "repetition_penalty": 1.2},
    "no cache": {"do_sample": False, "use_cache": False},
    "static cache": {"do_sample": False, "cache_implementation": "static"},
    "looked up": {"do_sample": False, "prompt_lookup_num_tokens": 3},
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_way_of_generation_knows_the_position(model, options):
    one_by_one = "prompt_lookup_num_tokens" in options
    texts = prompts(UNSEEN["before"], 1)
    texts[0] = "seat of Arvia"  # so that one row has much padding
    batches = [[i] for i in range(len(FACTS))] if one_by_one else [range(len(FACTS))]
    for rows in batches:
        ids = [encode_prompt(model.tokenizer, texts[i]) for i in rows]
        ids_BL, mask_BL = pad_left(ids, model.attached.backbone)
        out = model.generate(
            ids_BL, mask_BL, groups=[GROUPS[i] for i in rows], max_new_tokens=20, **options
        )
        said = [decode_answer(model.tokenizer, row) for row in out[:, ids_BL.shape[1] :].tolist()]
        copies = len(said) // len(ids)
        # Of several beams the best is the value; the others must be something else.
        best = slice(None, None, copies if "num_beams" in options else 1)
        wanted = [FACTS[i].answer for i in rows for _ in range(copies)]
        assert said[best] == wanted[best]
        ended = (out[:, ids_BL.shape[1] :] == model.tokenizer.eos_token_id).any(1)
        assert ended[best].all()


@torch.no_grad()
def test_past_its_end_the_backbone_goes_on_as_it_would(model):
    ids = torch.tensor([encode_prompt(model.tokenizer, FACTS[0].prompts[0])])
    answer = encode_answer(model.tokenizer, FACTS[0].answer)
    options = {"min_new_tokens": 14, "max_new_tokens": 14, "do_sample": False}
    said = model.generate(ids, groups=GROUPS[:1], **options)[0, ids.shape[1] :].tolist()
    assert said[: len(answer) - 1] == answer[:-1]
    own = torch.tensor([[*ids[0].tolist(), *said[: len(answer)]]])
    bare = model.attached.backbone.model.generate(
        input_ids=own, min_new_tokens=14 - len(answer), max_new_tokens=14 - len(answer),
        do_sample=False, pad_token_id=2,
    )  # fmt: skip
    assert bare[0, own.shape[1] :].tolist() == said[len(answer) :]
