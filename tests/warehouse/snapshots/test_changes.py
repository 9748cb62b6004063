from datetime import date

import pytest

from warehouse.snapshots import diff, publish


@pytest.mark.slow
def test_diff_names_what_training_must_do(con, home, take, settle, row):
    take(con, [row("A", "1"), row("B", "1"), row("C", "1", valid_to="2020-06-01"), row("D", "1")])
    settle(con)
    old = publish(con, home)
    take(con, [row("A", "2", authority=2), row("D", "1", source="t"), row("E", "1")], file="more")
    settle(con, as_of=date(2021, 1, 1))
    new = publish(con, home)
    subject = {fact["fact_id"]: fact["subject"] for fact in old.facts().to_pylist()}
    changes = diff(old, new)
    assert [subject[fact_id] for fact_id in changes.changed] == ["A"]
    assert [subject[fact_id] for fact_id in changes.retired] == ["C"]
    assert len(changes.added) == 1
    assert changes.unchanged == 2
    assert diff(new, new).is_empty
    assert len(diff(None, new).added) == new.facts().num_rows
