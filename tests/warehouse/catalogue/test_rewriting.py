"""A catalogue written anew holds what it held, and nothing of what was deleted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.catalogue import open_catalogue, rewrite_catalogue

ROOT = Path(__file__).parents[3]


def contents(home):
    with open_catalogue(home) as con:
        tables = con.execute(
            "select table_name from duckdb_tables() where database_name = 'catalogue'"
        )
        return {
            name: con.execute(f"select * from {name}").fetchall() for (name,) in tables.fetchall()
        }


def filled(home, take, row):
    names = [f"distinctive-{number}" for number in range(3000)]
    with open_catalogue(home) as con:
        take(con, [row(subject=f"{name} land", value=name) for name in names])
        con.execute("checkpoint")
        con.execute("delete from claims where value <> 'distinctive-7'")
    return contents(home)


@pytest.mark.slow
def test_a_rewritten_catalogue_holds_the_same_rows_in_fewer_bytes(home, take, row):
    before = filled(home, take, row)
    size = (home / "catalogue.duckdb").stat().st_size
    freed = rewrite_catalogue(home)
    assert contents(home) == before
    assert freed == size - (home / "catalogue.duckdb").stat().st_size
    assert b"distinctive-2999 land capital" not in (home / "catalogue.duckdb").read_bytes()
    assert not (home / "catalogue.duckdb.wal").exists()


@pytest.mark.slow
def test_i7_killed_before_the_new_file_is_in_place_the_old_one_is(home, take, row):
    before = filled(home, take, row)
    code = f"from warehouse.catalogue.rewriting import *; rewrite_catalogue(Path({str(home)!r}))"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "LAMINI_FAILPOINT": "rewrite.before_rename"}
    done = subprocess.run([sys.executable, "-c", code], env=env, check=False)
    assert done.returncode == 137
    assert contents(home) == before
    rewrite_catalogue(home)
    assert contents(home) == before
    assert sorted(p.name for p in home.iterdir()) == ["catalogue.duckdb", "catalogue.lock"]
