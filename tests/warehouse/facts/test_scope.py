"""Judging what changed gives exactly what judging everything gives."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.claims import ClaimBatch, RelationRule
from warehouse.facts import ReconcileSettings, reconcile, scope
from warehouse.intake import ingest, list_quarantine, replay, retract
from warehouse.judgement import Weighing

pytestmark = pytest.mark.slow

MONDAY = datetime(2024, 6, 3, 12)
AS_OF = date(2020, 1, 1)
RULES = {
    "set": RelationRule(slot="multi_valued"),
    "held": RelationRule(slot="time_varying"),
    "size": RelationRule(values="number", tolerance=0.01),
    "plain": RelationRule(steps=("agreement",)),
    "believed": RelationRule(steps=("truth",)),
}
DATES = [None, "2001", "2005-05-05", "2012-03", "2019-12-31"]
CLAIMS = st.fixed_dictionaries(
    {
        "subject": st.sampled_from(["A", "B", "C", "D", "E", ""]),
        "relation": st.sampled_from(["one", "set", "held", "size", "plain", "believed"]),
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
    st.tuples(st.just("replay"), st.integers(0, 60)),
    st.tuples(st.just("look_back"), st.integers(0, 10)),
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
    "accuracies": "a.* exclude (recorded_at) from source_accuracies as a semi join reconciled as r"
    " on a.snapshot_hash = r.snapshot_hash",
}


def read(con):
    return {
        name: con.execute(f"select {what} order by all").fetchall() for name, what in TABLES.items()
    }


def count_words(answers):
    return [len(answer.split()) for answer in answers]


def decide(con, moment, **chosen):
    chosen = {"as_of": AS_OF, "weighing": Weighing(is_settled=True)} | chosen
    counted = ReconcileSettings(
        count_tokens=count_words, token_counter="words", max_answer_tokens=2, **chosen
    )
    return reconcile(con, counted, recorded_at=moment)


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
    if kind == "replay":
        names = [row["quarantine_id"] for row in list_quarantine(con)]
        if names:
            fix = {"subject": "A", "authority": "3"}
            replay(con, {sorted(names)[what % len(names)]: fix}, recorded_at=moment)
    if kind == "look_back":
        decide(con, moment, scope="all", known_at=MONDAY + timedelta(hours=what))
    if kind == "rule":
        rows = [{"subject": "R", "relation": what, "value": "x", "question": f"R {what}?"}]
        declared = RelationRule(steps=("recency",), slot="time_varying")
        batch = ClaimBatch.from_rows("r", rows, file=f"{number}", relations={what: declared})
        ingest(con, batch, recorded_at=moment)


@settings(
    max_examples=3,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, min_size=2, max_size=8))
@pytest.mark.slow
def test_judging_what_changed_is_judging_everything(memory, steps):
    twins = {"all": memory(), "changed": memory()}
    as_of, moment = AS_OF, MONDAY
    for number, step in enumerate([*steps, ("settle", None)]):
        moment += timedelta(hours=1)
        as_of = step[1] if step[0] == "as_of" else as_of
        for con in twins.values():
            apply(con, number, step, moment)
        if step[0] in ("claims", "retract", "as_of", "settle", "column", "replay"):
            receipts = [
                decide(con, moment, as_of=as_of, scope=chosen) for chosen, con in twins.items()
            ]
            assert receipts[0] == receipts[1]
            tables = [read(con) for con in twins.values()]
            for name in TABLES:
                assert tables[0][name] == tables[1][name], name
    for con in twins.values():
        con.close()


def test_accuracies_stay_where_no_claim_is_valid_any_more(memory):
    twins = {"all": memory(), "changed": memory()}
    said = {"subject": "A", "question": "A?", "value": "x", "source": "s", "relation": "believed"}
    (claim_id,) = {take_believed(con, said) for con in twins.values()}
    tables = []
    for chosen, con in twins.items():
        decide(con, MONDAY, scope="all", weighing=Weighing())
        retract(con, [claim_id], "wrong", recorded_at=MONDAY)
        decide(con, MONDAY + timedelta(hours=1), scope=chosen)
        tables.append(read(con)["accuracies"])
    assert tables[0] == tables[1]
    assert [row[1:3] for row in tables[0]] == [("believed", "s")]


def take_believed(con, said):
    ingest(con, ClaimBatch.from_rows("s", [said], file="f", relations=RULES), recorded_at=MONDAY)
    return con.execute("select claim_id from claims").fetchall()[0][0]


@pytest.fixture
def decided(memory, row, take):
    """Make a catalogue of fifty slots that was reconciled once."""

    def make(rule=None):
        con = memory()
        rows = [row(f"S{index}", f"v{index}", source=name) for index in range(50) for name in "ab"]
        take(con, rows, relations={"capital": rule or RelationRule()})
        decide(con, MONDAY, scope="auto")
        return con

    return make


def test_a_claim_more_has_its_slot_judged_alone(decided, row, take):
    con = decided()
    take(con, [row("S7", "other", source="c")])
    receipt = decide(con, MONDAY, scope="auto")
    assert (receipt.num_judged, receipt.num_slots) == (1, 50)
    [reasons] = con.execute(
        "select list(distinct d.reason) from decisions as d "
        "where d.recorded_to is null and d.status = 'used' and d.reason like 'preferred%'"
    ).fetchone()
    assert reasons == ["preferred to 1 other value(s)"]


def test_nothing_new_judges_nothing(decided):
    con = decided()
    before = read(con)
    assert decide(con, MONDAY + timedelta(hours=1), scope="auto").num_judged == 0
    assert read(con) == before


def test_slots_that_ask_the_same_are_judged_together(decided, row, take):
    con = decided()
    take(con, [row("S7", "v7", source="c", question="What is the capital of S9?")])
    assert decide(con, MONDAY, scope="auto").num_judged == 2


def test_a_claim_that_begins_to_hold_has_its_slot_judged(decided, row, take):
    con = decided()
    take(con, [row("S7", "late", source="c", valid_from="2019-06-01")])
    early = date(2019, 1, 1)
    assert decide(con, MONDAY, scope="changed", as_of=early).num_judged == 1
    assert decide(con, MONDAY, scope="changed", as_of=early).num_judged == 0
    assert decide(con, MONDAY, scope="changed", as_of=date(2019, 5, 31)).num_judged == 0
    assert decide(con, MONDAY, scope="changed", as_of=date(2019, 6, 1)).num_judged == 1


@pytest.mark.parametrize(
    "chosen",
    [
        {"scope": "all"},
        {"default_rule": RelationRule(slot="multi_valued")},
        {"known_at": MONDAY + timedelta(days=900)},
    ],
    ids=["all", "rule", "known_at"],
)
def test_all_are_judged_when_the_settings_are_others(decided, chosen):
    assert decide(decided(), MONDAY, **{"scope": "changed", **chosen}).num_judged == 50


def test_another_version_of_the_program_judges_all(decided, monkeypatch):
    con = decided()
    monkeypatch.setattr(scope, "code_fingerprint", lambda: "another")
    assert decide(con, MONDAY, scope="changed").num_judged == 50


def test_many_changes_judge_all(decided, row, take):
    con = decided()
    take(con, [row(f"S{index}", "other", source="c") for index in range(25)])
    assert decide(con, MONDAY, scope="auto").num_judged == 50


def test_truth_is_estimated_again_unless_it_is_settled(decided, row, take):
    con = decided(RelationRule(steps=("truth",)))
    take(con, [row("S7", "other", source="a")])
    settled = decide(con, MONDAY, scope="auto")
    assert settled.num_judged == 1
    kept = "a.accuracy from source_accuracies as a order by a.snapshot_hash, a.source"
    values = [value for (value,) in con.execute(f"select {kept}").fetchall()]
    assert len(values) == 4
    assert sorted(values[:2]) == sorted(values[2:])
    take(con, [row("S8", "other", source="a")])
    assert decide(con, MONDAY, scope="auto", weighing=Weighing()).num_judged == 50


def test_an_unknown_scope_is_refused():
    with pytest.raises(ValueError, match="there are: auto, all, changed"):
        ReconcileSettings(as_of=AS_OF, scope="some")
