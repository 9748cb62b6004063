import random

import pyarrow as pa
import pytest

from warehouse.claims.duplicates import DuplicateSettings, suspected_duplicates

ALEF = "\u0420\u0435ru"  # 'Peru' with two Cyrillic letters


def slots(*rows):
    names = ["fact_id", "subject", "relation", "question"]
    columns = list(zip(*rows, strict=True)) or [[]] * 4
    return pa.table([pa.array(column, pa.string()) for column in columns], names=names)


def pairs(*rows, **settings):
    table = suspected_duplicates(slots(*rows), DuplicateSettings(**settings))
    return [(*row.values(),) for row in table.to_pylist()]


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        ("Peru", "PERU", "same subject"),
        ("Smith, John", "John Smith", "same subject"),
        ("The Netherlands", "Netherlands", "same subject"),
        ("L'Aquila", "L\u2019Aquila", "same subject"),
        ("Guinea-Bissau", "Guinea Bissau", "same subject"),
        ("S\u00e3o Paulo", "Sao Paulo", "same subject"),
        ("\u041c\u043e\u0441\u043a\u0432\u0430", "Moskva", "same subject"),
        ("Peru", ALEF, "subject looks alike"),
        ("Afghanistan", "Afganistan", "near subject"),
        ("Kyrgyzstan", "Krygyzstan", "near subject"),  # swapped letters are one edit
        ("Sri Lanka Ports Authority", "Port Authority Sri Lanka", "near subject"),
    ],
)
def test_two_spellings_of_a_subject_are_suspected_with_the_reason(one, other, reason):
    found = pairs(("a", one, "capital", None), ("b", other, "capital", None))
    assert [(*pair[:3],) for pair in found] == [("a", "b", reason)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Iran", "Iraq"),
        ("Niger", "Nigeria"),
        ("Austria", "Australia"),
        ("Boeing 737-800", "Boeing 747-800"),
        ("Louis XIV of France", "Louis XV of France"),
        ("North Korea", "South Korea"),
        ("C++", "C"),
        ("!!!", "???"),
    ],
)
def test_different_subjects_are_not_suspected(one, other):
    assert pairs(("a", one, "capital", None), ("b", other, "capital", None)) == []


def test_a_subject_with_two_relations_is_no_pair():
    questions = ("What is the capital of Peru?", "How many people live in Peru?")
    assert (
        pairs(("a", "Peru", "capital", questions[0]), ("b", "Peru", "population", questions[1]))
        == []
    )


def test_one_question_under_two_relations_is_suspected():
    found = pairs(
        ("a", "Peru", "capital", "What is the capital of Peru?"),
        ("b", "Peru", "What is the capital of ?", "what is the Capital of Peru"),
    )
    assert found == [("a", "b", "same question", 1.0)]


def test_nearly_one_question_about_one_subject_is_suspected():
    found = pairs(
        ("a", "Lima", "mayor", "Who is the mayor of Lima?"),
        ("b", "Lima", "head", "Who's the mayor of Lima?"),
        ("c", "Oslo", "head", "Who's the mayor of Oslo?"),
    )
    assert [(*pair[:3],) for pair in found] == [("a", "b", "near question")]


@pytest.mark.slow
def test_words_that_many_questions_have_tell_two_questions_apart():
    people = ["Ann Lee", "Bo Berg", "Cy Young", "Di Marco", "Ed Wood"]
    rows = [
        (f"{who} {parent}", who, parent, f"Who is the {parent} of {who}?")
        for who in people
        for parent in ("father", "mother")
    ]
    assert pairs(*rows) == []
    assert len(pairs(*rows, num_known=6)) == len(people)


@pytest.mark.slow
def test_words_that_many_subjects_have_tell_two_subjects_apart():
    rows = [
        (f"{first} {last}", f"{first} {last}", "born", None)
        for first in ("Marc", "Mark")
        for last in ("Fitzpatrick", "Abernathy", "Oldenburg", "Constantine", "Whitehead")
    ]
    assert pairs(*rows) == []
    found = pairs(*rows, ("z", "Marx Fitzpatrick", "born", None))
    assert {pair[:2] for pair in found} >= {("Mark Fitzpatrick", "z")}


def test_one_relation_in_two_spellings_is_suspected():
    found = pairs(("a", "Lima", "legal tender", None), ("b", "LIMA", "Legal-Tender", None))
    assert found == [("a", "b", "same relation", 1.0)]


def test_a_pair_comes_once_with_its_strongest_reason():
    question = "What is the capital of Peru?"
    found = pairs(("b", "Peru", "capital", question), ("a", "PERU", "capital", question))
    assert found == [("a", "b", "same subject", 1.0)]


def test_many_slots_of_one_subject_are_each_paired_with_the_first_alone():
    rows = [(f"{i:02}", "Peru" + "!" * i, "capital", None) for i in range(40)]
    assert [pair[:2] for pair in pairs(*rows)] == [("00", f"{i:02}") for i in range(1, 40)]


def test_a_misspelt_first_letter_is_found_by_the_other_orders():
    rows = [
        (f"{i:03}", f"Zword{chr(97 + i % 26)}{chr(97 + i // 26)} Filler", "r", None)
        for i in range(200)
    ]
    rows += [("x", "Qanganyika", "r", None), ("y", "Tanganyika", "r", None)]
    assert ("x", "y", "near subject", 0.9) in pairs(*rows)


def test_the_limits_are_settings():
    rows = [("a", "Afghanistan", "capital", None), ("b", "Afganistan", "capital", None)]
    assert pairs(*rows, max_edits=0) == []
    assert pairs(*rows, min_similarity=0.95) == []
    with pytest.raises(ValueError, match="min_similarity=0 must be above 0"):
        DuplicateSettings(min_similarity=0)
    with pytest.raises(ValueError, match="max_edits=-1 must be at least 0"):
        DuplicateSettings(max_edits=-1)


@pytest.mark.slow
def test_the_order_of_the_slots_changes_nothing():
    names = ["Peru", "PERU", ALEF, "Afghanistan", "Afganistan", "Lima City", "City of Lima", "Lima"]
    rows = [(f"{i:02}", name, f"r{i % 2}", f"Where is {name}?") for i, name in enumerate(names * 3)]
    rows = [(f"{i:02}", *row[1:]) for i, row in enumerate(rows)]
    shuffled = rows.copy()
    random.Random(3).shuffle(shuffled)
    assert pairs(*rows) == pairs(*shuffled) != []


def test_no_slots_have_no_duplicates():
    table = suspected_duplicates(slots())
    assert table.num_rows == 0
    assert table.column_names == ["fact_id", "other", "reason", "score"]
