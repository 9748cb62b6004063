import pytest

from warehouse.explain import explain
from warehouse.snapshot import publish


@pytest.fixture
def snapshot(con, home, take, settle, row):
    take(
        con,
        [
            row("Peru", "Cusco", source="b"),
            row("Peru", "Lima", source="a", authority=2),
            row("Mali", "x"),
            row("Mali", "y"),
        ],
    )
    settle(con)
    return publish(con, home)


def test_a_fact_is_explained_by_all_its_claims(snapshot):
    found = explain(snapshot, " Peru ", "capital")
    assert found.fact["answer"] == "Lima"
    assert [(claim["value"], claim["status"]) for claim in found.claims] == [
        ("Lima", "used"),
        ("Cusco", "contradicted"),
    ]
    assert [(claim["file"], claim["row"]) for claim in found.claims] == [("s", 2), ("s", 1)]


def test_a_tie_is_explained_as_a_conflict(snapshot):
    found = explain(snapshot, "Mali", "capital")
    assert found.fact is None
    assert found.conflict["values"] == ["x", "y"]


def test_what_is_unknown_names_the_nearest(snapshot):
    assert explain(snapshot, "peruu", "capital").nearest_subjects == ["Peru"]
    found = explain(snapshot, "Peru", "captial")
    assert (found.nearest_subjects, found.nearest_relations) == ([], ["capital"])
