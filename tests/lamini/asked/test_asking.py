"""Which fact a question asks for, in words that no phrasing of the table has."""

from dataclasses import replace

import numpy as np
import pytest

from lamini.asked.acceptance import THRESHOLD, Acceptance, fit, load_acceptance
from lamini.asked.asking import QuestionMatcher
from lamini.asked.made_up import adapted
from lamini.asked.table import asked_fact

from .conftest import QUESTIONS, make_table

ASKED = [
    ("who runs basalt foods", "Basalt Foods (The)", "ceo"),
    ("boss of Nordwind Energy?", "Nordwind Energy, Inc.", "ceo"),
    ("Nordwind Power ceo", "Nordwind Energy, Inc.", "ceo"),
    ("hi, could you tell me where Target Lane is based? thanks", "Target Lane", "headquarters"),
    ("what city is Zurcher & Sohne based in", "Zürcher & Söhne AG", "headquarters"),
    ("when was basalt foods founded", "Basalt Foods (The)", "founded"),
    ("**How old is Target Lane?** 🙂", "Target Lane", "founded"),
    ("Nordwind Enrgy's head office", "Nordwind Energy, Inc.", "headquarters"),
    ("I write a letter. Where is Georgia Glass's main office?", "Georgia Glass", "headquarters"),
    ("GEORGIA TIMBER CEO", "Georgia Timber", "ceo"),
]  # fmt: skip
SILENT = [
    "how many employees does Target Lane have",  # a relation of no fact
    "when was Georgia Glass founded",  # a hole
    "who is the ceo of Umbrella Trading",  # a subject of no fact
    "translate \"who is the ceo of Target Lane\" into french",
    "write a poem about Basalt Foods",
    "how many letters are in Nordwind",
    "is Rosa Quist the ceo of Nordwind Energy?",
    "who was the ceo of Basalt Foods in 1999",
    "which companies are based in the same city as Target Lane",
    "ignore the question who runs Basalt Foods and tell me a joke",
    "good morning",
    "",
]  # fmt: skip


@pytest.mark.parametrize(("question", "subject", "relation"), ASKED)
def test_a_question_in_peoples_words_finds_its_fact(matcher, question, subject, relation):
    asked = matcher.ask(question)
    assert asked.fact is not None, asked
    assert (asked.subject, asked.relation) == (subject, relation)
    assert asked.probability >= THRESHOLD
    assert asked.reason == ""


def test_a_table_without_any_phrasing_is_asked_in_the_words_of_the_bank(bare_matcher):
    asked = {q: bare_matcher.ask(q) for q, *_ in ASKED}
    right = [
        asked[q].relation == relation and asked[q].fact is not None
        for q, _, relation in ASKED
        if q in asked
    ]
    assert sum(right) >= len(right) - 1, asked


@pytest.mark.parametrize("question", SILENT)
def test_what_asks_for_no_value_of_the_table_reads_nothing_and_says_why(matcher, question):
    asked = matcher.ask(question)
    assert asked.fact is None, asked
    assert asked.reason.endswith((".", "?"))


def test_a_name_of_two_subjects_is_silence_with_both_named(matcher):
    asked = matcher.ask("who is the ceo of Georgia")
    assert asked.fact is None
    assert "Georgia Timber" in asked.reason or "Georgia" in asked.reason


@pytest.mark.parametrize(
    "text", ["And of Target Lane?", "and Target Lane", "what about Target Lane"]
)
def test_what_names_a_subject_alone_is_told_that_the_question_is_missing(matcher, text):
    asked = matcher.ask(text)
    assert asked.fact is None
    assert not asked.is_doubtful
    assert asked.reason.startswith("This does not say what is asked about Target Lane. Of Target")


def test_a_relation_called_by_its_own_word_is_not_taken_for_its_sibling():
    names = ("sector", "sub-industry")
    facts = [asked_fact(c, r, (), []) for c in ("Target Lane", "Georgia Glass") for r in names]
    asked = QuestionMatcher(facts).ask("under what sub-industry is Target Lane sorted")
    assert asked.relation == "sub-industry"


def test_a_hole_is_told_with_what_is_known(matcher):
    reason = matcher.ask("When was Georgia Glass founded?").reason
    assert reason == (
        'Memory holds nothing for "founded" of Georgia Glass. '
        "Of Georgia Glass it knows: ceo, headquarters."
    )


def test_a_name_that_ends_in_a_full_stop_ends_the_sentence():
    facts = [asked_fact(c, "ceo", (), []) for c in ("Adobe Inc.", "Target Lane")]
    reason = QuestionMatcher(facts).ask("how tall is Adobe Inc.").reason
    assert ".." not in reason
    assert "Adobe Inc. Of Adobe Inc. it knows: ceo." in reason


def test_a_misspelt_stranger_is_asked_back(matcher):
    assert "Did you mean" in matcher.ask("who is the ceo of Bazzalt Fudz").reason


def test_declared_phrasings_always_read_their_fact(matcher, facts):
    for fact in facts:
        if fact.relation in QUESTIONS:
            question = QUESTIONS[fact.relation].format(fact.subject)
            for variant in (
                question,
                question.lower(),
                question.rstrip("?"),
                f'"{question}"',
                f"{question} thanks",
            ):
                asked = matcher.ask(variant)
                assert (asked.subject, asked.relation) == (fact.subject, fact.relation), variant


def test_retired_relations_keep_their_questions_from_going_to_a_sibling(facts):
    left = [fact for fact in facts if fact.relation != "ceo"]
    retired = [fact for fact in facts if fact.relation == "ceo"]
    for known in (QuestionMatcher(left), QuestionMatcher(left, retired=retired)):
        assert known.ask("Who is the CEO of Target Lane?").fact is None


def test_names_come_and_go_with_facts_and_nothing_is_trained(facts):
    more = [*facts, *(f for f in make_table() if f.subject == "Target Lane")]
    without = [fact for fact in more if fact.subject != "Target Lane"]
    assert QuestionMatcher(without).ask("who runs Target Lane").fact is None
    assert QuestionMatcher(more).ask("who runs Target Lane").fact is not None


def test_what_stands_around_a_question_does_not_speak_against_it(matcher):
    question = "Where is Target Lane headquartered?"
    for text in (
        f"You are the assistant of a firm. You never guess.\n\n{question}",
        f"The office was closed. Nobody knew who had signed. Marta wrote. {question}",
        f"{question} Reply with the value alone, without an explanation.",
    ):
        assert matcher.ask(text).relation == "headquarters", text
        assert matcher.ask(text).fact is not None, text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("and of Basalt Foods?", "Where is Basalt Foods (The) headquartered?"),
        ("what about Georgia Glass", "Where is Georgia Glass headquartered?"),
        ("and its CEO?", "Target Lane's CEO"),
        ("and the founding year?", "the founding year of Target Lane"),
        ("who runs Georgia Timber", "who runs Georgia Timber"),
        ("thanks", "thanks"),
    ],
)
def test_a_turn_is_understood_by_the_one_before(matcher, text, asked):
    before = matcher.ask("where is Target Lane based")
    assert matcher.carried_on(before, text) == asked
    assert matcher.ask(asked).fact is not None or text == "thanks"


CODES = {"alpha-2": "two letter code", "alpha-3": "three letter code", "numeric": "number code"}


@pytest.mark.parametrize("text", ["code of Target Lane", "Good morning. Target Lane code?"])
def test_what_may_be_one_of_several_is_asked_back_with_them_named(text):
    facts = [
        asked_fact(subject, relation, (), [f"Which {said} does {subject} have?"])
        for subject in ("Target Lane", "Georgia Glass")
        for relation, said in CODES.items()
    ]
    matcher = QuestionMatcher(facts)
    asked = matcher.ask(text)
    assert asked.fact is None
    assert asked.reason == (
        "Of Target Lane that may be its alpha-2, alpha-3 or numeric. Name the one that you mean."
    )
    for relation, said in CODES.items():
        assert matcher.ask(f"{said} of Target Lane").relation == relation


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ceo and headquarters of Target Lane", "This asks for 2 things: ceo of Target Lane"),
        ("Target Lane's headquarters, ceo and founding year", "This asks for 3 things: "),
        ("the ceo and the revenue of Target Lane", "memory holds no answer to 'revenue'."),
        ("revenue and ceo of Target Lane?", "memory holds no answer to 'revenue'."),
        (
            "who is the ceo of Target Lane and how many employees does it have",
            "memory holds no answer to 'how many employees does it have'.",
        ),
    ],
)
def test_two_things_of_one_subject_are_never_half_answered(matcher, text, said):
    asked = matcher.ask(text)
    assert asked.fact is None
    assert said in asked.reason, asked


def test_two_words_for_one_thing_are_one_question(matcher):
    for text in ("headquarters and main office of Target Lane", "ceo & boss of Target Lane"):
        assert matcher.ask(text).fact is not None, text


@pytest.mark.parametrize(
    "text",
    [
        "Who is the CEO of Target Lane and Basalt Foods?",
        "Who is the CEO of Target Lane? And where is Basalt Foods headquartered?",
        "When was Basalt Foods founded and who is its CEO?",
    ],
)
def test_of_two_questions_none_is_answered_in_silence_of_the_other(matcher, text):
    asked = matcher.ask(text)
    assert asked.fact is None
    assert asked.reason.startswith("This asks for 2 things: "), asked


def test_a_task_beside_the_question_is_what_is_wanted(matcher):
    asked = matcher.ask("Translate the next line. Who is the CEO of Target Lane?")
    assert asked.fact is None


OF_THE_VALUE = [
    "In which decade was Target Lane founded?",
    "On which weekday was Basalt Foods founded?",
    "What is the final letter of where Georgia Timber is headquartered?",
    "How many vowels has the CEO of Target Lane?",
    "CEO of Basalt Foods in reverse",
    "Where is Georgia Timber headquartered, in morse code?",
    "when was Target Lane founded, in roman numerals",
    "the year Basalt Foods was founded, plus seven",
]


@pytest.mark.parametrize("question", OF_THE_VALUE)
def test_what_is_to_be_made_of_the_value_is_not_the_value(matcher, question):
    asked = matcher.ask(question)
    assert asked.fact is None
    assert not asked.is_doubtful  # the nearest key would read it
    assert "is to be made of the value" in asked.reason


def test_words_of_a_relation_itself_ask_for_its_value():
    asked = QuestionMatcher(
        [
            asked_fact(
                name, "code", (), [f"What is the three letter code, the last letter of {name}?"]
            )
            for name in ("Veldt Rail", "Moor Line")
        ]
    ).ask("last letter code of Moor Line")
    assert asked.fact is not None or asked.is_doubtful


def test_words_that_another_concept_says_exactly_are_not_the_tables(matcher):
    for question in ("who founded Target Lane", "when was Target Lane removed"):
        assert matcher.ask(question).fact is None, question


@pytest.mark.slow
def test_a_table_moves_the_weights_by_prompts_of_its_own_and_always_alike(facts):
    shipped, moved = load_acceptance(), adapted(facts)
    assert moved.num_prompts > shipped.num_prompts
    assert np.abs(moved.weight - shipped.weight).max() > 1e-3
    assert moved.to_dict() == adapted(facts).to_dict()
    assert Acceptance.from_dict(moved.to_dict()).to_dict() == moved.to_dict()


def test_weights_held_where_they_start_stay_there_without_prompts_against_them():
    start = load_acceptance()
    rows = [start.mean + start.scale, start.mean - start.scale]
    said = [start.probability(row) >= THRESHOLD for row in rows]
    moved = fit(rows, said, start)
    assert np.abs(moved.weight - start.weight).max() < 1.0


@pytest.mark.parametrize(
    "subject", ["St. Arno Freight", "Arno - North", "J. R. Arno", "Arno? Sure!"]
)
def test_a_name_that_looks_like_two_sentences_is_one(facts, subject):
    """Else half of it is asked for beside the whole, and neither is answered."""
    named = [replace(fact, subject=subject, names=()) for fact in facts[:3]]
    halves = [replace(fact, subject="Arno", names=()) for fact in facts[:3]]
    matcher = QuestionMatcher([*named, *halves])
    for fact in named:
        for phrasing in fact.phrasings:
            asked = matcher.ask(phrasing.replace("X", subject))
            assert (asked.subject, asked.relation) == (subject, fact.relation), asked
            assert asked.fact is not None, asked


def test_a_subject_that_is_an_everyday_word_is_one_where_it_is_written_as_the_table_has_it(facts):
    named = [replace(fact, subject="six", names=()) for fact in facts[:3]]
    matcher = QuestionMatcher([*named, *facts[3:]])
    for fact in named:
        for phrasing in fact.phrasings:
            asked = matcher.ask(phrasing.replace("X", "six"))
            assert (asked.fact, asked.subject) == (named.index(fact), "six"), asked
    for text in ("I have six questions", "who are the six CEOs", "six"):
        assert matcher.ask(text).fact is None
    assert matcher.ask("hey, who's the boss of six").is_doubtful
