import pytest

from flows.planning.update_questions import (
    RetiredFact,
    ask_after,
    differing_answers,
    sample_prompts,
    still_given,
)
from lamini.bank.bank import BankVersion
from lamini.proof.recall import Question, RecallRow
from lamini.training_data import TrainingFact
from lamini.update.update import UpdateReceipt

A = "A"


def fact(number, answer=A):
    return TrainingFact(
        fact_id=f"f{number}",
        subject=f"S{number}",
        prompts=(f"p{number}?", f"q{number}?", f"r{number}?"),
        answer=answer,
        cloze=False,
        group_index=number,
        num_experts=8,
        shard_index=0,
    )


FACTS = [fact(number) for number in range(6)]
EVERY = [
    *(
        Question(
            kind=kind, template="t", prompt=f"{kind} {f.fact_id}", fact_id=f.fact_id, answer="A"
        )
        for kind in ("training", "heldout")
        for f in FACTS
    ),
    Question(kind="foreign", template="foreign", prompt="Who?"),
]
UPDATE = UpdateReceipt(
    bank=BankVersion(experts=2, keys=2),
    previous=BankVersion(experts=1, keys=1),
    added=("f5",),
    changed=("f0",),
    retired=("gone",),
    groups=(0, 5, 9),
    would_not_go={},
    collisions={},
    affected=("f1",),
    num_steps=0,
    num_positions=0,
)
GONE = [RetiredFact(prompts=("g?", "p3?"), answer="Old", prompt_kind="question")]


def measured(question, *, group=None, generated="A"):
    return RecallRow(
        kind=question.kind,
        template=question.template,
        prompt=question.prompt,
        fact_id=question.fact_id,
        answer=question.answer,
        generated=generated,
        from_memory=group is not None,
        routed_group=group,
        agrees=True,
        is_exact=True,
        oracle_exact=True,
        score=1.0,
        margin=0.1,
    )


BEFORE = [
    measured(question, group=int(question.fact_id[1:]) if question.fact_id else None)
    for question in EVERY
    if question.fact_id != "f5"
]


def asked(before=BEFORE, num_untouched=0):
    return ask_after(
        UPDATE, FACTS, EVERY, before, GONE, prompts_per_fact=2, num_untouched=num_untouched
    )


def prompts(asking, kind):
    return [question.prompt for question in asking.questions if question.kind == kind]


def test_what_was_touched_or_may_be_captured_is_asked_in_every_tuned_phrasing():
    asking = asked()
    assert prompts(asking, "changed") == ["p0?", "q0?", "p5?", "q5?"]
    assert prompts(asking, "affected") == ["p1?", "q1?"]
    assert prompts(asking, "training") == ["training f0", "training f1", "training f5"]
    assert prompts(asking, "heldout") == ["heldout f0", "heldout f1", "heldout f5"]
    assert prompts(asking, "foreign") == ["Who?"]


def test_all_else_is_carried_on_and_asked_again():
    asking = asked()
    carried = [(row.kind, row.fact_id) for row in asking.carried]
    assert carried == [(kind, f"f{n}") for kind in ("training", "heldout") for n in (2, 3, 4)]
    assert len(prompts(asking, "untouched")) == 6
    assert len(prompts(asked(num_untouched=2), "untouched")) == 2


def test_a_question_that_went_astray_into_a_touched_group_is_not_carried_on():
    before = [
        measured(q, group=0) if q.prompt == "heldout f3" else row
        for q, row in zip(EVERY, BEFORE, strict=False)
    ]
    asking = asked(before)
    assert prompts(asking, "affected") == ["p1?", "q1?", "p3?", "q3?"]
    assert "f3" not in {row.fact_id for row in asking.carried}


def test_without_the_champions_rows_everything_is_asked():
    asking = asked([])
    assert [q for q in asking.questions if q in EVERY] == EVERY
    assert not asking.carried


def test_an_untouched_answer_that_differs_is_named():
    asking = asked()
    untouched = [q for q in asking.questions if q.kind == "untouched"]
    same = [measured(q, group=int(q.fact_id[1:])) for q in untouched]
    assert differing_answers(same, asking) == []
    other = [measured(untouched[0], group=2, generated="B"), *same[1:]]
    assert differing_answers(other, asking) == [untouched[0].prompt]
    elsewhere = [measured(untouched[0], group=7), *same[1:]]
    assert differing_answers(elsewhere, asking) == [untouched[0].prompt]


@pytest.mark.parametrize(
    ("group", "generated", "given"),
    [(9, "Old", ["g?"]), (9, "Ol", ["g?"]), (None, "Old", []), (3, "Else", []), (9, "", [])],
)
def test_a_retired_answer_counts_as_given_only_from_memory(group, generated, given):
    asking = asked()
    (question,) = [q for q in asking.questions if q.kind == "retired"]
    assert question.prompt == "g?"  # the other prompt is a living fact's by now
    assert still_given([measured(question, group=group, generated=generated)], asking) == given


def test_another_facts_whole_answer_is_no_beginning_of_the_retired_one():
    facts = [*FACTS[:3], fact(3, "Ol"), *FACTS[4:]]
    asking = ask_after(UPDATE, facts, EVERY, BEFORE, GONE, prompts_per_fact=2, num_untouched=4)
    (question,) = [q for q in asking.questions if q.kind == "retired"]
    assert still_given([measured(question, group=3, generated="Ol")], asking) == []
    assert still_given([measured(question, group=4, generated="Ol")], asking) == ["g?"]
    assert still_given([measured(question, group=3, generated="Old")], asking) == ["g?"]


def test_prompts_to_compare_are_spread_over_the_untouched():
    chosen = sample_prompts(FACTS, {"f0", "f1"}, 2)
    assert chosen == {False: ["p2?", "p4?"], True: []}
