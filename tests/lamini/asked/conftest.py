import pytest

from lamini.asked.asking import QuestionMatcher
from lamini.asked.table import asked_fact

COMPANIES = {
    "Nordwind Energy, Inc.": ("Rosa Quist", "Tallinn", "1987"),
    "Basalt Foods (The)": ("Elif Novak", "Porto", "1920"),
    "Zürcher & Söhne AG": ("Hamish Sato", "Basel", "1855"),
    "Target Lane": ("Ines Petrov", "Cork", "2003"),
    "Georgia Timber": ("Dmitri Hollis", "Macon", "1961"),
    "Georgia Glass": ("Priya Jansen", "Tbilisi", None),
}
RELATIONS = ("ceo", "headquarters", "founded")
QUESTIONS = {"ceo": "Who is the CEO of {}?", "headquarters": "Where is {} headquartered?"}


def make_table(*, bare=False):
    """The companies as asked facts, with a phrasing for two of three relations, or for none."""
    return [
        asked_fact(
            name,
            relation,
            ("Nordwind Power",) if name.startswith("Nordwind") else (),
            [QUESTIONS[relation].format(name)] if relation in QUESTIONS and not bare else [],
        )
        for name, values in COMPANIES.items()
        for relation, value in zip(RELATIONS, values, strict=True)
        if value is not None
    ]


@pytest.fixture(scope="session")
def facts():
    return make_table()


@pytest.fixture(scope="session")
def matcher(facts):
    return QuestionMatcher(facts)


@pytest.fixture(scope="session")
def bare_matcher():
    return QuestionMatcher(make_table(bare=True))
