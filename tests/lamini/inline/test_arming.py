"""Which relations a chat speaks of, so that no row of another is laid before the backbone."""

import pytest

from lamini.asked.asking import QuestionMatcher
from lamini.asked.table import AskedFact
from lamini.inline.arming import Arming

RELATIONS = ("currency", "alpha-3 code", "official name")


@pytest.fixture(scope="module")
def arming():
    subjects = ("Croatia", "Peru")
    facts = [AskedFact(s, r, (), (f"What is the {r} of X?",)) for s in subjects for r in RELATIONS]
    return Arming(QuestionMatcher(facts))


def asked_for(arming, *turns):
    return {arming.relations[row] for row in arming.asked_for(turns)}


@pytest.mark.parametrize(
    ("turn", "relations"),
    [
        ("Name the currency and the alpha-3 code of Croatia.", {"currency", "alpha-3 code"}),
        ("Tell me the official name of Croatia and its code.", {"official name", "alpha-3 code"}),
        ("Which currency is used in Peru?", {"currency"}),
        ("What should I see in Peru?", set()),
    ],
)
def test_a_turn_asks_for_the_relations_that_it_names_and_for_no_other(arming, turn, relations):
    assert asked_for(arming, turn) == relations


def test_a_turn_that_names_none_asks_for_what_the_one_before_it_asked(arming):
    turns = ("Tell me the official name of Peru.", "Which currency has Peru?", "And Croatia?")
    assert asked_for(arming, *turns) == {"currency"}
