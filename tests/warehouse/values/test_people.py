import pytest

from warehouse.values.people import People, SinglePerson

SAME = [
    ("Jang, Michael", "Michael Jang"),
    ("JANG, MICHAEL", "Jang, Michael (Author)"),
    ("Knuth, Donald E.", "Donald E. Knuth"),
    ("Coelho,Rohan &amp; Hawash,Maher", "Rohan Coelho, Maher Hawash"),
    ("Leuf, Bo/ Cunningham, Ward", "Ward Cunningham and Bo Leuf"),
    ("Matthew Hart, Scott Jesse", "Jesse, Scott; Hart, Matthew"),
    ("Players; Players", "players"),
    ("Dr. Ada Lovelace", "Lovelace, Ada"),
    ("Gödel, Kurt", "Kurt Godel"),
    ("O'Reilly, Tim", "Tim O\u2019Reilly"),
    ("Peter van der Linden", "van der Linden, Peter"),
    ("Box, Don, et al", "Don Box"),
    ("Leffingwell, Dean, Widrig, Don", "Dean Leffingwell; Don Widrig"),
    ("GRAY, JIM REUTER, ANDREAS", "Jim Gray, Andreas Reuter"),
    ("By (author) Nielsen, Jakob", "Jakob Nielsen"),
    ("村上 春樹", " 村上\u3000春樹 "),
]
OTHER = [
    ("Jang, Michael", "Jang, Mary"),
    ("Michael Jang", "Michael Jang, Elizabeth Zinkann"),
    ("村上 春樹", "村上 龍"),
    ("Smith, J.", "Smith, John"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_the_same_people_have_one_key(one, other):
    assert People().key(one) == People().key(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_people_and_initials_have_other_keys(one, other):
    assert People().key(one) != People().key(other)


@pytest.mark.parametrize("text", ["0", "", "---", "12 (3)"])
def test_what_names_nobody_keeps_its_normal_form(text):
    assert People().key(text) == " ".join(text.split())


@pytest.mark.parametrize("pair", [*SAME, *OTHER])
def test_a_key_is_its_own_key(pair):
    for text in pair:
        assert People().key(People().key(text)) == People().key(text)


MERGED = [
    ({"Hart, Matthew; Jesse, Scott": 5, "HART/JESSE": 1, "Hart Jesse": 1}, 1),
    ({"Smith, John A.": 3, "J. Smith": 2, "Smith": 1}, 1),
    ({"Smith, John": 3, "Smith, Mary": 2}, 2),
    ({"Robert Cahn": 3, "Bob Cahn": 1}, 1),
    ({"Gray, Jim; Reuter, Andreas": 3, "GRAY, JIMREUTER, ANDREAS": 1}, 1),
    ({"Pistoia, Marco": 3, "Pistoria, Marco": 1}, 1),
    ({"Hart, Matthew; Jesse, Scott": 5, "Hart, Matthew": 4}, 2),
    ({"Shinn, Mike; Shinn, Scott": 2, "Shinn, Mike": 1}, 2),
]


@pytest.mark.parametrize(("spelled", "count"), MERGED)
def test_lists_of_one_slot_merge_where_they_may_name_the_same_people(spelled, count):
    kind = People()
    named = {kind.key(text): times for text, times in spelled.items()}
    found = kind.merged(named)
    assert set(found) == set(named)
    assert len(set(found.values())) == count
    assert kind.merged(dict(reversed(named.items()))) == found


def test_the_most_claimed_list_stands_for_those_merged():
    kind = People()
    often, seldom = kind.key("Smith, John"), kind.key("Smith, J.")
    assert kind.merged({seldom: 1, often: 2}) == {often: often, seldom: often}


def test_support_is_the_share_of_people_named():
    kind = People()
    both, one = kind.key("Hart, Matthew; Jesse, Scott"), kind.key("Hart, M.")
    assert kind.support(both, both) == 1
    assert kind.support(one, both) == 1
    assert kind.support(both, one) == 0.5
    assert kind.support(both, kind.key("Ada Lovelace")) == 0


def test_one_person_is_read_whole_whatever_the_commas():
    kind = SinglePerson()
    assert kind.key("Lovelace, Ada, Countess") == kind.key("Lovelace, Ada Countess")
    assert kind.key("Ada Lovelace") == kind.key("LOVELACE, ADA")
    assert kind.support(kind.key("A. Lovelace"), kind.key("Ada Lovelace")) == 1
    assert kind.support(kind.key("Byron"), kind.key("Ada Lovelace")) == 0
