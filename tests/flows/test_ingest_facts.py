import contextlib
from dataclasses import replace
from datetime import date

import pyarrow.parquet as pq
import pytest
from prefect.states import Failed

from flows.assign_facts import assign_groups
from flows.configuration.settings import load_settings
from flows.ingest_facts import ingest_each, ingest_facts, ingest_source, is_retryable
from flows.reconcile_facts import reconcile_and_publish, reconcile_by, reconcile_facts
from warehouse.errors import CatalogueLockedError, MappingError, SourceError
from warehouse.snapshots import head


@pytest.mark.slow
def test_the_same_content_twice_is_taken_in_once(home, mapping):
    first = ingest_source.fn(home, str(mapping))
    again = ingest_source.fn(home, str(mapping))
    assert (first.num_rows, first.is_new) == (4, True)
    assert again == replace(first, is_new=False)


@pytest.mark.slow
def test_reconciling_publishes_and_a_repeat_gives_the_same_snapshot(published, tokenizer_folder):
    first = reconcile_and_publish.fn(published, date(2026, 1, 1), str(tokenizer_folder), 64)
    again = reconcile_and_publish.fn(published, date(2026, 1, 1), str(tokenizer_folder), 64)
    assert again == first
    assert sum(first.counts.values()) == first.num_input_rows == 4


@pytest.mark.slow
def test_the_end_of_the_answer_counts_against_the_limit(home, mapping, tokenizer_folder):
    (mapping.parent / "capitals.csv").write_text("country,capital,trust\nFrance,Paris,1\n")
    ingest_source.fn(home, str(mapping))
    for limit, held_back in ((2, 0), (1, 1)):
        receipt = reconcile_and_publish.fn(home, date(2026, 1, 1), str(tokenizer_folder), limit)
        assert receipt.counts["held_back"] == held_back


def test_every_fact_gets_its_own_group(published, tokenizer_folder):
    receipt = assign_groups.fn(
        published, 64, 32, 2, str(tokenizer_folder), head(published / "warehouse").path
    )
    plan = pq.read_table(receipt.path).to_pylist()
    assert receipt.num_facts == len({row["group_index"] for row in plan}) == 2
    assert [row["num_experts"] for row in plan] == [2] * 2  # one word and the end


@pytest.mark.slow
def test_a_plan_is_of_the_snapshot_that_was_decided_whatever_is_published_meanwhile(
    home, mapping, published, tokenizer_folder
):
    decided = head(published / "warehouse")
    (mapping.parent / "capitals.csv").write_text("country,capital,trust\nPeru,Lima,1\n")
    ingest_source.fn(home, str(mapping))
    reconcile_and_publish.fn(home, date(2026, 1, 1), str(tokenizer_folder), 64)
    assert head(home / "warehouse").snapshot_hash != decided.snapshot_hash
    receipt = assign_groups.fn(home, 64, 32, 2, str(tokenizer_folder), decided.path)
    planned = set(pq.read_table(receipt.path)["fact_id"].to_pylist())
    assert planned == set(decided.facts()["fact_id"].to_pylist())


def test_a_source_at_fault_keeps_no_other_out(home):
    def step(home, name):
        if name != "good":
            raise SourceError(f"{name} is missing")
        return name

    found = ingest_each(home, ["good"], step)
    found.raise_faults()
    assert found.receipts == ("good",)
    found = ingest_each(home, ["one", "good", "two"], step)
    assert found.receipts == ("good",)
    assert [*found.faults] == ["one", "two"]
    with pytest.raises(SourceError, match=r"one is missing\ntwo is missing \(1 other"):
        found.raise_faults()


def test_only_what_may_pass_is_tried_again():
    busy = Failed(data=CatalogueLockedError("held"))
    wrong = Failed(data=MappingError("wrong"))
    assert is_retryable(None, None, busy)
    assert not is_retryable(None, None, wrong)


@pytest.mark.slow
def test_the_flows_themselves(home, mapping, tokenizer_folder, prefect_harness):
    assert [receipt.num_accepted for receipt in ingest_facts(home, [mapping])] == [3]
    receipt = reconcile_facts(home, date(2026, 1, 1), str(tokenizer_folder))
    assert receipt.num_facts == 2
    missing = mapping.parent / "missing.toml"
    with pytest.raises(MappingError):
        ingest_facts(home, [missing])
    (again,) = ingest_facts(home, [missing, mapping], pass_faults=True)
    assert not again.is_new


@pytest.mark.slow
def test_parts_are_judged_by_as_many_workers_as_the_command_line_gave(
    published, tokenizer_folder, monkeypatch
):
    asked = []

    @contextlib.contextmanager
    def cluster(num_workers, *, use_gpu=False):
        asked.append(num_workers)
        yield

    monkeypatch.setattr("flows.training.launch.cluster", cluster)
    monkeypatch.setattr("flows.training.ray_tasks.each_on_ray", each_here)
    given = {"num_workers": 3, "reconcile_parts": 2, "ray_address": "http://head:8265"}
    known = {"home": published, "as_of": "2026-01-01", "backbone": str(tokenizer_folder)}
    receipt = reconcile_by(load_settings({**given, **known}), reconcile_and_publish.fn)
    assert (asked, receipt.num_facts) == ([3], 2)


def each_here(function, items, *, keep=False):
    return [function(item) for item in items]
