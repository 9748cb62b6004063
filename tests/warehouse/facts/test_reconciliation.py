import csv
import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from warehouse import query
from warehouse.claims import RelationRule
from warehouse.errors import AccountingError
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import retract
from warehouse.sources.rules import RuleTable

AS_OF = date(2020, 1, 1)
FOLDER = Path(__file__).parent / "cases"
CASES = sorted(path.name for path in FOLDER.iterdir())


def read_rows(path):
    with path.open(newline="") as file:
        return [{k: v or None for k, v in row.items()} for row in csv.DictReader(file)]


EACH_CASE = [
    pytest.param(case, marks=[] if number % 5 == 0 else pytest.mark.slow)
    for number, case in enumerate(CASES)
]


@pytest.mark.parametrize("case", EACH_CASE)
def test_case(memory, take, settle, fates, answers, case):
    con = memory()
    given = tomllib.loads((FOLDER / case / "case.toml").read_text())
    rows = read_rows(FOLDER / case / "claims.csv")
    rules = {
        name: RuleTable.model_validate(rule).rule()
        for name, rule in given.get("relations", {}).items()
    }
    take(con, rows, relations=rules)
    receipt = settle(con, as_of=given["as_of"])
    found = fates(con)
    for row in rows:
        status, reason = found[row["subject"], row["value"], row["source"]]
        assert status == row["expected_status"]
        assert (row["expected_reason"] or "") in reason
    assert {subject: answer for (subject, _), answer in answers(con).items()} == given["answers"]
    assert sum(receipt.counts.values()) == receipt.num_input_rows == len(rows)
    assert (receipt.conflicts_resolved, receipt.ties) == (given["resolved"], given["ties"])


@pytest.mark.slow
def test_the_order_of_the_criteria_is_the_policy(memory, take, settle, row, answers):
    con = memory()
    old = row(value="old", source="a", authority=2.0, observed_at="2001")
    new = row(value="new", source="b", authority=1.0, observed_at="2002")
    take(con, [old, new])
    settle(con)
    assert answers(con)["Peru", "capital"] == "old"
    settle(con, default_rule=RelationRule(steps=("recency", "authority")))
    assert answers(con)["Peru", "capital"] == "new"


@pytest.mark.slow
def test_values_tie_that_differ_only_in_what_no_criterion_asks_for(memory, take, settle, row):
    con = memory()
    old = row(value="old", source="a", authority=2.0, observed_at="2001")
    new = row(value="new", source="b", authority=1.0, observed_at="2002")
    take(con, [old, new])
    receipt = settle(con, default_rule=RelationRule(steps=("agreement",)))
    assert (receipt.ties, receipt.num_facts) == (1, 0)


@pytest.mark.slow
def test_one_more_supporting_claim_retrains_nothing(memory, take, settle, row):
    con = memory()
    take(con, [row(source="a")])
    first = settle(con)
    take(con, [row(source="b")], source="b")
    second = settle(con)
    assert first.training_hash == second.training_hash
    assert first.snapshot_hash != second.snapshot_hash
    assert (second.num_added, second.num_changed, second.num_retired) == (0, 0, 0)


@pytest.mark.slow
def test_the_as_of_date_itself_enters_no_hash(memory, take, settle, row):
    con = memory()
    take(con, [row(valid_from="2001"), row("Chad", valid_to="1999")])
    first = settle(con)
    assert settle(con, as_of=date(2021, 5, 5)).snapshot_hash == first.snapshot_hash


@pytest.mark.slow
def test_a_fact_has_its_question_first_then_phrasings_in_order_then_clozes(
    memory, take, settle, row
):
    con = memory()
    take(
        con,
        [
            row(source="a", question="Q?", paraphrases=["z?", "b?"], aliases=["Lima City"]),
            row(
                source="b", question="Other?", paraphrases=["b?", "Q?"], cloze="It is", authority=0
            ),
            row(value="Cusco", source="c", question="Not mine?", authority=0),
        ],
    )
    settle(con)
    found = con.execute(
        "select question, prompts, prompt_kind, aliases, sources, len(support), len(contradict) "
        "from facts"
    ).fetchall()
    prompts = ["Q?", "Other?", "b?", "z?", "It is"]
    assert found == [("Q?", prompts, "question", ["Lima City"], ["a", "b"], 2, 1)]


@pytest.mark.slow
def test_facts_that_share_a_question_with_other_answers_are_all_held_back(
    memory, take, settle, row, fates
):
    con = memory()
    take(con, [row("A", "1", question="Q?"), row("B", "2", question=" Q? "), row("C", "3")])
    assert settle(con).counts["held_back"] == 2
    assert fates(con)["A", "1", "s"][0] == "held_back"
    assert 'that of "B", "capital", with another answer: "2"' in fates(con)["A", "1", "s"][1]


@pytest.mark.slow
def test_of_facts_that_share_question_and_answer_the_first_stays(
    memory, take, settle, row, answers, fates
):
    con = memory()
    take(con, [row("B", "1", question="Q?"), row("A", "1", question="Q?")])
    settle(con)
    assert list(answers(con)) == [("A", "capital")]
    assert 'also those of "A", "capital"' in fates(con)["B", "1", "s"][1]


@pytest.mark.slow
def test_a_phrasing_that_facts_with_other_answers_share_is_kept_by_none(memory, take, settle, row):
    con = memory()
    take(con, [row(s, v, paraphrases=["Where?", f"{s}?"]) for s, v in [("A", "1"), ("B", "2")]])
    assert settle(con).ambiguous_prompts == 2
    prompts = con.execute("select prompts[2:] from facts order by subject").fetchall()
    assert prompts == [(["A?"],), (["B?"],)]


@pytest.mark.slow
def test_answers_of_no_tokens_or_too_many_are_held_back(memory, take, settle, row, fates):
    con = memory()
    take(con, [row("A", "none"), row("B", "long"), row("C", "good")])
    lengths = {"none": 0, "long": 65, "good": 64}
    receipt = settle(con, count_tokens=lambda answers: [lengths[a] for a in answers])
    assert receipt.num_facts == 1
    assert fates(con)["A", "none", "s"] == ("held_back", "the answer has no tokens")
    assert "65 tokens, at most 64" in fates(con)["B", "long", "s"][1]


@pytest.mark.slow
def test_a_retracted_claim_stays_with_its_reason_and_takes_no_part(
    memory, take, settle, row, fates, answers
):
    con = memory()
    take(con, [row(value="Lima", authority=2), row(value="Cusco")])
    [(claim_id,)] = con.execute("select claim_id from claims where value = 'Lima'").fetchall()
    assert retract(con, [claim_id, claim_id], "typing error") == 1
    assert retract(con, [claim_id], "typing error") == 0
    assert settle(con).counts["retracted"] == 1
    assert fates(con)["Peru", "Lima", "s"] == ("retracted", "typing error")
    assert answers(con)["Peru", "capital"] == "Cusco"


@pytest.mark.slow
def test_changes_are_logged_under_the_snapshot_that_brought_them(memory, take, settle, row):
    con = memory()
    take(con, [row("A", "1"), row("B", "1", valid_to="2019"), row("C", "1")])
    settle(con, as_of=date(2018, 1, 1))
    take(con, [row("A", "2", authority=5), row("D", "1")], file="more")
    receipt = settle(con)
    log = con.execute(
        "select s.subject, l.op, l.old_answer, l.new_answer from change_log as l "
        "inner join slots as s on l.fact_id = s.fact_id where snapshot_hash = $h order by 1",
        {"h": receipt.snapshot_hash},
    ).fetchall()
    assert log == [
        ("A", "changed", "1", "2"),
        ("B", "retired", "1", None),
        ("D", "added", None, "1"),
    ]


def known_at(con, moment):
    asked = "recorded_from <= $moment and (recorded_to is null or recorded_to > $moment)"
    return con.execute(f"select answer from facts where {asked}", {"moment": moment}).fetchall()


@pytest.mark.slow
def test_facts_and_decisions_can_be_seen_as_they_were_known(memory, take, row):
    con = memory()
    monday = datetime(2024, 6, 3)
    take(con, [row(value="Cusco")])
    reconcile(con, ReconcileSettings(as_of=AS_OF), recorded_at=monday)
    take(con, [row(value="Lima", authority=2)], file="more")
    reconcile(con, ReconcileSettings(as_of=AS_OF), recorded_at=monday + timedelta(days=1))
    then = known_at(con, monday + timedelta(hours=1))
    now = known_at(con, monday + timedelta(days=2))
    assert (then, now) == ([("Cusco",)], [("Lima",)])
    [(claim_id,)] = con.execute("select claim_id from claims where value = 'Cusco'").fetchall()
    asked = "select status from decisions where claim_id = $claim order by recorded_from"
    assert con.execute(asked, {"claim": claim_id}).fetchall() == [("used",), ("contradicted",)]


@pytest.mark.slow
def test_a_lost_claim_stops_the_reconcile_and_changes_nothing(memory, take, settle, row):
    con = memory()
    take(con, [row()])
    settle(con)
    con.execute("insert into origins values ('nowhere', 'f', 1, 'h')")
    take(con, [row("Chad")], file="more")
    with pytest.raises(AccountingError, match="3 are accounted for"):
        settle(con)
    assert query.run(con, "export_facts").num_rows == 1


SPELLINGS = [
    ["Peru", "Peru\u200b", "\ufeffPeru", "Pe\u00adru", "\u200ePeru", "Ｐｅｒｕ"],
    ["Cote d'Or", "Cote d\u2019Or", "Cote d\u02bcOr"],
    ["Foix-Sud", "Foix\u2011Sud", "Foix\u2013Sud"],
]


@pytest.mark.parametrize("subjects", SPELLINGS, ids=lambda names: names[0])
def test_spellings_of_one_subject_are_one_slot_with_a_conflict(memory, take, row, settle, subjects):
    con = memory()
    for index, subject in enumerate(reversed(subjects)):  # in batches of their own
        take(con, [row(subject, f"Value {index % 2}")], source=f"s{index}")
    settle(con)
    found = con.execute('select subject, "values" from conflicts').fetchall()
    answers = con.execute("select subject, answer from facts").fetchall()
    if len(subjects) % 2:  # the first value has one voice more
        assert answers == [(subjects[0], "Value 0")]
    else:
        assert found == [(subjects[0], ["Value 0", "Value 1"])]
    assert con.execute("select count(*) from slots").fetchall() == [(1,)]


def test_a_relation_has_one_name_and_one_rule_however_it_is_spelled(memory, take, row, settle):
    con = memory()
    rules = {"official\u200b name": RelationRule(slot="multi_valued")}
    rows = [
        row(relation="official name"),
        row(relation="ｏfficial name", value="Perú"),
        row(relation="offi\u00adcial name", value="Piruw"),
    ]
    take(con, rows, relations=rules)
    settle(con)
    assert con.execute("select relation, answer from facts").fetchall() == [
        ("official name", "Lima; Perú; Piruw")
    ]


def test_a_subject_of_nothing_visible_is_missing(memory, take, row):
    assert take(memory(), [row("\u200b\ufeff")]).num_quarantined == 1
