import pytest

from warehouse.values.places import MAY_HOLD, Place
from warehouse.values.texts import Text

SAME = [
    ("Milan, Lombardy, Italy", "milan,lombardy , ITALY"),
    ("Ústí nad Labem", "Usti nad Labem"),
    ("USA", "United States"),
    ("U.S.A.", "United States"),
    ("Chicago, UK", "Chicago, United Kingdom"),
    ("Singapore, Singapore", "Singapore"),
    ("東京", " 東京 "),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_one_place_have_one_key(one, other):
    assert Place().key(one) == Place().key(other)


@pytest.mark.parametrize(("one", "other"), [("Milan", "Milano"), ("Paris, Texas", "Paris, France")])
def test_other_places_have_other_keys(one, other):
    assert Place().key(one) != Place().key(other)


SUPPORT = [
    ("Italy", "Milan, Lombardy, Italy", 1.0),
    ("Lombardy, Italy", "Milan, Lombardy, Italy", 1.0),
    ("Milan, Italy", "Milan, Lombardy, Italy", 1.0),
    ("Milan, Lombardy, Italy", "Italy", 0.0),
    ("Milan", "Milan", 1.0),
    ("United States", "Ohio", 1.0),
    ("Australia", "Ohio", 0.0),
    ("Ohio", "United States", 0.0),
    ("Norway", "Lillehammer", MAY_HOLD),
    ("California", "Oakland", MAY_HOLD),
    ("Norway", "Sweden", 0.0),
    ("Lillehammer", "Norway", 0.0),
    ("Oakland", "Berkeley", 0.0),
]


@pytest.mark.parametrize(("general", "special", "degree"), SUPPORT)
def test_a_special_place_speaks_for_those_that_hold_it(general, special, degree):
    kind = Place()
    assert kind.support(kind.key(general), kind.key(special)) == degree


def test_a_place_told_in_fewer_steps_is_the_only_one_that_it_can_be():
    kind = Place()
    short, long = kind.key("Milan, Italy"), kind.key("Milan, Lombardy, Italy")
    assert kind.merged({short: 3, long: 1}) == {short: long, long: long}


def test_a_name_that_two_places_have_stays_by_itself():
    kind = Place()
    keys = [kind.key(t) for t in ("Paris, US", "Paris, Texas, US", "Paris, Ohio, US")]
    assert kind.merged(dict.fromkeys(keys, 1)) == {key: key for key in keys}


@pytest.mark.parametrize("text", ["", " , ", "0"])
def test_what_names_no_place_is_a_plain_text(text):
    assert Place().key(text) == Text().key(text)
