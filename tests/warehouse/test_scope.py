"""Judging what changed gives exactly what judging everything gives."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.claims import ClaimBatch
from warehouse.ingest import ingest
from warehouse.reconcile import ReconcileSettings, reconcile
from warehouse.relations import RelationRule
from warehouse.retract import retract

MONDAY = datetime(2024, 6, 3, 12)
AS_OF = date(2020, 1, 1)
RULES = {
    "set": RelationRule(slot="multi_valued"),
    "held": RelationRule(slot="time_varying"),
    "size": RelationRule(values="number", tolerance=0.01),
    "plain": RelationRule(steps=("agreement",)),
}
DATES = [None, "2001", "2005-05-05", "2012-03", "2019-12-31"]
CLAIMS = st.fixed_dictionaries(
    {
        "subject": st.sampled_from(["A", "B", "C", "D", "E", ""]),
        "relation": st.sampled_from(["one", "set", "held", "size", "plain"]),
        "value": st.sampled_from(["1", "1.004", "x", "X", "y", "one two three"]),
        "question": st.sampled_from(["Q1?", "Q2?", "Q3?", "Q4?", "Q5?", None]),
        "cloze": st.sampled_from([None, None, None, "P1", "It is"]),
        "paraphrases": st.sampled_from([[], [], [], ["P1"], ["P2", "P1"], ["Q1?"]]),
        "source": st.sampled_from(["s", "t", "u"]),
        "authority": st.sampled_from([None, None, 1, 2, "bad"]),
        "observed_at": st.sampled_from(DATES),
        "valid_from": st.sampled_from([None, None, "2010", "2021"]),
        "valid_to": st.sampled_from([None, None, "2015", "2030"]),
    }
)
COLUMN = st.fixed_dictionaries(
    {
        "relation": st.sampled_from(["one", "held", "size"]),
        "source": st.sampled_from(["s", "t"]),
        "observed_at": st.sampled_from(DATES[1:]),
        "moved": st.sampled_from([0, 0, 1, 7]),
        "scale": st.sampled_from([1, 1, 100]),
        "first": st.integers(0, 10),
        "num_slots": st.integers(15, 40),
    }
)
STEPS = st.one_of(
    st.tuples(st.just("claims"), st.lists(CLAIMS, min_size=1, max_size=8)),
    st.tuples(st.just("column"), COLUMN),
    st.tuples(st.just("extract"), st.lists(CLAIMS, min_size=1, max_size=4)),
    st.tuples(st.just("retract"), st.integers(0, 60)),
    st.tuples(st.just("as_of"), st.sampled_from([date(2004, 1, 1), date(2016, 1, 1), AS_OF])),
    st.tuples(st.just("rule"), st.sampled_from(["one", "late"])),
    st.tuples(st.just("settle"), st.none()),
)
TABLES = {
    "decisions": "claim_id, status, reason from decisions where recorded_to is null",
    "facts": "* exclude (recorded_from, recorded_to) from facts where recorded_to is null",
    "history": "fact_id, answer, fact_hash, recorded_to is null from facts",
    "conflicts": "* from conflicts",
    "timeline": "* from timeline",
    "suspected": "* from suspected_claims",
    "ambiguous": "* from ambiguous_prompts",
    "changes": "* exclude (recorded_at) from change_log",
    "reconciled": "* exclude (recorded_at) from reconciled",
}


def read(con):
    return {
        name: con.execute(f"select {what} order by all").fetchall() for name, what in TABLES.items()
    }


def count_words(answers):
    return [len(answer.split()) for answer in answers]


def decide(con, as_of, scope, moment):
    chosen = ReconcileSettings(
        as_of=as_of,
        count_tokens=count_words,
        token_counter="words",
        max_answer_tokens=2,
        scope=scope,
    )
    return reconcile(con, chosen, recorded_at=moment)


def column(given):
    """Make what one source says of a whole column on one day."""
    for slot in range(given["first"], given["first"] + given["num_slots"]):
        said = (slot + given["moved"]) % 50
        yield {
            "subject": f"S{slot}",
            "question": f"What of S{slot} ({given['relation']})?",
            "value": str((said * 37 % 101 + 1) * given["scale"]),
            "relation": given["relation"],
            "source": given["source"],
            "observed_at": given["observed_at"],
        }


def apply(con, number, step, moment):
    kind, what = step
    rules = RULES
    if kind in ("claims", "extract", "column"):
        rows = list(column(what)) if kind == "column" else what
        name = {"extract": "full"}.get(kind, "s")
        batch = ClaimBatch.from_rows(name, rows, file=f"{number}", relations=rules)
        extract = "full" if kind == "extract" else "incremental"
        ingest(con, replace(batch, extract=extract), recorded_at=moment)
    if kind == "retract":
        ids = con.execute("select claim_id from claims order by claim_id").fetchall()
        if ids:
            retract(con, [ids[what % len(ids)][0]], "wrong", recorded_at=moment)
    if kind == "rule":
        rows = [{"subject": "R", "relation": what, "value": "x", "question": f"R {what}?"}]
        declared = RelationRule(steps=("recency",), slot="time_varying")
        batch = ClaimBatch.from_rows("r", rows, file=f"{number}", relations={what: declared})
        ingest(con, batch, recorded_at=moment)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=2, max_size=12))
def test_judging_what_changed_is_judging_everything(memory, steps):
    twins = {"all": memory(), "changed": memory()}
    as_of, moment = AS_OF, MONDAY
    for number, step in enumerate([*steps, ("settle", None)]):
        moment += timedelta(hours=1)
        as_of = step[1] if step[0] == "as_of" else as_of
        for con in twins.values():
            apply(con, number, step, moment)
        if step[0] in ("claims", "retract", "as_of", "settle", "column"):
            receipts = [decide(con, as_of, scope, moment) for scope, con in twins.items()]
            assert receipts[0] == receipts[1]
            tables = [read(con) for con in twins.values()]
            for name in TABLES:
                assert tables[0][name] == tables[1][name], name
    for con in twins.values():
        con.close()
