import json

import pytest


@pytest.mark.slow
def test_a_retracted_claim_takes_no_part_and_why_says_so(lamini, home, mapping):
    lamini("ingest", mapping)
    lamini("reconcile", "--as-of", "2020-01-01")
    asked = ("why", "Japan", "capital", "--json")
    [claim] = json.loads(lamini(*asked).stdout)["claims"]
    told = lamini("retract", claim["claim_id"], "--reason", "sent by mistake", "--json")
    assert json.loads(told.stdout) == {"num_withdrawn": 1, "num_withdrawn_before": 0}
    again = lamini("retract", claim["claim_id"], "--reason", "sent by mistake", "--json")
    assert json.loads(again.stdout) == {"num_withdrawn": 0, "num_withdrawn_before": 1}
    lamini("reconcile", "--as-of", "2020-01-01")
    found = json.loads(lamini(*asked).stdout)
    assert found["fact"] is None
    assert [(c["status"], c["reason"]) for c in found["claims"]] == [
        ("retracted", "sent by mistake")
    ]


@pytest.mark.slow
def test_a_claim_that_nobody_made_is_not_retracted(lamini, home, mapping):
    lamini("ingest", mapping)
    refused = lamini("retract", "nope", "--reason", "why not")
    assert refused.exit_code == 3
    assert "no claim 'nope'; `lamini why" in refused.stderr


def test_claims_are_retracted_by_what_they_say_before_any_reconcile(lamini, home, mapping):
    lamini("ingest", mapping)
    slot = ("--subject", "Japan", "--relation", "capital")
    told = lamini("retract", *slot, "--reason", "sent by mistake", "--json")
    assert json.loads(told.stdout) == {"num_withdrawn": 1, "num_withdrawn_before": 0}
    half = lamini("retract", "--subject", "Japan", "--reason", "why not")
    assert half.exit_code == 2
    assert "give claims, or --subject and --relation" in half.stderr


def test_a_lost_catalogue_is_named_and_made_anew(published, lamini):
    (published / "warehouse" / "catalogue.duckdb").unlink()
    lost = lamini("reconcile", "--as-of", "2026-01-01")
    assert (lost.exit_code, "lamini recover" in lost.output) == (3, True)
    facts = lamini("facts", "--json").stdout
    made = json.loads(lamini("recover", "--json").stdout)
    assert (made["num_claims"], made["num_tombstones"]) == (3, 0)
    assert lamini("facts", "--json").stdout == facts
    assert lamini("recover").exit_code == 3
