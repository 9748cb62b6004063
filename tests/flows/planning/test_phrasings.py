"""What is proposed for a column that brings no phrasing."""

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


def test_forty_phrasings_ship_for_what_tables_speak_of():
    assert len(shipped("license")) >= 40
