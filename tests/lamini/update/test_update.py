"""An update under a frozen router: what it touches changes, all else stays to the last bit."""

import dataclasses
import json
import shutil

import lance
import pytest
import torch

import lamini.update.update
from lamini.backbone.memory import pad_right
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.bank.bank import Bank
from lamini.bank.group_table import GroupTable
from lamini.errors import BankError, ConfigError
from lamini.model.loading import load
from lamini.update.fact_changes import compare_facts
from lamini.update.update import update, update_model
from tests.lamini.conftest import GEOMETRY, TRAINING, assemble, make_facts, tiny_llama
from tests.lamini.test_training import train_router, tune

FACTS = make_facts()
ANSWER = "Old Harbour"


@pytest.fixture(scope="module")
def built(tokenizer, tmp_path_factory):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("updated")
    train_router(tokenizer, folder / "router", dataclasses.replace(TRAINING, num_steps=60))
    tune(tokenizer, folder / "tuning")
    assemble(folder, tiny_llama(tokenizer), FACTS)
    return folder / "checkpoint"


@pytest.fixture
def checkpoint(built, tmp_path):
    return shutil.copytree(built, tmp_path / "checkpoint")


@pytest.fixture
def model(checkpoint, tokenizer):
    return load(checkpoint, backbone=tiny_llama(tokenizer))


def changed(fact, answer=ANSWER):
    return dataclasses.replace(fact, answer=answer)


def added(subject="Glenmoor", answer="Saltby", group_index=40):
    prompts = [prompt.replace(FACTS[0].subject, subject) for prompt in FACTS[0].prompts]
    return dataclasses.replace(
        FACTS[0],
        fact_id=f"fact-{subject}",
        subject=subject,
        prompts=tuple(prompts),
        answer=answer,
        group_index=group_index,
    )


MIXED = [FACTS[0], changed(FACTS[1]), *FACTS[3:], added()]
"""One changed, one retired (the third), one added."""


def logits_of(model, facts):
    """Logits over prompt and answer of each fact, alone, with the read set of its group."""
    rows = []
    for fact in facts:
        prompt = encode_prompt(model.tokenizer, fact.prompts[0])
        ids_BL, mask_BL = pad_right([[*prompt, 50, 51, 52]], model.attached.backbone)
        rows.append(model(ids_BL, mask_BL, prompt_length=[len(prompt)]))
    return rows


def stored_experts(model):
    table = model.bank._dataset().to_table()
    rows = zip(table["expert_id"].to_pylist(), table["weights"].to_pylist(), strict=True)
    return dict(rows)


def group_of(expert):
    return expert // GEOMETRY.group_size


@pytest.mark.slow
def test_changed_added_and_retired_facts_answer_as_they_are_now(model):
    receipt = update_model(model, MIXED)
    assert receipt.changed == ("fact-1",)
    assert receipt.retired == ("fact-2",)
    assert receipt.added == ("fact-Glenmoor",)
    assert receipt.groups == (4, 7, 40)
    assert not receipt.would_not_go
    for fact in MIXED:
        assert model.answer([fact.prompts[0]], groups=[fact.group_index])[0].text == fact.answer
    answer = model.answer([MIXED[1].prompts[0]])[0]
    assert answer.text == ANSWER
    assert answer.fact_ids == ("fact-1",)


@pytest.mark.slow
def test_i3_prompts_that_read_no_touched_expert_keep_their_logits_bit_for_bit(model):
    kept = [FACTS[0], *FACTS[3:]]
    before, experts_before = logits_of(model, kept), stored_experts(model)
    routes = [route.group for route in model.route([fact.prompts[0] for fact in kept])]
    receipt = update_model(model, MIXED)
    assert [route.group for route in model.route([f.prompts[0] for f in kept])] == routes
    assert not set(routes) & set(receipt.groups)
    for one, two in zip(before, logits_of(model, kept), strict=True):
        assert torch.equal(one, two)
    outside = {e: w for e, w in stored_experts(model).items() if group_of(e) not in receipt.groups}
    assert outside == {e: w for e, w in experts_before.items() if group_of(e) not in receipt.groups}
    tokens = [len(encode_answer(model.tokenizer, fact.answer)) for fact in kept]
    assert len(outside) == sum(tokens)


@pytest.mark.slow
def test_i6_a_retired_fact_is_forgotten_and_all_others_keep_their_logits(model):
    kept = [fact for fact in FACTS if fact.fact_id != "fact-2"]
    before = logits_of(model, kept)
    receipt = update_model(model, kept)
    assert receipt.retired == ("fact-2",)
    gone = FACTS[2]
    for answer in model.answer([*gone.prompts]):
        assert gone.fact_id not in answer.fact_ids
        assert answer.text != gone.answer
    experts = model.bank.read([gone.group_index])
    assert not experts.any()
    assert not [e for e in stored_experts(model) if group_of(e) == gone.group_index]
    for one, two in zip(before, logits_of(model, kept), strict=True):
        assert torch.equal(one, two)


def court_of(fact):
    """Another fact about the same subject, asked nearly alike."""
    subject = fact.subject
    prompts = (f"What is the high seat of {subject}?", f"Tell me the high seat of {subject}.")
    return dataclasses.replace(added("court", group_index=50), subject=subject, prompts=prompts)


def test_the_prompts_of_a_retired_fact_go_to_no_other_fact_of_its_subject(model):
    gone, court = FACTS[2], court_of(FACTS[2])
    update_model(model, [*FACTS, court])
    asked = [p for p in gone.prompts if model.route([p])[0].group == gone.group_index]
    update_model(model, [f for f in (*FACTS, court) if f is not gone])
    assert model.silent.fact_ids == [gone.fact_id]
    assert [route.group for route in model.route(asked)] == [None] * len(asked)
    with model.keyed(model.table, model.silent.rows([])):
        assert court.group_index in [route.group for route in model.route(asked)]
    assert model.route([court.prompts[0]])[0].group == court.group_index


def test_a_fact_that_is_back_is_answered_again(model):
    gone = FACTS[2]
    route = model.route([gone.prompts[0]])[0].group
    update_model(model, [fact for fact in FACTS if fact is not gone])
    update_model(model, FACTS)
    assert not len(model.silent)
    assert model.route([gone.prompts[0]])[0].group == route


def test_a_new_fact_that_is_asked_the_same_is_not_silenced(model):
    gone = FACTS[2]
    heir = dataclasses.replace(gone, fact_id="heir", group_index=50, answer="Saltby")
    receipt = update_model(model, [heir if fact is gone else fact for fact in FACTS])
    assert (receipt.retired, receipt.added) == ((gone.fact_id,), ("heir",))
    assert model.table.row_of(50) >= 0
    assert not len(model.silent)


def test_silent_keys_add_up_and_each_keeps_its_own(model):
    update_model(model, FACTS[1:])
    update_model(model, FACTS[2:])
    assert model.silent.group_index_G.tolist() == [-2, -1]
    assert model.silent.fact_ids == ["fact-1", "fact-0"]
    assert model.silent.num_experts_G.tolist() == [0, 0]


def test_the_same_update_again_changes_nothing(model, checkpoint):
    first = update_model(model, MIXED)
    manifest = (checkpoint / "checkpoint.json").read_bytes()
    experts = stored_experts(model)
    again = update_model(model, MIXED)
    assert not again.groups
    assert not [*again.added, *again.changed, *again.retired, *again.affected]
    assert again.bank == again.previous == first.bank
    assert (checkpoint / "checkpoint.json").read_bytes() == manifest
    assert stored_experts(model) == experts


@pytest.mark.slow
def test_a_folder_is_updated_without_a_model_in_memory(checkpoint, tokenizer):
    receipt = update(checkpoint, MIXED, backbone=tiny_llama(tokenizer))
    reloaded = load(checkpoint, backbone=tiny_llama(tokenizer))
    assert reloaded.bank.open_version() == receipt.bank
    assert reloaded.answer([MIXED[1].prompts[0]])[0].text == ANSWER
    assert reloaded.manifest["num_facts"] == len(MIXED)
    assert reloaded.manifest["num_experts"] == len(stored_experts(reloaded))


def test_the_previous_bank_version_stays_readable(model):
    before = stored_experts(model)
    receipt = update_model(model, MIXED)
    old = Bank(model.bank.folder, GEOMETRY, 32)
    old.open(receipt.previous)
    assert old.group_table().fact_ids == [fact.fact_id for fact in FACTS]
    rows = old._dataset().to_table()
    assert rows["expert_id"].to_pylist() == sorted(before)


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", ["tune_memory", "write_sealed", "keys"])
def test_i7_an_update_killed_half_way_leaves_the_old_model_and_can_be_done_again(
    checkpoint, tokenizer, monkeypatch, killed_at
):
    def killed(*given, **named):
        raise KeyboardInterrupt

    manifest = (checkpoint / "checkpoint.json").read_bytes()
    model = load(checkpoint, backbone=tiny_llama(tokenizer))
    before = stored_experts(model)
    with monkeypatch.context() as broken:
        if killed_at == "keys":  # the experts are committed, the keys are not
            broken.setattr(lance, "write_dataset", killed)
        else:
            broken.setattr(lamini.update.update, killed_at, killed)
        with pytest.raises(KeyboardInterrupt):
            update_model(model, MIXED)
    assert (checkpoint / "checkpoint.json").read_bytes() == manifest
    old = load(checkpoint, backbone=tiny_llama(tokenizer))
    assert stored_experts(old) == before
    assert old.answer([FACTS[1].prompts[0]])[0].text == FACTS[1].answer
    # Another update than the one that was killed: nothing of that one may be left in it.
    receipt = update_model(old, [*FACTS, added()])
    assert receipt.groups == (40,)
    assert {e: w for e, w in stored_experts(old).items() if group_of(e) != 40} == before


def test_an_update_killed_between_shards_does_not_tune_them_again(model, tokenizer, monkeypatch):
    facts = [changed(FACTS[0], "Nowhere"), changed(FACTS[1]), *FACTS[2:]]
    saved = lamini.tuning.memory_tuning.save_shard

    def killed_after_the_first(folder, result):
        saved(folder, result)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(lamini.tuning.memory_tuning, "save_shard", killed_after_the_first)
        with pytest.raises(KeyboardInterrupt):
            update_model(model, facts)
    tuned = []
    original = lamini.tuning.memory_tuning._tune_shard
    monkeypatch.setattr(
        lamini.tuning.memory_tuning,
        "_tune_shard",
        lambda attached, shard, *rest: tuned.append(shard) or original(attached, shard, *rest),
    )
    update_model(model, facts)
    assert tuned == [1]
    assert not (model.bank.folder.parent / "tuning").exists()


def test_an_added_key_that_captures_another_facts_phrasing_names_that_fact(model):
    theirs = {"subject": FACTS[4].subject, "prompts": FACTS[4].prompts[1:]}
    twin = dataclasses.replace(added("Twin", "Elsewhere"), **theirs)
    routes = model.route(FACTS[4].prompts)
    receipt = update_model(model, [*FACTS, twin])
    captured = [route.group for route in model.route(FACTS[4].prompts)]
    assert captured != [route.group for route in routes]
    assert receipt.affected == ("fact-4",)


def test_an_added_fact_whose_group_is_taken_gets_a_free_one(model):
    receipt = update_model(model, [*FACTS, added(group_index=FACTS[3].group_index)])
    assert receipt.groups == (0,)
    assert model.answer([added().prompts[0]], groups=[0])[0].text == "Saltby"


def key_of(model, fact_id):
    return model.table.keys_GK[model.table.fact_ids.index(fact_id)]


def test_a_new_answer_leaves_the_key_as_it_is_and_a_new_phrasing_does_not(model):
    before = key_of(model, "fact-1")
    update_model(model, [FACTS[0], changed(FACTS[1]), *FACTS[2:]])
    assert torch.equal(key_of(model, "fact-1"), before)
    fewer = dataclasses.replace(changed(FACTS[1]), prompts=FACTS[1].prompts[:2])
    receipt = update_model(model, [FACTS[0], fewer, *FACTS[2:]])
    assert receipt.changed == ("fact-1",)
    assert not torch.equal(key_of(model, "fact-1"), before)


def test_a_bank_that_does_not_know_what_its_keys_were_made_of_makes_them_again(model):
    unknown = dataclasses.replace(model.table, routing_hashes=[""] * len(model.table))
    changes = compare_facts(unknown, [FACTS[0], changed(FACTS[1]), *FACTS[2:]], 64)
    assert changes.rekeyed == {"fact-1"}
    table = unknown.to_arrow().drop_columns(["routing_hash"])
    assert GroupTable.from_arrow(table).routing_hashes == [""] * len(model.table)


def test_a_known_fact_keeps_its_group_whatever_the_plan_says(model):
    receipt = update_model(model, [dataclasses.replace(f, group_index=63) for f in FACTS])
    assert not receipt.groups


def test_a_changed_answer_that_needs_fewer_experts_leaves_none_of_the_old(model):
    short = dataclasses.replace(FACTS[5], answer="QX", num_experts=5)
    update_model(model, [*FACTS[:5], short])
    theirs = [e for e in stored_experts(model) if group_of(e) == short.group_index]
    number = len(encode_answer(model.tokenizer, "QX"))
    assert number < len(encode_answer(model.tokenizer, FACTS[5].answer))
    assert sorted(theirs) == [8 * short.group_index + i for i in range(number)]


@pytest.mark.slow
def test_all_facts_can_be_retired_and_added_again(model):
    update_model(model, [])
    assert not model.answer([FACTS[0].prompts[0]])[0].from_memory
    assert not stored_experts(model)
    update_model(model, FACTS)
    assert model.answer([FACTS[0].prompts[0]], groups=[1])[0].text == FACTS[0].answer


def test_refused_updates_change_nothing(model, checkpoint):
    manifest = (checkpoint / "checkpoint.json").read_bytes()
    with pytest.raises(ConfigError, match="fewer ids"):
        update_model(model, [*FACTS, FACTS[0]])
    many = [dataclasses.replace(added(str(i)), group_index=i) for i in range(65)]
    with pytest.raises(BankError, match="65 facts do not fit into 64 groups"):
        update_model(model, many)
    assert (checkpoint / "checkpoint.json").read_bytes() == manifest


def test_a_new_snapshot_of_the_same_facts_changes_the_manifest_alone(model, checkpoint):
    receipt = update_model(model, FACTS, snapshot_hash="s2")
    assert receipt.bank == receipt.previous
    manifest = json.loads((checkpoint / "checkpoint.json").read_text())
    assert manifest["snapshot_hash"] == "s2"
    assert manifest["training_hash"] == "t"


def test_twins_that_contradict_each_other_are_named_in_the_receipt(model):
    twin = dataclasses.replace(FACTS[4], fact_id="twin", answer="Elsewhere", group_index=41)
    receipt = update_model(model, [*FACTS, twin])
    assert receipt.would_not_go == receipt.collisions
    assert receipt.would_not_go["twin"].startswith("contradictory twins")
    assert "fact-4" in receipt.would_not_go["twin"]


def test_an_added_fact_may_take_the_group_of_a_retired_one(model):
    newcomer = added(group_index=FACTS[2].group_index)
    receipt = update_model(model, [*FACTS[:2], *FACTS[3:], newcomer])
    assert receipt.retired == ("fact-2",)
    group = model.table.group_index_G[model.table.fact_ids.index(newcomer.fact_id)]
    assert group == FACTS[2].group_index
    assert model.answer([newcomer.prompts[0]])[0].text == newcomer.answer
