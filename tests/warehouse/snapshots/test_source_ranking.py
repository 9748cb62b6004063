import pytest

from warehouse.snapshots import publish, rank_sources

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def snapshot(kept, take, settle, row):
    """Three sources in one relation, two of them copies; the best of the other was not learned."""
    con, home = kept
    rows = [row(f"s{i}", "x" if i % 3 else name, source=name) for i in range(6) for name in "abc"]
    take(con, [*rows, row("Rhein", "1230", "length", source="größe")])
    settle(con)
    con.execute(
        "insert into source_accuracies select r.snapshot_hash, 'capital', a.* exclude (position), "
        "now()::timestamp from reconciled as r, (values ('a', 0.5, 6, null, 1), "
        "('b', 0.9, 6, 'g1', 2), ('c', 0.7, 6, 'g1', 3)) as a(s, accuracy, n, g, position)"
    )
    return publish(con, home)


def test_sources_are_ranked_by_accuracy_with_those_they_copy_with(snapshot):
    ranked = rank_sources(snapshot, "capital").to_pylist()
    assert [(r["position"], r["source"], round(r["accuracy"], 9)) for r in ranked] == [
        (1, "b", 0.9),
        (2, "c", 0.7),
        (3, "a", 0.5),
    ]
    assert [r["copies_with"] for r in ranked] == [["c"], ["b"], []]
    assert {r["copy_groups"][0] for r in ranked[:2]} == {"g1"}
    assert [(r["num_claims"], r["num_used"], r["num_contradicted"]) for r in ranked] == [
        (6, 4, 2)
    ] * 3


def test_where_nothing_was_learned_the_share_used_ranks(snapshot):
    ranked = rank_sources(snapshot).to_pylist()
    assert [r["source"] for r in ranked] == ["b", "c", "a", "größe"]
    assert (ranked[-1]["accuracy"], ranked[-1]["used_share"]) == (None, 1.0)


def test_a_relation_of_which_nobody_speaks_has_no_sources(snapshot):
    assert rank_sources(snapshot, "capitol").num_rows == 0
