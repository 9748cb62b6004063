import json
from datetime import date
from pathlib import Path

import pytest

from flows.commands.program import to_json
from flows.home.decided import Decided
from flows.home.receipts import Measured, Receipts, Updated, Written
from flows.planning.survey import ChangedFact
from flows.reporting.run_result import RunResult


@pytest.fixture
def decided():
    numbers = dict.fromkeys(("num_added", "num_changed", "num_retired", "ties"), 0)
    return Decided(
        as_of=date(2026, 1, 1),
        snapshot_hash="s",
        training_hash="t",
        num_input_rows=2,
        num_slots=2,
        num_facts=2,
        conflicts_resolved=0,
        counts={"used": 2},
        ambiguous_prompts=0,
        path=Path("/home/snapshot"),
        **numbers,
    )


def test_a_result_is_json_with_each_receipt_by_the_name_of_its_step(decided):
    changed = ChangedFact(
        op="changed", fact_id="f", subject="s", relation="r", old_answer="a", new_answer="b"
    )
    receipts = Receipts(updated=Updated(num_changed=1), written=Written(num_groups=2))
    result = RunResult(
        run_key="k",
        is_new=True,
        mode="incremental",
        decision="incremental",
        reasons=("one changed",),
        prepared_seconds=1.0,
        ingested=(),
        reconciled=decided,
        receipts=receipts,
        changes=(changed,),
    )
    told = json.loads(to_json(result))
    assert told["update_memory"] == {"num_changed": 1}  # what was said, and no default
    assert told["write_checkpoint"] == {"num_groups": 2}
    assert told["measure_recall"] == told["promoted"] == {}
    assert told["reconciled"]["path"] == "/home/snapshot"
    assert told["reconciled"]["as_of"] == "2026-01-01"
    assert told["changes"][0]["new_answer"] == "b"
    assert result.measured == Measured()
