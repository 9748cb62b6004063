import dataclasses

import pytest

from flows.configuration.gate_limits import GateLimits
from flows.home.receipts import Cell, Proof
from flows.promotion.gate import judge
from flows.promotion.golden_tally import Tally
from lamini.proof.recall import RecallRow, summarize

NONE_MOVED = dict.fromkeys(
    (
        "differing_experts",
        "differing_keys",
        "differing_prompts",
        "differing_silent",
        "differing_answers",
        "still_given",
        "experts_left",
    ),
    (),
)


def row(kind, *, right=True, agrees=True, answer="Paris", group=3):
    foreign = answer is None
    return RecallRow(
        kind=kind,
        template="t",
        prompt=f"a {kind} question",
        fact_id=None if foreign else "f",
        answer=answer,
        generated="Paris" if right else "Rome",
        from_memory=not foreign or not right,
        routed_group=group,
        agrees=agrees,
        is_exact=right,
        oracle_exact=right,
        score=0.9,
        margin=0.1,
    )


GOOD = [row("training"), row("heldout"), row("changed"), row("foreign", answer=None)]


def judged(rows, proof=None, golden=None, **limits):
    summary = [Cell(**dataclasses.asdict(cell)) for cell in summarize(rows)]
    found = None if proof is None else Proof(**proof)
    limits = GateLimits(**{"min_sample": 1, **limits})
    return judge(summary, rows, limits, min_recall=0.95, proof=found, golden=golden)


def test_what_reaches_every_limit_passes_and_lists_no_failure():
    verdict = judged(GOOD, NONE_MOVED)
    assert verdict.passed
    assert not verdict.failures
    assert str(verdict) == "passed"


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (row("training", right=False), "recall of all facts 50.0% of 2, wanted at least 95.0%"),
        (
            row("heldout", right=False),
            "paraphrase recall 50.0% of 2, wanted at least 80.0% (declare more phrasings",
        ),
        (row("changed", right=False), "recall of changed facts 50.0% of 2, wanted at least 95.0%"),
        (row("affected", right=False), "recall of affected facts 0.0% of 1, wanted at least 95.0%"),
        (
            row("foreign", right=False, answer=None),
            "foreign questions answered 50.0% of 2, wanted at most 5.0%",
        ),
        (
            row("near_foreign", right=False, answer=None),
            "questions about known subjects that no relation tells answered 100.0% of 1, "
            "wanted at most 30.0% (give the table",
        ),
        (
            row("missing_fact", right=False, answer=None),
            "questions about values that the table does not have answered 100.0% of 1, "
            "wanted at most 30.0% (give these relations",
        ),
        (
            row("foreign_subject", right=False, answer=None),
            "questions about subjects that the table does not have answered 100.0% of 1, "
            "wanted at most 30.0% (give the subjects",
        ),
    ],
)
def test_each_measure_can_fail_alone(wrong, words):
    verdict = judged([*GOOD, wrong])
    assert not verdict.passed
    assert str(verdict).startswith(words)


@pytest.mark.parametrize("moved", NONE_MOVED)
def test_one_thing_moved_without_need_is_enough(moved):
    verdict = judged(GOOD, {**NONE_MOVED, moved: ["7"]})
    assert not verdict.passed
    assert str(verdict).endswith(" 1, wanted none")


def test_failures_name_the_fact_what_it_said_and_why():
    lost = row("changed", right=False, agrees=False, group=None)
    astray = row("changed", right=False, agrees=False, group=9)
    wrong = row("changed", right=False)
    verdict = judged([*GOOD, row("training", right=False), lost, astray, wrong])
    whys = [failure.why for failure in verdict.failures]
    assert whys == [
        "routing: the prompt reads nothing",
        "routing: the prompt reads group 9, another fact's",
        "memory: its own experts say something else",
        "memory: its own experts say something else",
    ]
    assert verdict.failures[0].fact_id == "f"
    assert (verdict.failures[0].wanted, verdict.failures[0].said) == ("Paris", "Rome")
    assert verdict.blames_router


def test_what_was_not_asked_fails_nothing_but_recall_of_all_facts():
    assert judged([row("training")]).passed
    assert not judged([row("foreign", answer=None)]).passed


def test_a_limit_out_of_range_is_refused():
    with pytest.raises(ValueError, match="min_changed"):
        GateLimits(min_changed=95)


def test_a_full_run_is_judged_by_its_silence_alone_of_what_an_update_proves():
    assert judged(GOOD, {"num_silent": 64, "differing_silent": []}).passed
    verdict = judged(GOOD, {"num_silent": 64, "differing_silent": ["Who painted it?"]})
    assert str(verdict) == "silent prompts unlike the backbone 1, wanted none"


def test_too_few_questions_for_a_share_neither_fail_nor_count_as_passed():
    missing = [row("missing_fact", right=right, answer=None) for right in (True, False)]
    verdict = judged([*GOOD, *missing], min_sample=10)
    assert verdict.passed
    check = {check.name: check for check in verdict.checks}[
        "questions about values that the table does not have answered"
    ]
    assert check.shown == "50.0% of 2"
    assert check.note == "not judged: 2 asked, a share needs 10"
    assert not judged([*GOOD, *missing * 5], min_sample=10, max_near_foreign=0.4).passed
    assert not judged([row("training", right=False)], min_sample=10).passed  # all facts, no sample


def test_without_held_out_phrasings_it_says_so_in_place_of_a_hundred_per_cent():
    verdict = judged([row("training")])
    check = next(check for check in verdict.checks if check.name == "paraphrase recall")
    assert (check.shown, check.note) == (
        "none asked",
        "not judged: no held-out phrasing was given",
    )


def test_a_golden_set_can_fail_a_candidate_by_what_is_right_and_by_what_is_wrong():
    few = judged(GOOD, golden=Tally(wrong=9), min_sample=10)
    assert few.passed
    assert "not judged: 9 asked" in str([check.note for check in few.checks])
    silent = judged(GOOD, golden=Tally(right=5, refused=15), min_sample=10)
    assert str(silent).startswith("golden questions right 25.0% of 20, wanted at least 80.0%")
    wrong = judged(GOOD, golden=Tally(right=18, wrong=2), min_sample=10)
    assert str(wrong).startswith("golden questions wrong 10.0% of 20, wanted at most 5.0%")
    assert judged(GOOD, golden=Tally(right=19, wrong=1), min_sample=10).passed


def test_a_sample_of_nothing_is_refused():
    with pytest.raises(ValueError, match="min_sample=0"):
        GateLimits(min_sample=0)


def test_a_declared_phrasing_that_reads_no_fact_is_named_and_refuses_no_table():
    unread = dataclasses.replace(
        row("phrasing", right=False, agrees=False, group=None), template="{} money?"
    )
    verdict = judged([*GOOD, row("phrasing"), unread, unread])
    assert verdict.passed
    check = next(c for c in verdict.checks if c.name == "declared phrasings read for no fact")
    assert (check.shown, check.note) == ("1", "reword or drop '{} money?'")
