"""Facts as they are asked for: which of them have a subject at all."""

from lamini.asked.table import AskedFact, asked_fact


def test_a_fact_is_asked_for_by_its_subject_and_the_words_around_it():
    fact = asked_fact("Peru", "capital", (), ["What is the capital of Peru?"])
    assert (fact.subject, fact.phrasings) == ("Peru", ("What is the capital of X?",))


def test_a_question_that_is_its_own_subject_has_none():
    question = "What was the revenue of Green Dot in Q3 2020?"
    assert asked_fact(question, "answer", (), [question]) == AskedFact()
