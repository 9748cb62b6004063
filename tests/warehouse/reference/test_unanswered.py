"""What a user's own table does not answer: asked in its own words and in others."""

from collections import Counter

import pyarrow as pa
import pytest

from warehouse.reference.unanswered import (
    MAX_QUESTIONS,
    near_foreign_negatives,
    unanswered_questions,
)


def table_of(*facts, aliases=()):
    """Facts (subject, relation, question) as a snapshot's table has them."""
    return pa.Table.from_pylist(
        [
            {
                "subject": s,
                "relation": r,
                "question": q,
                "prompts": [q] if q else [],
                "aliases": [*aliases],
            }
            for s, r, q in facts
        ],
        schema=pa.schema(
            [
                *((name, pa.string()) for name in ("subject", "relation", "question")),
                *((name, pa.list_(pa.string())) for name in ("prompts", "aliases")),
            ]
        ),
    )


def asked(table, kind):
    rows = unanswered_questions(table).to_pylist()
    return [row["prompt"] for row in rows if row["kind"] == kind]


def owner(service):
    return (service, "owner", f"Who owns {service}?")


def on_call(service):
    return (service, "on call", f"Whom do I ring about {service}?")


def test_a_subject_is_asked_for_what_others_of_its_sort_have():
    table = table_of(owner("Billing"), on_call("Billing"), owner("Cranes"), on_call("Ferry"))
    wanted = {"Whom do I ring about Cranes?", "Who owns Ferry?"}
    assert Counter(asked(table, "missing_fact")) == Counter(wanted)


def test_what_is_to_be_forgotten_is_not_asked_for():
    table = table_of(owner("Billing"), on_call("Billing"), owner("Cranes"))
    found = unanswered_questions(table, lambda *slot: slot == ("Cranes", "on call"))
    assert "missing_fact" not in found["kind"].to_pylist()


def test_relations_that_no_subject_shares_are_no_holes():
    table = table_of(owner("Billing"), ("Ulm", "mayor", "Who governs Ulm?"))
    assert asked(table, "missing_fact") == []


def test_known_questions_are_put_to_subjects_of_no_fact():
    prompts = asked(table_of(owner("Billing"), owner("Mars")), "foreign_subject")
    assert "Who owns Neptune?" in prompts
    assert "Who owns Mars?" not in prompts
    assert "Who owns NATO?" not in asked(
        table_of(owner("Billing"), aliases=["NATO"]), "foreign_subject"
    )


def test_a_subject_is_asked_for_what_the_table_does_not_speak_of():
    prompts = asked(table_of(owner("Billing")), "near_foreign")
    assert "Which colour is Billing?" in prompts
    coloured = table_of(owner("Billing"), ("Pier", "coating", "In which colours is Pier painted?"))
    assert not any("colour" in p or "painted" in p for p in asked(coloured, "near_foreign"))


def test_a_question_that_the_table_answers_is_not_asked():
    table = table_of(owner("Billing"), ("Pier", "hue", "Which colour is Billing?"))
    assert "Which colour is Billing?" not in unanswered_questions(table)["prompt"].to_pylist()


def test_reference_relations_are_asked_by_the_reference_alone():
    table = table_of(("Peru", "country.alpha_2", "What is the alpha-2 code of Peru?"))
    assert unanswered_questions(table).num_rows == 0
    assert unanswered_questions(table_of()).num_rows == 0


def test_a_question_without_its_subject_asks_nobody_else():
    table = table_of(("Billing", "owner", "Who is it?"), on_call("Billing"), on_call("Ferry"))
    assert asked(table, "missing_fact") == []
    assert all("Who is it?" not in p for p in asked(table, "foreign_subject"))


@pytest.mark.parametrize("turn", [1, -1])
def test_as_many_as_are_wanted_the_same_in_any_order(turn):
    facts = [f(f"Service {n}") for n in range(300) for f in (owner, on_call) if n % 3 or f is owner]
    found = unanswered_questions(table_of(*facts[::turn]))
    assert found.equals(unanswered_questions(table_of(*facts)))
    kinds = found["kind"].to_pylist()
    assert kinds.count("near_foreign") == kinds.count("missing_fact") == MAX_QUESTIONS
    assert len({*found["prompt"].to_pylist()}) == found.num_rows


def test_negatives_ask_otherwise_than_what_measures():
    table = table_of(owner("Billing"), on_call("Cranes"))
    negatives = near_foreign_negatives(table, 3)
    assert "How old is Cranes?" in negatives
    assert not set(negatives) & set(unanswered_questions(table)["prompt"].to_pylist())
    assert negatives == near_foreign_negatives(table, 3)
    assert sorted(negatives) == sorted(near_foreign_negatives(table, 4)) != negatives


def test_no_negative_is_about_what_the_table_speaks_of():
    table = table_of(("Pier", "age", "How many years has Pier stood?"))
    assert not any("old" in text for text in near_foreign_negatives(table, 0))
    unasked = table_of(("Pier", "age", None))  # a cloze: only the relation's name tells
    assert not any("old" in text for text in near_foreign_negatives(unasked, 0))
    assert near_foreign_negatives(table_of(), 0) == []
