import shutil
from datetime import date

import duckdb
import pytest

from warehouse.errors import SnapshotDamagedError
from warehouse.snapshots import open_snapshot, publish, views

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def two(kept, take, settle, row):
    """Two snapshots: in the second, Peru changed, Mali is a tie, Chad is gone, Laos is new."""
    con, home = kept
    take(
        con, [row("Peru", "Cusco", source="b"), row("Chad", "x", valid_to="2020"), row("Mali", "x")]
    )
    settle(con)
    old = publish(con, home)
    more = [row("Peru", "Lima", source="a", authority=2), row("Laos", "Vientiane")]
    take(con, [*more, row("Mali", "y"), row("Togo", None)], file="more", source="more")
    settle(con, as_of=date(2021, 6, 1))
    return old, publish(con, home)


def test_the_views_are_the_files_and_what_explains_them(two):
    with views.connect(two[1]) as con:
        for name in ("facts", "claims", "quarantine", "conflicts", "timeline", "sources"):
            num_rows = two[1].manifest["files"][f"{name}.parquet"]["num_rows"]
            assert len(con.table(name).fetchall()) == num_rows
        why = con.execute(
            "select value, status, answer, source, authority, used_share from why "
            "where subject = 'Peru'"
        ).fetchall()
        assert why == [
            ("Lima", "used", "Lima", "a", 2.0, 1.0),
            ("Cusco", "contradicted", "Lima", "b", 1.0, 0.0),
        ]
        [(conflict,)] = con.execute(
            "select distinct conflict from why where subject = 'Mali'"
        ).fetchall()
        assert "equal in authority, recency, agreement" in conflict


def test_sources_are_ranked_by_accuracy_then_by_share_used(two):
    with views.connect(two[1]) as con:
        ranked = con.execute("select position, source, used_share from rankings").fetchall()
    assert ranked == [(1, "a", 1.0), (2, "more", 0.5), (3, "b", 0.0), (4, "s", 0.0)]


def test_changes_between_two_snapshots_are_a_view(two):
    old, new = two
    with views.connect(new, old) as con:
        found = con.execute("select subject, op, old_answer, new_answer from changes").fetchall()
    assert found == [
        ("Chad", "retired", "x", None),
        ("Laos", "added", None, "Vientiane"),
        ("Mali", "retired", "x", None),
        ("Peru", "changed", "Cusco", "Lima"),
    ]


def test_the_published_file_works_inside_the_snapshots_folder(two, monkeypatch):
    old, new = two
    monkeypatch.chdir(new.path)
    with duckdb.connect() as con:
        con.execute((new.path / "views.sql").read_text())
        assert con.execute("select count(*) from why").fetchone() == (new.claims().num_rows,)
        ops = con.execute(f"select count(*) from changes('../{old.path.name}')").fetchone()
        assert ops == (4,)


def test_a_folder_with_odd_characters_is_no_pattern(two, tmp_path):
    moved = open_snapshot(shutil.copytree(two[1].path, tmp_path / "it's [a] *, straße"))
    with views.connect(moved, moved) as con:
        assert con.execute("select count(*) from facts").fetchone() == (2,)
        assert con.execute("select count(*) from changes").fetchone() == (0,)


def test_a_damaged_snapshot_is_not_opened(two, tmp_path):
    damaged = open_snapshot(shutil.copytree(two[1].path, tmp_path / two[1].path.name))
    (damaged.path / "sources.parquet").unlink()
    with pytest.raises(SnapshotDamagedError, match=r"sources\.parquet"):
        views.connect(damaged)
