import pytest
import torch

from lamini.asked.asking import QuestionMatcher
from lamini.asked.table import AskedFact
from lamini.inline.arming import Arming
from lamini.inline.support import unsupported
from lamini.inline.writing import Span, Value


@pytest.fixture(scope="module")
def arming():
    subjects, relations = ("Croatia", "Peru"), ("currency", "capital")
    facts = [AskedFact(s, r, (), (f"What is the {r} of X?",)) for s in subjects for r in relations]
    return Arming(QuestionMatcher(facts))


def value_of(row):
    text = ("euro", "Zagreb", "sol", "Lima")[row]
    return Value(fact=row, text=text, ids=(), shift_AD=torch.empty(0, 1))


def marked(arming, prompt, text, *spans):
    found = unsupported(arming, prompt, text, spans, value_of)
    return [text[start:end] for start, end in found]


def test_a_sentence_about_a_known_slot_without_its_value_is_unsupported(arming):
    text = "The currency of Peru is the real. Its capital is Lima. It rains there."
    assert marked(arming, "Tell me about Peru.", text) == ["The currency of Peru is the real."]
    assert marked(arming, "Tell me about Peru in my novel.", text) == []


def test_a_value_that_memory_said_supports_its_own_sentence_alone(arming):
    text = "Croatia's currency is the euro. The currency of Peru is the euro."
    span = Span(start=26, end=30, fact=0, score=1.0, instead_of=" k")
    assert marked(arming, "", text, span) == ["The currency of Peru is the euro."]


def test_a_sentence_about_no_known_subject_or_relation_is_left_alone(arming):
    assert marked(arming, "", "The currency of Atlantis is gold. Peru is large.") == []
