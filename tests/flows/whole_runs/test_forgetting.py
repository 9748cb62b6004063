"""A fact is forgotten, stays forgotten, and is purged, on a home with a trained champion."""

import json

import pytest

from flows import failpoints, forget_fact
from flows.configuration.settings import load_settings
from flows.errors import SettingsError
from flows.forgetting.holdings import files_with
from flows.home.champion import read_pointer
from flows.home.current_run import run_state
from flows.home.home import Home
from tests.flows.whole_runs.branches import BEFORE, MAPPING, SECRET

SLOT = ("--subject", "Dresden", "--relation", "branch.code")
QUESTION = "What is the branch code of Dresden?"
PLACES = [name for name in failpoints.FORGET if name.startswith("purge.")]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def forgotten(trained, tmp_path_factory):
    """A home after `lamini forget`, which was killed once on the way; and what it said."""
    own = trained.copy(tmp_path_factory.mktemp("forgetting") / "own")
    assert found_in(own.home) >= {"catalogue.duckdb", "facts.parquet", "recall.parquet"}
    words = ("forget", *SLOT, "--reason", "a letter", "--yes")
    killed = own.start(*words, LAMINI_AS_OF=BEFORE, LAMINI_FAILPOINT="forget.after_publishing")
    assert killed.wait(1200) == 137, killed.stderr.read()[-3000:]
    found = run_state(Home(own.home))
    assert (found.state, found.record.step) == ("killed", "forget")
    assert found.advice.startswith("`lamini forget` goes on")
    return own, own.tell(*words, LAMINI_AS_OF=BEFORE)


@pytest.fixture
def own(forgotten, tmp_path, small):
    """A home of its own after forgetting, and its settings."""
    copied = forgotten[0].copy(tmp_path / "own")
    small(copied.home, BEFORE)
    return copied, load_settings({"sources": (copied.mapping,)})


def found_in(home):
    return {path.name for path in files_with(home, [SECRET])}


def model_of(home):
    from lamini import load

    return load(home / read_pointer(Home(home)).champion.path)


def take_in(settings, folder, name):
    """The same table again, as another source."""
    from flows.ingest_facts import ingest_source

    mapping = folder / f"{name}.toml"
    mapping.write_text(MAPPING.replace('"branches"', f'"{name}"', 1))
    ingest_source.fn(settings.home.path, str(mapping))
    return forget_fact.publish(settings)


def test_the_model_abstains_and_the_proof_says_that_nothing_else_moved(forgotten):
    branches, said = forgotten
    proof = said["model"]
    assert (proof["holds_the_fact"], proof["removed_by_this_run"]) == (False, True)
    assert len(proof["groups_emptied_or_retrained"]) == 1
    assert proof["prompts_asked"] == proof["prompts_as_the_backbone"] == 4
    assert (proof["proof_num_keys"], proof["proof_experts_left"]) == (7, 0)
    for what in ("experts", "keys", "prompts", "silent", "answers"):
        assert proof[f"proof_differing_{what}"] == 0
    assert said["asserted_by"] == [{"source": "branches", "file": "branches.csv", "row": 3}]
    assert said["counts"]["forgotten"] == 1

    model = model_of(branches.home)
    asked, other = model.answer([QUESTION, "Espoo branch code"])
    assert not asked.from_memory
    assert SECRET not in asked.text
    group = dict(zip(model.table.fact_ids, model.table.group_index_G.tolist(), strict=True))
    assert len(group) == 7
    assert other.group in {None, *group.values()}


def test_it_says_what_still_holds_the_fact(forgotten):
    branches, said = forgotten
    pointer = read_pointer(Home(branches.home))
    first = pointer.history[0].run_key
    held = {(one["kind"], one["path"]) for one in said["still_held"]}
    assert ("checkpoint", f"runs/{first}/checkpoint") in held
    assert ("bank_version", f"runs/{pointer.champion.run_key}/checkpoint/bank") in held
    assert ("run", f"runs/{first}") in held
    assert ("file", "warehouse/catalogue.duckdb") in held
    assert {kind for kind, _ in held} >= {"snapshot", "assignment"}
    roles = {one["what"] for one in said["still_held"] if one["kind"] == "checkpoint"}
    assert roles == {"previous champion, answers with it"}


def test_another_source_brings_nothing_back_and_why_says_so(own, lamini):
    branches, settings = own
    assert take_in(settings, branches.folder, "others").counts["forgotten"] == 2
    told = lamini("why", "Dresden", "branch.code").stdout
    assert "forgotten" in told
    assert "a letter" in told
    assert SECRET not in told
    assert lamini("status", "--json").exit_code == 0
    assert json.loads(lamini("plan", "--json").stdout)["decision"] == "nothing"


def test_no_rollback_brings_back_what_is_forgotten_but_for_a_lifted_tombstone(own, lamini):
    branches, _ = own
    pointer = read_pointer(Home(branches.home))
    refused = lamini("rollback")
    assert refused.exit_code == 5
    assert "(dresden, branch.code)" in refused.stderr.casefold()
    assert read_pointer(Home(branches.home)) == pointer
    lamini("forget", *SLOT, "--undo", "--yes")
    assert lamini("rollback").exit_code == 0
    assert read_pointer(Home(branches.home)).champion.run_key == pointer.history[0].run_key


def test_a_lifted_tombstone_leaves_the_fact_to_the_next_run(own, lamini):
    found = json.loads(lamini("forget", *SLOT, "--undo", "--yes", "--json").stdout)
    assert (found["lifted"], found["was_purged"], found["counts"]["forgotten"]) == (1, False, 0)
    plan = json.loads(lamini("plan", "--json").stdout)
    assert (plan["decision"], plan["num_added"]) == ("incremental", 1)
    again = lamini("forget", *SLOT, "--undo", "--yes")
    assert again.exit_code == 3
    assert "no tombstone stands" in again.stderr


class KilledError(Exception):
    """Stands for a kill in this process."""


def purge(settings):
    return forget_fact.forget(settings, "Dresden", "branch.code", purge=True)


def test_a_purge_killed_anywhere_ends_with_nothing_left_in_any_file(own, monkeypatch, lamini):
    branches, settings = own
    home = settings.home.path
    before = model_of(home)
    experts, table = before.bank.digests(), before.table.to_arrow().to_pylist()
    reach = failpoints.reach
    for place in PLACES:

        def die(name, place=place):
            reach(name)
            if name == place:
                raise KilledError(name)

        monkeypatch.setattr(failpoints, "reach", die)
        with pytest.raises(KilledError, match=place):
            purge(settings)
    monkeypatch.setattr(failpoints, "reach", reach)
    result = purge(settings)
    assert result.purge.left == []
    assert len(result.purge.not_looked_for) == 1  # words, of which the router keeps weights
    assert result.still_held == []
    # What is known of the fact survived the kills, and is gone now.
    assert result.model.silence.prompts_as_the_backbone == 4
    assert result.asserted_by[0]["row"] == 3
    check_gone(home)

    pointer = read_pointer(Home(home))
    assert pointer.history == ()
    assert [path.name for path in (home / "runs").iterdir()] == [pointer.champion.run_key]
    after = model_of(home)
    assert after.bank.digests() == experts
    assert after.table.to_arrow().to_pylist() == table
    assert after.manifest["snapshot_hash"] == pointer.champion.snapshot_hash
    status = json.loads(lamini("status", "--json").stdout)
    assert {k: status["pending"][k] for k in ("added", "changed", "retired")} == dict.fromkeys(
        ("added", "changed", "retired"), 0
    )
    assert json.loads(lamini("plan", "--json").stdout)["decision"] == "nothing"

    # The very table comes in again, and is counted without its text.
    assert take_in(settings, branches.folder, "others").counts["forgotten"] == 2
    check_gone(home)
    assert "a letter" in lamini("why", "Dresden", "branch.code").stdout
    assert lamini("rollback").exit_code == 6


def check_gone(home):
    for path in home.rglob("*"):
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path
            assert QUESTION.encode() not in path.read_bytes(), path
    assert files_with(home, [SECRET, QUESTION]) == []


def test_a_slot_nobody_speaks_of_is_refused_with_what_is_near(own):
    _, settings = own
    before = (settings.home.warehouse / "tombstones.parquet").read_bytes()
    with pytest.raises(SettingsError, match=r"nothing to forget; near: 'Dresden'"):
        forget_fact.forget(settings, "Dresdenn", "branch.code")
    assert (settings.home.warehouse / "tombstones.parquet").read_bytes() == before
