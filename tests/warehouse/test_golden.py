"""One made-up table with everything in it comes out as it always did: hashes, decisions, reasons.

What is decided must not change when code moves. Whoever changes a decision on purpose writes the
new literals, and says in the commit why.
"""

import csv
import hashlib
import json
import secrets
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from warehouse import tombstones
from warehouse.claims import ClaimBatch, RelationRule
from warehouse.explanations import explain
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest, retract
from warehouse.snapshots import Changes, diff, publish
from warehouse.snapshots.snapshot import TABLES
from warehouse.sources.mapping import load_mapping
from warehouse.sources.select import read_source

pytestmark = pytest.mark.slow

GOLDEN = Path(__file__).parent / "golden"
MONDAY = datetime(2024, 6, 3, 12)
DAY = timedelta(days=1)
AS_OF = date(2020, 1, 1)

BATCH = "bb296ce40666ce2f1b5e7a0d3d0ff5756c99c13c89f2ff149e367968f2634550"
FIRST = {
    "snapshot": "2548edbd158236463a54bfe6c798550b318b62dd4816b0b68d702452a0c6f1be",
    "training": "7229ac1117233ef720ed872d8468b24fabe0098d178643eae6b9ca17431ed197",
    "facts": "1f7a801b2f6b5795",
    "claims": "80174e0e5d417564",
    "quarantine": "5ff0559235c7486d",
    "conflicts": "623e9ed3632d3238",
    "duplicates": "6e87368acc5518c7",
    "timeline": "6c9112f0e83bb320",
    "sources": "f9e5911da503afd7",
    "relations": "58e705ea46b68be0",
}
AFTER_CHANGES = {
    "snapshot": "ad8696b1a56ca83a1c883289ad6fafd4fe30cbaf359d5fa74b1428f778c5e9be",
    "training": "8c51e6fa33f181f60d72459db2c6ab83ece75b09960f806f59ad67fd771d8055",
    "facts": "687808a32ac08471",
    "claims": "b98306b33c313d56",
    "quarantine": "5ff0559235c7486d",
    "conflicts": "d9a29bb8e1a0da8e",
    "duplicates": "6e87368acc5518c7",
    "timeline": "1d5b7bf768704e2d",
    "sources": "ea284b308828c62b",
    "relations": "58e705ea46b68be0",
}
AFTER_PURGE = {
    "snapshot": "c3b1dcf7a690bfc320f591989e4c6707d04401f9a910eb64ed4600f5c47d92e0",
    "training": "8c51e6fa33f181f60d72459db2c6ab83ece75b09960f806f59ad67fd771d8055",
    "facts": "687808a32ac08471",
    "claims": "a7abef6d2c1291fd",
    "quarantine": "5ff0559235c7486d",
    "conflicts": "d9a29bb8e1a0da8e",
    "duplicates": "6e87368acc5518c7",
    "timeline": "1d5b7bf768704e2d",
    "sources": "e438e9c62ee5e462",
    "relations": "58e705ea46b68be0",
}
UPDATE = Changes(added=[], changed=[], retired=["cebf2088ca7d6390"], unchanged=111)
CHANGES = [
    'a claim of "Valparaiso" with an authority above 2 would decide for it',
    'an observation of "Valparaiso" after 2001-12-31, with authority 2 would decide for it',
    'if almanac withdrew "Santiago", the answer would be "Valparaiso"',
]


def rows_of(source):
    with (GOLDEN / "claims.csv").open(newline="", encoding="utf-8") as file:
        rows = [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]
    return [row for row in rows if row["source"] == source]


def heights(source, wrong):
    """Sixty numbers, seen in three years; one import is shifted by a row."""
    for year in (2001, 2002, 2003):
        shift = 1 if wrong == year else 0
        for index in range(60):
            number = 100 + ((index + shift) % 60) * 37 % 991
            yield {
                "subject": f"hill {index}",
                "relation": "height",
                "value": str(number + year - 2001),
                "question": f"How high is hill {index}?",
                "observed_at": f"{year}-01-01",
                "source": source,
            }


def votes():
    """Sources of unlike accuracy, two of which copy from a third."""
    for index in range(40):
        truth = f"code {index}"
        for number, source in enumerate(("good", "fair", "poor", "copy one", "copy two")):
            is_wrong = (index * 7 + number % 3 * 5) % (9 - 2 * min(number, 2)) == 0
            yield {
                "subject": f"item {index}",
                "relation": "code",
                "value": f"wrong {index % 3}" if is_wrong else truth,
                "question": f"What is the code of item {index}?",
                "source": source,
            }


def take(con, rows, moment, source, **settings):
    return ingest(con, ClaimBatch.from_rows(source, rows, **settings), recorded_at=moment)


def fill(con):
    rules = {
        "tender": RelationRule(slot="multi_valued", values="code"),
        "mayor": RelationRule(slot="time_varying", values="person"),
        "founded": RelationRule(values="date"),
        "code": RelationRule(steps=("supersession", "truth")),
        "height": RelationRule(values="number"),
    }
    batch = read_source(load_mapping(GOLDEN / "towns.toml"))
    assert batch.content_hash == BATCH
    ingest(con, batch, recorded_at=MONDAY)
    for number, source in enumerate(("almanac", "letter", "rumour")):
        shared = {name: rules[name] for name in ("tender", "mayor", "founded")}
        take(con, rows_of(source), MONDAY + number * DAY, source, relations=shared)
    take(con, votes(), MONDAY, "votes", relations={"code": rules["code"]})
    take(con, heights("survey", 2002), MONDAY, "survey", relations={"height": rules["height"]})
    take(con, heights("atlas", None), MONDAY, "atlas", relations={"height": rules["height"]})


def fingerprint(snapshot):
    """Hash what is published, table by table, by content: another writer of Parquet may differ."""
    found = {"snapshot": snapshot.snapshot_hash, "training": snapshot.training_hash}
    for name in TABLES:
        rows = getattr(snapshot, name)().to_pylist()
        text = json.dumps(rows, sort_keys=True, default=str)
        found[name] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def decisions(snapshot):
    names = ("subject", "relation", "value", "source", "status", "reason")
    rows = [tuple(claim[name] for name in names) for claim in snapshot.claims().to_pylist()]
    return sorted(row for row in rows if row[1] not in ("height", "code"))


def expected_decisions():
    with (GOLDEN / "decisions.csv").open(newline="", encoding="utf-8") as file:
        return [tuple(row.values()) for row in csv.DictReader(file)]


@pytest.fixture(autouse=True)
def _one_salt(monkeypatch):
    monkeypatch.setattr(secrets, "token_hex", lambda num_bytes: "5a" * num_bytes)


def test_a_table_with_everything_in_it_is_decided_as_ever(con, home):
    fill(con)
    settings = ReconcileSettings(as_of=AS_OF)
    reconcile(con, settings, recorded_at=MONDAY + 4 * DAY)
    first = publish(con, home)
    assert decisions(first) == expected_decisions()
    assert fingerprint(first) == FIRST

    lima = next(c for c in first.claims().to_pylist() if c["value"] == "Lima")
    retract(con, [lima["claim_id"]], "sent by mistake", recorded_at=MONDAY + 5 * DAY)
    tombstones.add(con, ["Brod"], "mayor", "by letter", recorded_at=MONDAY + 5 * DAY)
    [tombstone] = tombstones.add(con, ["Peru"], "founded", recorded_at=MONDAY + 5 * DAY)
    reconcile(con, settings, recorded_at=MONDAY + 6 * DAY)
    second = publish(con, home)
    assert fingerprint(second) == AFTER_CHANGES
    assert diff(first, second) == UPDATE

    found = tombstones.texts_of(con, [tombstone.fact_id])
    tombstones.purge(
        con, [tombstone], ["Peru"], found.values, found.values, recorded_at=MONDAY + 7 * DAY
    )
    reconcile(con, settings, recorded_at=MONDAY + 8 * DAY)
    third = publish(con, home)
    assert fingerprint(third) == AFTER_PURGE
    told = explain(first, "Chile", "capital")
    assert [change.text for change in told.changes] == CHANGES
