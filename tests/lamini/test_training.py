"""Router pretraining, memory tuning, checkpoint, answers: on a tiny model, end to end."""

import dataclasses
import json
import re
import shutil

import pytest
import torch

import lamini.tuning.memory_tuning
from lamini.backbone.memory import attach, pad_left, pad_right
from lamini.config import RouterTraining
from lamini.errors import CheckpointError, NonFiniteLossError
from lamini.model.loading import load
from lamini.model.windows import windows
from lamini.proof.recall import Question, measure_recall, summarize, write_rows
from lamini.recorder import SilentRecorder
from lamini.router.frozen_router import read_router
from lamini.router.training import pretrain_router
from lamini.saved import read_tensors
from lamini.tuning.memory_tuning import tune_memory
from lamini.tuning.shards import load_shard, shard_path
from lamini.workers import Worker

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

LONGER = dataclasses.replace(TRAINING, num_steps=60)


def train_router(tokenizer, folder, config=TRAINING, router=ROUTER):
    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    facts = make_facts()
    return pretrain_router(attached, facts, NEGATIVES, router, config, folder, SilentRecorder())


def tune(tokenizer, folder, facts=None, worker=None, tuning=TUNING):
    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    recorder = SilentRecorder()
    results = tune_memory(attached, facts or make_facts(), tuning, folder, recorder, worker)
    return results, recorder


def build(tokenizer, folder, config=LONGER, router=ROUTER):
    """Make a checkpoint of six facts on a tiny Llama, beside its parts."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    train_router(tokenizer, folder / "router", config, router)
    tune(tokenizer, folder / "tuning")
    assemble(folder, tiny_llama(tokenizer), make_facts())
    return folder


@pytest.fixture(scope="module")
def built(tokenizer, tmp_path_factory):
    return build(tokenizer, tmp_path_factory.mktemp("built"))


@pytest.fixture
def model(built, tokenizer):
    return load(built / "checkpoint", backbone=tiny_llama(tokenizer))


def test_every_fact_is_memorized_and_stops_by_itself(tokenizer, tmp_path):
    results, recorder = tune(tokenizer, tmp_path)
    assert all(not result.undecided for result in results)
    assert recorder.history[-1][1]["facts_memorized"] == 6
    assert max(result.num_steps for result in results) < TUNING.max_steps


@pytest.mark.slow
def test_any_number_of_workers_gives_the_same_experts(tokenizer, tmp_path, monkeypatch):
    tune(tokenizer, tmp_path / "one")
    monkeypatch.setattr(Worker, "gather", lambda self, tensor: tensor)
    for rank in range(2):
        tune(tokenizer, tmp_path / "two", worker=Worker(rank=rank, world_size=2))
    for shard in range(2):
        one, two = (read_tensors(shard_path(tmp_path / name, shard)) for name in ("one", "two"))
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_facts_experts_do_not_depend_on_its_neighbours(tokenizer, tmp_path):
    facts = make_facts(num_shards=1)
    alone, _ = tune(tokenizer, tmp_path / "alone", facts=facts[2:3])
    together, _ = tune(tokenizer, tmp_path / "together", facts=facts)
    torch.testing.assert_close(alone[0].weights[0], together[0].weights[2], atol=2e-3, rtol=1e-2)


@pytest.mark.slow
def test_i7_tuning_killed_between_shards_ends_in_the_same_experts(tokenizer, tmp_path, monkeypatch):
    tune(tokenizer, tmp_path / "unbroken")
    saved = lamini.tuning.memory_tuning.save_shard

    def killed_after_the_first(folder, result):
        saved(folder, result)
        raise KeyboardInterrupt

    monkeypatch.setattr(lamini.tuning.memory_tuning, "save_shard", killed_after_the_first)
    with pytest.raises(KeyboardInterrupt):
        tune(tokenizer, tmp_path / "broken")
    monkeypatch.setattr(lamini.tuning.memory_tuning, "save_shard", saved)
    first = shard_path(tmp_path / "broken", 0)
    written = first.stat().st_mtime_ns
    tune(tokenizer, tmp_path / "broken")
    assert first.stat().st_mtime_ns == written
    for shard in range(2):
        one, two = (
            read_tensors(shard_path(tmp_path / name, shard)) for name in ("unbroken", "broken")
        )
        assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.slow
def test_a_damaged_shard_is_tuned_again(tokenizer, tmp_path):
    results, _ = tune(tokenizer, tmp_path)
    path = shard_path(tmp_path, 1)
    path.write_bytes(path.read_bytes()[:-9])
    members = [fact for fact in make_facts() if fact.shard_index == 1]
    assert load_shard(tmp_path, 1, members) is None
    again, _ = tune(tokenizer, tmp_path)
    assert torch.equal(again[1].weights[0], results[1].weights[0])


def test_a_shard_of_another_answer_or_other_settings_is_tuned_again(tokenizer, tmp_path):
    first, _ = tune(tokenizer, tmp_path)
    facts = make_facts()
    facts[0] = dataclasses.replace(facts[0], answer="QX")
    members = [fact for fact in facts if fact.shard_index == 0]
    assert load_shard(tmp_path, 0, members) is None
    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    changed = tune_memory(attached, facts, TUNING, tmp_path, SilentRecorder())
    assert not torch.equal(changed[0].weights[0], first[0].weights[0])
    assert torch.equal(changed[1].weights[0], first[1].weights[0])
    before = shard_path(tmp_path, 1).stat().st_mtime_ns
    tune_memory(attached, facts, TUNING, tmp_path, SilentRecorder())
    assert shard_path(tmp_path, 1).stat().st_mtime_ns == before
    other = dataclasses.replace(TUNING, decided_probability=0.9)
    (_, again) = tune_memory(attached, facts, other, tmp_path, SilentRecorder())
    assert shard_path(tmp_path, 1).stat().st_mtime_ns > before
    assert again.settings == repr(other)


@pytest.mark.slow
def test_a_router_of_other_phrasings_or_settings_is_trained_anew(tokenizer, tmp_path):
    first = train_router(tokenizer, tmp_path)
    assert train_router(tokenizer, tmp_path) == first
    longer = train_router(tokenizer, tmp_path, dataclasses.replace(TRAINING, num_steps=14))
    assert longer.sha256 != first.sha256
    assert longer.num_steps == 14
    # Nothing of what began with other settings is gone on with.
    assert train_router(tokenizer, tmp_path).sha256 == first.sha256


@pytest.mark.slow
def test_a_loss_that_is_not_finite_names_the_fact_and_saves_nothing(tokenizer, tmp_path):
    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    attached.backbone.model.lm_head.weight.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match="fact-0"):
        tune_memory(attached, make_facts(), TUNING, tmp_path, SilentRecorder())
    assert not list(tmp_path.glob("shard-*"))


@pytest.mark.slow
def test_i7_router_training_resumed_equals_unbroken_bit_for_bit(tokenizer, tmp_path):
    train_router(tokenizer, tmp_path / "unbroken")

    class Killed(SilentRecorder):
        def log(self, step, numbers):
            if step == 10:
                raise KeyboardInterrupt

    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    with pytest.raises(KeyboardInterrupt):
        pretrain_router(
            attached, make_facts(), NEGATIVES, ROUTER, TRAINING, tmp_path / "broken", Killed()
        )
    train_router(tokenizer, tmp_path / "broken")
    one, two = (
        read_tensors(tmp_path / name / "router.safetensors") for name in ("unbroken", "broken")
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_router_training_without_negatives_or_templates_still_freezes(tokenizer, tmp_path):
    attached = attach(tiny_llama(tokenizer), GEOMETRY)
    facts = [
        dataclasses.replace(fact, subject="", prompts=fact.prompts[:1]) for fact in make_facts()
    ]
    config = RouterTraining(num_steps=2, batch_facts=4, batch_negatives=4)
    receipt = pretrain_router(attached, facts, [], ROUTER, config, tmp_path, SilentRecorder())
    assert receipt.threshold == 0.5


def test_a_checkpoint_loads_alone_and_answers_with_provenance(model):
    answers = model.answer([fact.prompts[0] for fact in make_facts()])
    for fact, answer in zip(make_facts(), answers, strict=True):
        assert answer.text == fact.answer
        assert answer.fact_ids == (fact.fact_id,)
        assert answer.experts == tuple(range(8 * fact.group_index, 8 * fact.group_index + 8))


@pytest.mark.slow
@torch.no_grad()
def test_i2_a_prompt_that_abstains_is_the_backbones_own_bit_for_bit(model, tokenizer):
    model.keys.threshold = model.keys.unnamed_threshold = 2.0
    ids_BL, mask_BL = pad_right([[0, 9, 8, 7, 50, 51], [0, 5, 6, 7]], model.attached.backbone)
    bare = tiny_llama(tokenizer).model(input_ids=ids_BL, attention_mask=mask_BL).logits
    assert torch.equal(model(ids_BL, mask_BL, prompt_length=[4, 3]), bare)
    assert not model.answer(["Anything at all?"])[0].from_memory


@pytest.mark.slow
def test_i5_read_sets_are_the_same_alone_and_in_any_batch(model):
    prompts = [prompt for fact in make_facts() for prompt in fact.prompts] + NEGATIVES
    together = [route.group for route in model.route(prompts)]
    alone = [model.route([prompt])[0].group for prompt in prompts]
    assert together == alone


def test_i4_generation_with_cache_equals_greedy_steps_of_the_plain_forward(model, tokenizer):
    from lamini.backbone.text import encode_prompt

    prompt = encode_prompt(tokenizer, make_facts()[3].prompts[0])
    ids_BL, mask_BL = pad_left([prompt, prompt[:4]], model.attached.backbone)
    out = model.generate(ids_BL, mask_BL, groups=[10, None], max_new_tokens=6, do_sample=False)
    ids = list(prompt)
    for _ in range(6):
        reading = model.reading([10], [len(prompt) - 1])
        with torch.no_grad(), model.attached.reader.reading(reading):
            logits = model.attached.backbone.model(input_ids=torch.tensor([ids])).logits
        ids.append(int(logits[0, -1].argmax()))
        if ids[-1] == tokenizer.eos_token_id:
            break
    assert out[0, ids_BL.shape[1] :].tolist()[: len(ids) - len(prompt)] == ids[len(prompt) :]


def test_forward_reads_memory_only_given_the_prompts_length(model, tokenizer):
    from lamini.backbone.text import encode_prompt

    ids = torch.tensor([encode_prompt(tokenizer, make_facts()[0].prompts[0])])
    bare = tiny_llama(tokenizer).model(input_ids=ids).logits
    with torch.no_grad():
        assert torch.equal(model(ids), bare)
        assert not torch.equal(model(ids, prompt_length=[ids.shape[1]]), bare)


def test_a_question_inside_a_long_prompt_is_found_by_its_sentence(model):
    fact = make_facts()[0]
    long = f"It rained all day in the valley. {fact.prompts[0]} The ferry was late."
    assert len(windows(long)) == 4
    assert model.route([long])[0].score >= model.route([fact.prompts[0]])[0].score - 1e-4


def test_recall_names_its_cause(model, tmp_path):
    facts = make_facts()
    right = [
        Question(
            kind="training",
            template="t",
            prompt=fact.prompts[0],
            fact_id=fact.fact_id,
            answer=fact.answer,
            group_index=fact.group_index,
        )
        for fact in facts
    ]
    # A question that the router sends to another fact: a routing miss, the oracle answers it.
    misrouted = dataclasses.replace(right[0], prompt=facts[1].prompts[0], kind="heldout")
    foreign = Question(kind="foreign", template="f", prompt=facts[2].prompts[0])
    renamed = dataclasses.replace(right[1], answer="another", accepted=(facts[1].answer,))
    rows = measure_recall(model, [*right, misrouted, foreign, renamed])
    assert all(row.is_exact and row.agrees and row.oracle_exact for row in rows[:6])
    assert not rows[6].is_exact
    assert not rows[6].agrees
    assert rows[7].from_memory
    assert not rows[7].is_exact
    assert rows[8].is_exact
    cells = {(cell.kind, cell.template): cell for cell in summarize(rows)}
    assert cells["training", "*"].exact == 1.0
    assert cells["foreign", "*"].from_memory == 1.0
    write_rows(rows, tmp_path / "recall.parquet")
    assert (tmp_path / "recall.parquet").is_file()


def test_another_backbone_is_refused(built, tokenizer):
    other = tiny_llama(tokenizer, num_layers=4)
    with pytest.raises(CheckpointError, match="tuned on another backbone"):
        load(built / "checkpoint", backbone=other)


def rewritten(name, old, new):
    """Return what puts other text into a file of a checkpoint."""

    def damage(folder):
        text = (folder / name).read_text()
        assert re.search(old, text)
        (folder / name).write_text(re.sub(old, new, text))

    return damage


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "checkpoint.json").unlink(), "is no checkpoint"),
        (rewritten("checkpoint.json", '"experts": 1', '"experts": 2'), "not as it was written"),
        (rewritten("checkpoint.json", '"snapshot_hash"', '"snapshot_hasi"'), "not as it was"),
        (rewritten("router.json", '"threshold": [0-9.]+', '"threshold": -5'), "not the file that"),
        (rewritten("router.json", "[0-9a-f]{64}", "0" * 64), "not the file that was written"),
        (lambda folder: (folder / "router.json").write_text("null"), "not the file that was"),
        (lambda folder: (folder / "checkpoint.json").write_text("{"), "is damaged"),
        (lambda folder: (folder / "router.safetensors").write_bytes(b"x"), "is damaged"),
        (
            lambda folder: (folder / "checkpoint.json").write_text(
                json.dumps({"format_version": 99})
            ),
            "has format 99",
        ),
    ],
)
def test_a_damaged_checkpoint_is_refused(built, tokenizer, tmp_path, damage, message):
    folder = tmp_path / "checkpoint"
    shutil.copytree(built / "checkpoint", folder)
    damage(folder)
    with pytest.raises(CheckpointError, match=message):
        load(folder, backbone=tiny_llama(tokenizer))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (rewritten("router.json", '"threshold": [0-9.]+', '"threshold": -5'), "within -1.01 and"),
        (rewritten("router.json", '"strict_excess": [0-9.]+', '"strict_excess": NaN'), "within 0"),
        (rewritten("router.json", '"hidden_size"', '"hidden_sise"'), "hidden_size"),
        (lambda folder: (folder / "router.json").write_text("[]"), "is damaged"),
    ],
)
def test_a_router_whose_settings_cannot_be_is_refused_without_its_hash_too(
    built, tmp_path, damage, message
):
    shutil.copytree(built / "router", tmp_path / "router")
    damage(tmp_path / "router")
    with pytest.raises(CheckpointError, match=message):
        read_router(tmp_path / "router")
