"""The checkpoint after another one: the base stays to the last byte, what changed is proved."""

import dataclasses
import hashlib
import os

import pytest

import lamini.bank.bank
import lamini.tuning.memory_tuning
import lamini.update.successor
import lamini.update.update
from lamini.checkpoint.checkpoint import link_checkpoint
from lamini.config import Tuning
from lamini.errors import CheckpointError
from lamini.model.loading import load
from lamini.proof.untouched import compare_banks, compare_logits
from lamini.update.successor import build_successor, read_update
from lamini.update.update import forecast_update
from tests.lamini.conftest import tiny_llama
from tests.lamini.update.test_update import ANSWER, FACTS, MIXED, added, built, changed  # noqa: F401

FOREIGN = ["Who painted it?", "Sing me a song of the sea.", "12 + 30 ="]


def bytes_of(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def contents(model):
    return model.bank.digests(), model.table.to_arrow().to_pylist()


@pytest.fixture
def succeed(built, tokenizer, tmp_path):  # noqa: F811
    """Builds a successor of the checkpoint with some facts, and gives its receipt."""

    def build(facts, name="next", base=built):
        return build_successor(
            tmp_path / name / "checkpoint",
            base,
            facts,
            backbone=tiny_llama(tokenizer),
            tuning=Tuning(),
            tuning_folder=tmp_path / name / "tuning",
            snapshot_hash="s2",
            training_hash="t2",
        )

    return build


@pytest.mark.slow
def test_the_base_stays_as_it_was_and_still_gives_the_old_answer(
    built,  # noqa: F811
    succeed,
    tokenizer,
    tmp_path,
):
    before = bytes_of(built)
    receipt = succeed(MIXED)
    assert bytes_of(built) == before
    prompt = FACTS[1].prompts[0]
    assert load(built, backbone=tiny_llama(tokenizer)).answer([prompt])[0].text == FACTS[1].answer
    new = load(tmp_path / "next" / "checkpoint", backbone=tiny_llama(tokenizer))
    assert new.answer([prompt])[0].text == ANSWER
    assert new.manifest["snapshot_hash"] == "s2"
    assert read_update(tmp_path / "next" / "checkpoint") == receipt


@pytest.mark.slow
def test_unchanged_files_are_shared_and_take_no_space_twice(built, succeed, tmp_path):  # noqa: F811
    succeed(MIXED)
    folder = tmp_path / "next" / "checkpoint"
    replaced = ("checkpoint.json", "latest_version_hint.json")
    shared = [p for p in built.rglob("*") if p.is_file() and p.name not in replaced]
    assert len(shared) > 5
    for path in shared:
        assert path.samefile(folder / path.relative_to(built))


def test_without_hard_links_the_files_are_copied(built, tmp_path, monkeypatch):  # noqa: F811
    def refuses(source, target):
        raise OSError("no links here")

    monkeypatch.setattr(os, "link", refuses)
    link_checkpoint(built, tmp_path / "copy")
    assert bytes_of(tmp_path / "copy") == bytes_of(built)


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", ["tuning", "bank", "manifest", "in_place"])
def test_i7_a_build_killed_anywhere_leaves_nothing_half_made_and_ends_the_same(
    built,  # noqa: F811
    succeed,
    tokenizer,
    tmp_path,
    monkeypatch,
    killed_at,
):
    def killed(*given, **named):
        raise KeyboardInterrupt

    target = {
        "tuning": (lamini.tuning.memory_tuning, "save_shard"),
        "bank": (lamini.bank.bank.lance, "write_dataset"),
        "manifest": (lamini.update.update, "write_sealed"),
        "in_place": (lamini.update.successor, "put_in_place"),
    }[killed_at]
    before = bytes_of(built)
    with monkeypatch.context() as broken:
        broken.setattr(*target, killed)
        with pytest.raises(KeyboardInterrupt):
            succeed(MIXED, "killed")
    assert not (tmp_path / "killed" / "checkpoint").exists()
    assert bytes_of(built) == before
    receipts = succeed(MIXED, "killed"), succeed(MIXED, "unkilled")
    models = [
        load(tmp_path / name / "checkpoint", backbone=tiny_llama(tokenizer))
        for name in ("killed", "unkilled")
    ]
    assert receipts[0] == receipts[1]
    assert contents(models[0]) == contents(models[1])


@pytest.mark.slow
def test_successors_follow_each_other_and_every_one_stays_loadable(succeed, tokenizer, tmp_path):
    base = None
    for step, answer in enumerate(("One Dock", "Two Docks", "Three Docks")):
        facts = [changed(FACTS[0], answer), *FACTS[1:]]
        given = {} if base is None else {"base": base}
        succeed(facts, f"step-{step}", **given)
        base = tmp_path / f"step-{step}" / "checkpoint"
    for step, answer in enumerate(("One Dock", "Two Docks", "Three Docks")):
        model = load(tmp_path / f"step-{step}" / "checkpoint", backbone=tiny_llama(tokenizer))
        assert model.answer([FACTS[0].prompts[0]], groups=[1])[0].text == answer


def test_only_a_checkpoint_has_a_successor_and_only_a_successor_an_update(succeed, built, tmp_path):  # noqa: F811
    with pytest.raises(CheckpointError, match="no checkpoint"):
        succeed(MIXED, base=tmp_path)
    with pytest.raises(CheckpointError, match="not made by an update"):
        read_update(built)


@pytest.mark.slow
def test_both_versions_are_proved_equal_outside_what_was_touched(succeed, tokenizer, tmp_path):
    receipt = succeed(MIXED)
    model = load(tmp_path / "next" / "checkpoint", backbone=tiny_llama(tokenizer))
    banks = compare_banks(model.bank, receipt.previous, receipt.bank, receipt.groups)
    assert banks.is_identical
    assert (banks.num_experts, banks.num_keys) == (21, 4)
    prompts = [fact.prompts[0] for fact in FACTS] + FOREIGN
    logits = compare_logits(model, receipt.previous, prompts, receipt.groups)
    assert logits.is_identical
    assert logits.num_touched >= 2
    assert logits.num_prompts + logits.num_touched == len(prompts)
    assert model.bank.open_version() == receipt.bank


@pytest.mark.slow
def test_a_difference_outside_is_found(succeed, tokenizer, tmp_path):
    receipt = succeed(MIXED)
    model = load(tmp_path / "next" / "checkpoint", backbone=tiny_llama(tokenizer))
    untold = [group for group in receipt.groups if group != 4]
    banks = compare_banks(model.bank, receipt.previous, receipt.bank, untold)
    assert banks.differing_experts
    assert banks.differing_keys == (4,)
    logits = compare_logits(model, receipt.previous, [FACTS[1].prompts[0]], untold)
    assert logits.differing == (FACTS[1].prompts[0],)


@pytest.mark.slow
def test_a_plan_tells_what_an_update_does_and_writes_nothing(
    built,  # noqa: F811
    succeed,
    tokenizer,
):
    model = load(built, backbone=tiny_llama(tokenizer))
    before, table = bytes_of(built), model.table
    theirs = {"subject": FACTS[4].subject, "prompts": FACTS[4].prompts[1:]}
    facts = [*MIXED, dataclasses.replace(added("Twin", "Elsewhere", 41), **theirs)]
    forecast = forecast_update(model, facts)
    assert bytes_of(built) == before
    assert model.table is table
    done = succeed(facts)
    names = ("added", "changed", "retired", "groups", "affected")
    assert {n: getattr(forecast, n) for n in names} == {n: getattr(done, n) for n in names}
    assert forecast.affected == ("fact-4",)
    assert forecast.num_experts == 8 * 4
