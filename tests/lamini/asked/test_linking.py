"""Which subjects a text names."""

import pytest

from lamini.asked.encoder import load_encoder
from lamini.asked.linking import Names
from lamini.asked.surfaces import names_in_phrasings

SUBJECTS = [
    *("Croatia", "Côte d’Ivoire", "US", "IS", "Walt Disney Company (The)", "3M"),
    *("Ohio's 13th congressional district", "Saint Lucia", "PLN"),
]
OTHERS = [["croatian"], ["Ivory Coast"], ["United States"], ["Iceland"], [], [], ["OH-13"], [], []]


@pytest.fixture(scope="module")
def names():
    return Names(SUBJECTS, OTHERS, load_encoder().words)


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("currency of croatia", "Croatia"),
        ("Croatia's money", "Croatia"),
        ("croatias capital", "Croatia"),
        ("the croatian currency", "Croatia"),
        ("curency of Croattia", "Croatia"),
        ("where is cote d'ivoire", "Côte d’Ivoire"),
        ("ivory coast code", "Côte d’Ivoire"),
        ("who runs disney", "Walt Disney Company (The)"),
        ("the walt disney company", "Walt Disney Company (The)"),
        ("3m headquarters", "3M"),
        ("who represents ohio 13", "Ohio's 13th congressional district"),
        ("ohio's thirteenth or OH-13", "Ohio's 13th congressional district"),
        ("st. lucia", "Saint Lucia"),
        ("what does the code US mean", "US"),
        ("what is PLN", "PLN"),
    ],
)
def test_a_name_is_found_as_people_write_it(names, text, subject):
    found = names.mentions(text)
    assert [names.subjects[mention.subject] for mention in found[:1]] == [subject]


@pytest.mark.parametrize(
    "text",
    ["what is it", "tell him more", "Is this right?", "ohio 14", "the coast", "creation myth"],
)
def test_words_of_the_language_name_nobody(names, text):
    assert [m for m in names.mentions(text) if m.sure >= 0.5 and m.kind != 4] == []


SEATS = [
    *(f"{s} U.S. Senate seat (class {n})" for s in ("Ohio", "Virginia") for n in (1, 3)),
    *(f"West Virginia U.S. Senate seat (class {n})" for n in (1, 2)),
    *(f"{s}'s {n} congressional district" for s in ("Texas", "New York") for n in ("1st", "25th")),
    *(f"Iowa's {n}th congressional district" for n in range(4, 18)),
    *(f"Maine U.S. Senate seat (class {n})" for n in range(4, 18)),
]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("class 1 senator from ohio", "Ohio U.S. Senate seat (class 1)"),
        ("who has ohio's class three seat", "Ohio U.S. Senate seat (class 3)"),
        ("virginia senator class 1", "Virginia U.S. Senate seat (class 1)"),
        ("the 25th district of Texas", "Texas's 25th congressional district"),
        ("new yorks twenty-fifth", "New York's 25th congressional district"),
        ("TX-01 rep", "Texas's 1st congressional district"),
        ("NY-25", "New York's 25th congressional district"),
        ("class 4 senator from ohio", None),
        ("texas 7", None),
    ],
)
def test_of_systematic_names_the_telling_words_are_enough_in_any_order(names, text, subject):
    known = Names(SEATS, [[] for _ in SEATS], names.words)
    sure = {known.subjects[m.subject] for m in known.mentions(text) if m.sure >= 0.9}
    assert sure == ({subject} if subject else set())


def test_of_mentions_within_each_other_the_longest_counts(names):
    known = Names(["Guinea", "Equatorial Guinea"], [[], []], names.words)
    found = known.mentions("money of equatorial guinea")
    assert [known.subjects[mention.subject] for mention in found] == ["Equatorial Guinea"]


def test_a_name_of_two_is_given_for_both(names):
    known = Names(["Congo - Kinshasa", "Congo - Brazzaville"], [["Congo"], ["Congo"]], names.words)
    assert {m.subject for m in known.mentions("the congo")} == {0, 1}


def test_what_changes_between_facts_asked_alike_is_a_name():
    seats = ((1, "Ohio", "OH"), (2, "Iowa", "IA"), (3, "Utah", "UT"))
    found = names_in_phrasings([("seat of X", f"{code}-{n}: who is it?") for n, _, code in seats])
    assert [names[-1] for names in found] == ["OH-1", "IA-2", "UT-3"]


PLACES = {
    "United States": ["the states", "America"],
    "United Kingdom": ["England"],
    "Liberia": ["Liberian"],
    **{name: [] for name in ("South Africa", "Mexico", "Niger", "Micronesia")},
    **{name: [] for name in ("Philippines", "Colombia", "Ivory Coast")},
}


@pytest.fixture(scope="module")
def places(names):
    return Names([*PLACES], [*PLACES.values()], names.words)


@pytest.mark.parametrize(
    "text",
    [
        *("the state", "the kingdom", "the south", "the coast", "Liberland", "Macaronesia"),
        *("South America", "North America", "New England", "New Mexico", "Gulf of Mexico"),
        *("Niger River", "Mexico City", "money in new mexico"),
    ],
)
def test_a_name_like_another_or_a_word_that_many_share_names_nobody(places, text):
    assert places.mentions(f"the currency of {text}") == []


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("the states", "United States"),
        ("Phillipines", "Philippines"),
        ("philipinnes", "Philippines"),
        ("Colmobia", "Colombia"),
        ("Micronesai", "Micronesia"),
        ("Sout Africa", "South Africa"),
        ("the new Mexico", "Mexico"),
        ("Ivory Coats", "Ivory Coast"),
    ],
)
def test_slips_of_the_hand_still_name_who_is_meant(places, text, subject):
    found = places.mentions(f"what is {text} known for")
    assert {places.subjects[mention.subject] for mention in found} == {subject}
