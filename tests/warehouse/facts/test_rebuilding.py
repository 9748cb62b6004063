from datetime import date, datetime, timedelta

import pytest

from warehouse.claims import ClaimBatch, RelationRule
from warehouse.facts import ReconcileSettings, rebuild, reconcile
from warehouse.intake import ingest, retract
from warehouse.snapshots import head, publish

pytestmark = pytest.mark.slow

MONDAY = datetime(2024, 6, 3, 12)
DAY = timedelta(days=1)
AS_OF = date(2024, 6, 1)


def take(con, rows, moment, source="s", **settings):
    ingest(con, ClaimBatch.from_rows(source, rows, **settings), recorded_at=moment)


def test_an_old_snapshot_comes_out_with_its_old_hash(con, home, row):
    rows = [row(value="Lima"), row("Chad", "Moundou"), {"subject": "no value", "question": "?"}]
    take(con, rows, MONDAY)
    reconcile(con, ReconcileSettings(as_of=AS_OF), recorded_at=MONDAY + DAY)
    then = publish(con, home)
    take(con, [row("Chad", "N'Djamena", observed_at="2024")], MONDAY + 2 * DAY, source="t")
    take(con, [row(value="Lima")], MONDAY + 2 * DAY, file="again")
    retract(con, [then.claims()["claim_id"][0].as_py()], "wrong", recorded_at=MONDAY + 2 * DAY)
    rules = {"capital": RelationRule(steps=("agreement",))}
    take(con, [row("Togo", "Lome")], MONDAY + 3 * DAY, file="rules", relations=rules)
    reconcile(con, ReconcileSettings(as_of=AS_OF), recorded_at=MONDAY + 4 * DAY)
    today = publish(con, home)
    assert today.snapshot_hash != then.snapshot_hash

    old = rebuild(con, home, ReconcileSettings(as_of=AS_OF, known_at=MONDAY + DAY))
    assert old.snapshot_hash == then.snapshot_hash
    old.verify()
    assert head(home).snapshot_hash == today.snapshot_hash
    new = reconcile(con, ReconcileSettings(as_of=AS_OF))
    assert new.snapshot_hash == today.snapshot_hash


def test_the_files_of_a_rebuilt_snapshot_are_those_of_then(con, home, row):
    take(con, [row(value="Lima"), {"subject": "no value", "question": "?"}], MONDAY)
    reconcile(con, ReconcileSettings(as_of=AS_OF))
    then = publish(con, home)
    kept = {name: (then.path / name).read_bytes() for name in then.manifest["files"]}
    for path in then.path.iterdir():
        path.unlink()
    then.path.rmdir()
    take(con, [row(value="Cusco"), {"subject": "none", "question": "?"}], MONDAY + DAY, source="t")
    reconcile(con, ReconcileSettings(as_of=AS_OF))
    publish(con, home)
    old = rebuild(con, home, ReconcileSettings(as_of=AS_OF, known_at=MONDAY))
    assert {name: (old.path / name).read_bytes() for name in old.manifest["files"]} == kept


def test_the_facts_of_a_day_as_known_at_a_time(con, home, row):
    rules = {"mayor": RelationRule(slot="time_varying")}
    terms = [
        {"value": "Ann", "valid_from": "2010", "valid_to": "2013"},
        {"value": "Bob", "valid_from": "2014"},
    ]
    for number, term in enumerate(terms):
        said = {"subject": "Ulm", "relation": "mayor", "question": "Who is mayor of Ulm?"}
        take(con, [said | term], MONDAY + number * DAY, file=str(number), relations=rules)

    def mayor(as_of, known_at):
        settings = ReconcileSettings(as_of=as_of, known_at=known_at)
        return rebuild(con, home, settings).facts()["answer"].to_pylist()

    assert mayor(date(2012, 1, 1), MONDAY + 2 * DAY) == ["Ann"]
    assert mayor(date(2015, 1, 1), MONDAY + 2 * DAY) == ["Bob"]
    assert mayor(date(2015, 1, 1), MONDAY) == []
