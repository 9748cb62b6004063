"""A changed row goes into the promoted model and into nothing else: the flow from end to end."""

import json

import pytest

from flows.errors import GateError
from flows.home.champion import read_pointer
from flows.home.home import Home
from lamini.config import MemoryConfig
from lamini.update import update as updating
from tests.flows.whole_runs.branches import AFTER, CODES, QUESTION, ROWS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture
def here(copied, small, prefect_harness):
    """Runs the flow on the copied home in this process; gives the result."""
    small(copied.home, AFTER)
    from flows.configuration.settings import load_settings
    from flows.memorize import memorize

    def run_here(mode=None, **given):
        return memorize(load_settings({"sources": (copied.mapping,), **given}), False, mode)

    return run_here


def model_of(branches, entry):
    from lamini import load

    return load(branches.home / entry.path)


def contents(branches, entry):
    model = model_of(branches, entry)
    return model.bank.digests(), model.table.to_arrow().to_pylist()


def answer(model, prompt=QUESTION, fact=None):
    """What the fact's own experts say: this router may send the prompt elsewhere."""
    group = model.table.group_index_G[model.table.fact_ids.index(fact)]
    return model.answer([prompt], groups=[int(group)])[0].text


def fact_ids(branches):
    from warehouse.snapshots import head

    facts = head(branches.home / "warehouse").facts().to_pylist()
    return {fact["subject"]: fact["fact_id"] for fact in facts}


def test_a_changed_row_is_answered_anew_and_all_else_is_as_it_was(copied, here):
    before = fact_ids(copied)
    first = read_pointer(Home(copied.home)).champion
    result = here()
    assert (result.mode, result.decision) == ("incremental", "incremental")
    assert "1 added, 1 changed, 1 retired" in result.reasons[0]
    updated, proof = result.told()["update_memory"], result.measured.proof.told()
    assert updated["changed"] == [before["Bergen"]]
    assert updated["retired"] == [before["Graz"]]
    assert updated["added"] == [fact_ids(copied)["Ystad"]]
    assert (proof["differing_experts"], proof["differing_keys"]) == ([], [])
    assert (proof["differing_prompts"], proof["differing_silent"]) == ([], [])
    assert (proof["num_keys"], proof["experts_left"]) == (6, [])
    assert proof["num_prompts"] > 6
    changes = {fact.subject: fact for fact in result.changes}
    assert (changes["Bergen"].old_answer, changes["Bergen"].new_answer) == ("BE17", "QX99")

    pointer = read_pointer(Home(copied.home))
    assert (pointer.champion.mode, pointer.champion.base) == ("incremental", first.run_key)
    assert [entry.run_key for entry in pointer.history] == [first.run_key]
    assert answer(model_of(copied, pointer.champion), fact=before["Bergen"]) == "QX99"
    # The champion before it is still there, whole, and says what it said.
    assert answer(model_of(copied, pointer.history[0]), fact=before["Bergen"]) == "BE17"
    old, new = contents(copied, first)[0], contents(copied, pointer.champion)[0]
    touched, size = {*updated["groups"]}, MemoryConfig().group_size
    assert {e: d for e, d in old.items() if e // size not in touched} == {
        e: d for e, d in new.items() if e // size not in touched
    }

    again = here()
    assert (again.decision, again.is_new) == ("nothing", False)
    assert again.run_key == result.run_key
    check_mlflow(copied.home, first.run_key, result.run_key)


def check_mlflow(home, first, second):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lamini")
    runs = client.search_runs([experiment.experiment_id], "tags.`lamini.stage` = 'memorize'")
    by_mode = {found.data.tags["mode"]: found for found in runs}
    update = by_mode["incremental"]
    assert update.info.status == "FINISHED"
    assert (update.data.tags["gate"], update.data.tags["promoted"]) == ("passed", "true")
    assert update.data.metrics["facts/changed"] == 1
    assert update.data.metrics["update/untouched_experts_differing"] == 0
    parent = f"tags.`mlflow.parentRunId` = '{update.info.run_id}'"
    (tuning,) = client.search_runs([experiment.experiment_id], parent)
    steps = [point.step for point in client.get_metric_history(tuning.info.run_id, "loss")]
    assert steps == [*range(1, len(steps) + 1)]  # a step for each shard, as in a full run
    assert tuning.data.metrics["facts_memorized"] == 2
    for alias, run_key in (("champion", second), ("previous", first)):
        version = client.get_model_version_by_alias("lamini", alias)
        assert version.tags["lamini.run_key"] == run_key


def test_a_failed_gate_leaves_the_champion_and_names_the_facts(copied, here, monkeypatch):
    tune = updating.tune_memory

    def badly(*given, **named):
        results = tune(*given, **named)
        return [type(r)(**{**vars(r), "weights": tuple(0 * w for w in r.weights)}) for r in results]

    monkeypatch.setattr(updating, "tune_memory", badly)
    before = (copied.home / "HEAD_CHECKPOINT.json").read_bytes()
    with pytest.raises(GateError, match=r"recall of changed facts 0\.0%.*stays the champion"):
        here()
    assert (copied.home / "HEAD_CHECKPOINT.json").read_bytes() == before
    champion = read_pointer(Home(copied.home)).champion
    assert answer(model_of(copied, champion), fact=fact_ids(copied)["Bergen"]) == "BE17"

    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{copied.home / 'mlflow' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("lamini")
    (failed,) = client.search_runs([experiment.experiment_id], "tags.gate = 'failed'")
    assert (failed.info.status, failed.data.tags["promoted"]) == ("FAILED", "false")
    files = {item.path for item in client.list_artifacts(failed.info.run_id, "recall")}
    assert "recall/gate_failures.json" in files
    version = client.get_model_version_by_alias("lamini", "champion")
    assert version.tags["lamini.run_key"] == json.loads(before)["run_key"]


def test_an_update_can_be_rolled_back_and_is_not_made_again_by_itself(copied, here, lamini):
    assert here().decision == "incremental"
    whole = read_pointer(Home(copied.home))
    check_mlflow(copied.home, whole.history[0].run_key, whole.champion.run_key)
    moved = json.loads(lamini("rollback", "--json").stdout)
    assert moved["champion"]["run_key"] == whole.history[0].run_key
    assert moved["aliases"].keys() == {"champion"}
    assert json.loads(lamini("status", "--json").stdout)["pending"]["changed"] == 0
    assert {*fact_ids(copied)} == {*CODES}
    # A model of these facts was rolled back.
    assert here().decision == "nothing"


def test_what_a_run_makes_while_its_champion_is_rolled_back_is_not_promoted(
    copied, here, lamini, monkeypatch
):
    here()
    first = read_pointer(Home(copied.home)).history[0].run_key
    copied.write([*ROWS, "Lund,LU12,,"])
    tune, told = updating.tune_memory, []

    def rolled_back_meanwhile(*given, **named):
        told.append(lamini("rollback", "--json"))
        return tune(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(updating, "tune_memory", rolled_back_meanwhile)
        with pytest.raises(GateError, match="champion"):
            here()
    assert [result.exit_code for result in told] == [0]
    assert read_pointer(Home(copied.home)).champion.run_key == first
    # Its facts hold those that were rolled back, so they are trained only when a person asks.
    assert here().decision == "nothing"
    assert here("incremental").decision == "incremental"
    pointer = read_pointer(Home(copied.home))
    assert (pointer.champion.base, pointer.champion.num_facts) == (first, len(CODES) + 1)


def files_of(home):
    return sorted((p, p.stat().st_mtime_ns) for p in home.rglob("*") if p.is_file())


def test_a_plan_shows_what_a_run_would_do_and_writes_nothing(copied, here, lamini):
    for words in (("ingest", copied.mapping), ("reconcile", "--json")):
        assert lamini(*words).exit_code == 0
    before = files_of(copied.home)
    result = lamini("plan", "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["decision"] == "incremental"
    assert (found["num_added"], found["num_changed"], found["num_retired"]) == (1, 1, 1)
    assert found["capacity_alarm"] is None
    assert found["bits_per_parameter"] > 0
    assert found["num_groups_touched"] == 2  # the new fact takes the group that is given up
    assert found["num_experts_touched"] > 4
    assert found["estimate"]["training_seconds"] is not None
    assert {fact["subject"]: fact["op"] for fact in found["facts"]} == {
        "Bergen": "changed",
        "Graz": "retired",
        "Ystad": "added",
    }
    assert files_of(copied.home) == before
    assert "BE17" in lamini("plan").stdout
    assert lamini("plan", "--full", "--incremental").exit_code == 2
