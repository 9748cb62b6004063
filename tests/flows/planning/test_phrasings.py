"""What is proposed for a column that brings no phrasing."""

import pytest

from flows.planning.phrasings import phrasings_of, shipped
from warehouse.proposals import ProposedRelation


def relation(name, **told):
    return ProposedRelation(name=name, called=name, **told)


def test_a_relation_is_asked_for_by_its_name_and_in_the_words_of_its_concept():
    known, unknown = relation("headquarters", kind="place"), relation("blorg", unit="km")
    phrase = phrasings_of([known, unknown])
    assert phrase(known)[0] == "What is the headquarters of {subject}?"
    assert "where is {subject} based" in phrase(known)
    assert "What is the blorg of {subject} in km?" in phrase(unknown)
    for templates in (phrase(known), phrase(unknown)):
        assert len(templates) >= 10
        assert len(set(templates)) == len(templates)
        assert all(template.count("{subject}") == 1 for template in templates)


def test_two_relations_of_one_concept_share_no_phrasing():
    one, other = relation("head office"), relation("headquarters")
    phrase = phrasings_of([one, other])
    assert not {*phrase(one)} & {*phrase(other)}


def test_a_symbol_is_a_tickers_unless_it_is_said_to_be_of_money():
    ticker, money = relation("symbol", kind="code"), relation("currency symbol", kind="code")
    phrase = phrasings_of([ticker, money])
    assert any("ticker" in text for text in phrase(ticker))
    assert not [text for text in phrase(ticker) if "coin" in text or "note" in text]
    assert any("coin" in text for text in phrase(money))


@pytest.mark.parametrize("name", ["license", "founded", "last check", "gauge", "head office"])
def test_forty_phrasings_ship_for_a_relation_that_brings_none(name):
    bare, rich = shipped(name), shipped(name, num_own=40)
    assert len({text.casefold() for text in bare}) >= 40
    assert all("{subject}" in text for text in bare)
    assert {*rich} <= {*bare}


@pytest.mark.parametrize(
    ("asked", "question", "never"),
    [
        (relation("founded", kind="number"), "When was {subject} founded?", "the founded"),
        (relation("added", kind="date"), "When was {subject} added?", "the added"),
        (relation("payment terms"), "What are the payment terms of {subject}?", "terms goes"),
        (
            relation("sales", kind="number", unit="EUR"),
            "What are the sales of {subject}?",
            "is the sales",
        ),
        (relation("status"), "What is the status of {subject}?", "are the"),
        (relation("ship class"), "What is the ship class of {subject}?", "are the"),
        (relation("indexed", kind="number"), "What is the indexed of {subject}?", "When"),
    ],
    ids=lambda given: given.name if isinstance(given, ProposedRelation) else "",
)
def test_a_relation_is_asked_for_in_the_grammar_of_its_name(asked, question, never):
    proposed = phrasings_of([asked])(asked)
    assert proposed[0] == question
    assert not [text for text in proposed if never in text]
    assert len(proposed) >= 8
