"""A checkpoint written anew says the same, and holds nothing of what it was before."""

import shutil

import lance
import pytest
import torch

import lamini.checkpoint.rewriting
from lamini.bank.bank import BankVersion
from lamini.checkpoint.held_facts import held_facts, held_versions
from lamini.checkpoint.rewriting import finish_rewriting, rewrite_checkpoint
from lamini.errors import BankError, CheckpointError
from lamini.model.loading import load
from lamini.proof.untouched import compare_silence
from lamini.update.successor import read_update
from tests.lamini.conftest import tiny_llama
from tests.lamini.update.test_successor import bytes_of, contents, succeed  # noqa: F401
from tests.lamini.update.test_update import FACTS, built  # noqa: F401

pytestmark = pytest.mark.slow

GONE, KEPT = FACTS[0], FACTS[1:]


@pytest.fixture
def without(succeed, tmp_path):  # noqa: F811
    """The checkpoint after the first fact was retired."""
    succeed(KEPT)
    return tmp_path / "next" / "checkpoint"


@pytest.mark.slow
def test_it_says_the_same_from_a_bank_with_one_version(built, without, tokenizer):  # noqa: F811
    base = bytes_of(built)
    model = load(without, backbone=tiny_llama(tokenizer))
    before, prompts = contents(model), [fact.prompts[0] for fact in FACTS]
    said = [answer.text for answer in model.answer(prompts)]
    assert len(held_versions(without)) == 2
    bank = rewrite_checkpoint(without, {"snapshot_hash": "other"})
    again = load(without, backbone=tiny_llama(tokenizer))
    assert contents(again) == before
    assert [answer.text for answer in again.answer(prompts)] == said
    assert again.manifest["snapshot_hash"] == "other"
    kept = frozenset(fact.fact_id for fact in KEPT)
    assert held_versions(without) == {bank.keys: kept}
    assert held_facts(without) == kept
    with pytest.raises(CheckpointError, match="does not tell"):
        held_facts(without / "bank")
    with pytest.raises(BankError):
        again.bank.open(BankVersion(experts=bank.experts + 1, keys=bank.keys))
    assert bytes_of(built) == base  # it shares no file of the bank
    assert read_update(without).previous == bank


def test_the_bytes_of_deleted_experts_are_gone(built, without):  # noqa: F811
    uri = str(without / "bank" / "experts.lance")
    rows = lance.dataset(uri, version=1).to_table(filter=f"expert_id = {GONE.group_index * 8}")
    weight = rows["weights"].combine_chunks().flatten().to_numpy().tobytes()[:32]
    assert not torch.frombuffer(bytearray(weight), dtype=torch.float32).eq(0).all()

    def holders():
        return [p for p in without.rglob("*") if p.is_file() and weight in p.read_bytes()]

    assert holders()
    rewrite_checkpoint(without)
    assert not holders()


def test_a_silent_key_goes_only_where_its_fact_is_named(without, tokenizer):
    def silent():
        return load(without, backbone=tiny_llama(tokenizer)).silent.fact_ids

    def holders():
        named = GONE.fact_id.encode()
        files = [p for p in (without / "bank").rglob("*") if p.is_file()]
        return [p for p in files if named in p.read_bytes()]

    rewrite_checkpoint(without, without=["another's", "fact-9"])
    assert silent() == [GONE.fact_id]
    assert holders()
    rewrite_checkpoint(without, without=[GONE.fact_id])
    assert silent() == []
    assert not holders()


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", ["write_dataset", "write_json", "put_in_place", "between"])
def test_i7_killed_anywhere_it_ends_the_same(without, tokenizer, monkeypatch, killed_at):
    before = contents(load(without, backbone=tiny_llama(tokenizer)))

    def killed(*given, **named):
        if killed_at == "between":
            given[1].rename(given[1].with_name(".checkpoint.retired"))
        raise KeyboardInterrupt

    place = {"write_dataset": lance, "between": lamini.checkpoint.rewriting}.get(
        killed_at, lamini.checkpoint.rewriting
    )
    name = "put_in_place" if killed_at == "between" else killed_at
    with monkeypatch.context() as broken:
        broken.setattr(place, name, killed)
        with pytest.raises(KeyboardInterrupt):
            rewrite_checkpoint(without)
    finish_rewriting(without)
    assert contents(load(without, backbone=tiny_llama(tokenizer))) == before
    rewrite_checkpoint(without)
    assert contents(load(without, backbone=tiny_llama(tokenizer))) == before
    assert [path.name for path in without.parent.iterdir() if "checkpoint" in path.name] == [
        "checkpoint"
    ]


def test_prompts_of_a_retired_fact_get_the_backbones_own_logits(without, tokenizer):
    model = load(without, backbone=tiny_llama(tokenizer))
    found = compare_silence(model, GONE.prompts)
    assert found.num_prompts == len(GONE.prompts)
    assert found.differing == ()
    read = compare_silence(model, [KEPT[0].prompts[0]])
    assert read.reading == (KEPT[0].prompts[0],)
    assert compare_silence(model, []).num_prompts == 0


def test_what_is_no_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        rewrite_checkpoint(tmp_path / "checkpoint")
    shutil.rmtree(tmp_path / "checkpoint")
    finish_rewriting(tmp_path / "checkpoint")
