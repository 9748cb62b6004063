"""What no tidying may move: claim ids, hashes, decisions with reasons, run keys, a tuned bank.

Literal values of a few facts. Whoever changes one of them changes what lies in people's homes: say
so in CHANGELOG.md, beside the new value.
"""

import dataclasses
import hashlib
import json
from datetime import date, datetime

import pyarrow.compute as pc
import pytest

from flows.configuration.settings import Settings
from flows.configuration.update_policy import UpdatePolicy
from flows.planning.decision import decide
from flows.planning.recipe import run_key, update_key
from flows.planning.survey import changed_facts, survey
from lamini.checkpoint.checkpoint import FORMAT_VERSION
from lamini.config import to_dict
from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.reference import read_cldr, read_iso
from warehouse.snapshots import publish

NOW = datetime(2026, 1, 2, 3, 4, 5)
SUBJECTS = ("Bolivia", "Croatia", "Japan", "BOB", "Yen")
MADE_UP = [
    {"subject": "Arvia", "relation": "seat", "value": "Norgate", "authority": 2},
    {"subject": "Arvia ", "relation": "seat", "value": "Tamsin Bay"},
    {"subject": "Belport", "relation": "seat", "value": "Elstow"},
    {"subject": "Belport", "relation": "seat", "value": "Farnholm"},
    {"subject": "Corvane", "relation": "seat", "value": "Old Harbour", "valid_to": "2020-01-01"},
    {"subject": "Corvane", "relation": "seat", "value": "New Harbour", "valid_from": "2020-01-01"},
    {"subject": "Dalmere", "relation": "seat", "value": ""},
    {"subject": "Japan", "relation": "country.currency", "value": "XYZ", "authority": 0.1},
]


TIE = "tie: equal in authority, recency, agreement with another value"
FATES = {
    "7ab2e3cc4d01503a": ("Arvia", "Norgate", "used", "preferred to 1 other value(s)"),
    "768c7ea12e56c8e1": (
        "Arvia",
        "Tamsin Bay",
        "contradicted",
        'beaten on authority by "Norgate" of made up: 1.0 against 2.0',
    ),
    "3e45da6741423d2b": ("Belport", "Elstow", "contradicted", TIE),
    "bea108265c8457eb": ("Belport", "Farnholm", "contradicted", TIE),
    "d1ebc3f7b64a44f4": ("Corvane", "Old Harbour", "outdated", "valid until 2020-01-01"),
    "aefbfe97ebf4b02a": ("Corvane", "New Harbour", "used", "the only value"),
    "5a386a1b23bd9ea3": ("Japan", "XYZ", "used", "member of a set of 2"),
}
THEN = ("609cbdb5da878396", "87acce16370dd002")
TODAY = ("a52dcae6d7028c05", "080cfff2ccd0efad")
DIGESTS = {
    "facts": (6, "164ef7779faffac6"),
    "claims": (17, "a0720c1eb3a3f3db"),
    "conflicts": (1, "ec237c75befbb3de"),
    "sources": (4, "ed59e50d071d98d6"),
}
CHANGED = [
    ("changed", "4fa2635714428dfe", "Corvane", "seat", "Old Harbour", "New Harbour"),
    ("changed", "64b0075c3ddf2570", "Croatia", "country.currency", "HRK", "EUR"),
]


def cut(batch):
    """Keep what the reference facts say of a few subjects."""
    chosen = pc.is_in(batch.claims["subject"], value_set=pc.cast(list(SUBJECTS), "string"))
    return dataclasses.replace(batch, claims=batch.claims.filter(chosen))


def question(row):
    return {"question": f"What is the {row['relation']} of {row['subject'].strip()}?", **row}


def decided(home, as_of):
    batches = [cut(read_iso()), cut(read_cldr())]
    batches.append(ClaimBatch.from_rows("made up", map(question, MADE_UP), file="made_up.csv"))
    with open_catalogue(home / "warehouse") as con:
        for batch in batches:
            ingest(con, batch, recorded_at=NOW)
        reconcile(con, ReconcileSettings(as_of=as_of), recorded_at=NOW)
        return publish(con, home / "warehouse")


@pytest.fixture(scope="module")
def golden(tmp_path_factory):
    """The snapshots of 2015 and of today, in one home."""
    home = tmp_path_factory.mktemp("golden")
    return home, decided(home, date(2015, 12, 31)), decided(home, date(2026, 1, 1))


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


@pytest.mark.slow
def test_claims_and_facts_of_a_small_table_have_these_ids_fates_and_hashes(golden):
    _, then, now = golden
    claims = [c for c in now.claims().to_pylist() if c["source"] == "made up"]
    assert {
        c["claim_id"][:16]: (c["subject"], c["value"], c["status"], c["reason"]) for c in claims
    } == FATES
    assert (then.snapshot_hash[:16], then.training_hash[:16]) == THEN
    assert (now.snapshot_hash[:16], now.training_hash[:16]) == TODAY
    whole = {name: getattr(now, name)().to_pylist() for name in DIGESTS}
    assert {name: (len(rows), digest(rows)) for name, rows in whole.items()} == DIGESTS


@pytest.mark.slow
def test_what_a_run_would_do_about_it_is_decided_for_these_reasons(golden):
    home, then, now = golden
    settings = Settings(home=home, as_of=date(2026, 1, 1))
    found = survey(settings, "frozen", now)
    decision = decide(found.situation, UpdatePolicy())
    assert (decision.mode, decision.reasons) == ("full", ("nothing was promoted yet",))
    (home / "runs" / "k" / "checkpoint").mkdir(parents=True)
    (home / "runs" / "k" / "checkpoint" / "checkpoint.json").write_text("{}")
    entry = {
        "path": "runs/k/checkpoint",
        "run_key": "k",
        "snapshot_hash": then.snapshot_hash,
        "training_hash": then.training_hash,
        "recipe": found.situation.recipe,
    }
    (home / "HEAD_CHECKPOINT.json").write_text(json.dumps(entry))
    found = survey(settings, "frozen", now)
    assert [dataclasses.astuple(row) for row in changed_facts(found)] == CHANGED
    pending = "0 added, 2 changed, 0 retired of 6 facts"
    decision = decide(found.situation, UpdatePolicy())
    assert (decision.mode, decision.reasons) == ("incremental", (pending,))
    decision = decide(found.situation, UpdatePolicy(max_changed_share=0.1))
    assert decision.mode == "full"
    assert decision.reasons == (pending, "33% of the facts are new, above 10%")
    decision = decide(found.situation, UpdatePolicy(), force=True)
    assert (decision.mode, decision.reasons) == ("full", ("forced",))
    other = survey(settings, "another", now)
    decision = decide(other.situation, UpdatePolicy())
    reasons = ("settings changed: backbone frozen -> another",)
    assert (decision.mode, decision.reasons) == ("full", reasons)


def test_a_runs_name_is_made_of_settings_facts_backbone_and_format():
    settings = Settings(as_of=date(2026, 1, 1))
    sections = ("memory", "router", "router_training", "tuning", "running_text")
    made_of = {
        "backbone": "frozen",
        "format_version": FORMAT_VERSION,
        **{name: to_dict(getattr(settings, name)) for name in sections},
    }
    named = {**made_of, "training_hash": "t", "num_workers": 2}
    whole = hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
    assert run_key(settings, "t", "frozen") == whole[:16]
    update = update_key("base", "t", {"backbone": "frozen", "tuning": {"seed": 0}})
    assert update == "b3f80868759f9b06"
