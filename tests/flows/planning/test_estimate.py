import dataclasses
import json

from flows.planning.decision import FULL, INCREMENTAL, NOTHING, Situation
from flows.planning.estimate import estimate

PENDING = Situation(
    recipe={}, training_hash="t", num_facts=200, num_groups=4096, num_added=1, num_changed=3
)
FULL_RUN = {
    "num_facts": 100,
    "pretrain_router_seconds": 20.0,
    "tune_memory_seconds": 10.0,
    "write_checkpoint_seconds": 1.0,
    "measure_recall_seconds": 30.0,
}
UPDATE = {"num_added": 0, "num_changed": 2, "update_seconds": 3.0}


def receipt(runs, key, step, values):
    path = runs / key / "receipts" / f"{step}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def test_without_a_run_nothing_is_guessed(tmp_path):
    found = estimate(tmp_path, FULL, PENDING)
    assert (found.training_seconds, found.by) == (None, "no run measured yet")
    assert estimate(tmp_path, NOTHING, PENDING).training_seconds == 0


def test_a_full_run_takes_its_time_by_the_number_of_facts(tmp_path):
    receipt(tmp_path, "a", "train_memory", FULL_RUN)
    found = estimate(tmp_path, FULL, PENDING)
    assert (found.training_seconds, found.measuring_seconds) == (62.0, 60.0)
    assert found.by == "the full run a"


def test_a_first_update_goes_by_the_full_run_and_a_later_one_by_the_last_update(tmp_path):
    receipt(tmp_path, "a", "train_memory", FULL_RUN)
    assert estimate(tmp_path, INCREMENTAL, PENDING).training_seconds == 0.4
    receipt(tmp_path, "b", "update_memory", UPDATE)
    receipt(tmp_path, "b", "measure_recall", {"verify_seconds": 7.5})
    found = estimate(tmp_path, INCREMENTAL, PENDING)
    assert (found.training_seconds, found.measuring_seconds) == (6.0, 7.5)
    assert found.by == "the update of run b"
    retired_only = dataclasses.replace(PENDING, num_added=0, num_changed=0, num_retired=4)
    assert estimate(tmp_path, INCREMENTAL, retired_only).training_seconds == 0
