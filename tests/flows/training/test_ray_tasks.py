"""Slots judged in parts, as Ray tasks, come out as those of one process, exactly."""

import random
from datetime import date

import pytest

from flows.training.ray_tasks import each_on_ray
from warehouse import query
from warehouse.catalogue import make_tables
from warehouse.claims import ClaimBatch, RelationRule
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.judgement import Weighing

RULES = {"seat": RelationRule(steps=("truth",), values="place")}


def claims():
    """Sources of different worth, one of them a copier, on two hundred slots."""
    draw = random.Random(1)
    rows = []
    for number in range(200):
        wrong = [f"town {draw.randrange(50)}" for _ in range(8)]
        for source in range(8):
            value = f"city {number % 37}" if draw.random() < 0.5 + source / 18 else wrong[source]
            rows.append((number, f"source {source}", value))
        rows.append((number, "copier", rows[-8][2]))
    said = {"relation": "seat"}
    return [
        said | {"subject": f"firm {n}", "question": f"Where is firm {n}?", "source": s, "value": v}
        for n, s, v in rows
    ]


def decided(weighing):
    with query.connect() as con:
        make_tables(con)
        ingest(con, ClaimBatch.from_rows("s", claims(), relations=RULES))
        receipt = reconcile(con, ReconcileSettings(as_of=date(2024, 1, 1), weighing=weighing))
        accuracies = con.execute(
            "select source, accuracy, copy_group from source_accuracies order by all"
        ).fetchall()
    return receipt.snapshot_hash, accuracies


@pytest.fixture(scope="module")
def alone():
    return decided(Weighing())


@pytest.mark.slow
@pytest.mark.parametrize("num_parts", [2, 8])
def test_parts_in_one_process_give_the_same(alone, num_parts):
    assert decided(Weighing(num_parts=num_parts)) == alone


@pytest.mark.slow
def test_parts_as_ray_tasks_give_the_same(alone, tmp_path):
    from flows.training.launch import cluster

    with cluster(2):
        for num_parts in (1, 2, 8):
            assert decided(Weighing(num_parts=num_parts, each=each_on_ray)) == alone
