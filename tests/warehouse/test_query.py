import re

import duckdb
import pytest

from warehouse import query
from warehouse.errors import UnknownQueryError


def test_an_unknown_query_lists_those_there_are():
    with pytest.raises(
        UnknownQueryError, match=r"no query 'export_fact'; there are: .*export_facts"
    ):
        query.text("export_fact")


@pytest.mark.parametrize("params", [{}, {"run_key": "r", "spare": 1}])
def test_a_missing_or_spare_parameter_is_refused(memory, params):
    with pytest.raises(duckdb.Error):
        query.execute(memory(), "recall_clear", **params)


@pytest.mark.parametrize("name", query.names())
def test_every_query_says_its_grain_and_its_parameters(name):
    text = query.text(name)
    used = set(re.findall(r"\$(\w+)", re.sub(r"--.*", "", text)))
    head = "\n".join(re.findall(r"^--.*", text, flags=re.MULTILINE))
    assert "-- grain: " in head
    assert used == set(
        re.findall(r"\$(\w+)", "".join(re.findall(r"-- params: .*(?:\n--   .*)*", head)))
    )


@pytest.mark.parametrize("name", [n for n in query.names() if n.startswith("export_")])
def test_everything_exported_has_an_order(name):
    assert "order by" in query.text(name)


def test_names_and_texts_are_quoted_whatever_they_hold():
    evil = "x\"; drop table t; --'"
    with query.connect() as con:
        sql = f"select {query.quote_text(evil)} as {query.quote_name(evil)}"
        assert con.sql(sql).to_arrow_table().to_pylist() == [{evil: evil}]


def test_no_connection_reaches_for_the_network():
    with query.connect() as con:
        rows = con.execute(
            "select value from duckdb_settings() where name like 'auto%known_extensions'"
        ).fetchall()
    assert rows == [("false",), ("false",)]


def test_a_text_is_a_number_if_it_can_be_read_as_one():
    texts = ["1", "-1.5", "+2", ".5", " 1", "\t1 ", "1e3", "1,5", "e3", "inf", "-Infinity", "NaN",
             "nan", "INF", "item 1", "", "_1", "٣", "１", "1st", "Nine", "i"]  # fmt: skip
    with query.connect() as con:
        found = con.execute(
            "select x, is_number(x) from (select unnest($texts::varchar[]) as x)"
            "where is_number(x) <> (try_cast(x as double) is not null)",
            {"texts": texts},
        ).fetchall()
    assert found == []


@pytest.mark.parametrize(
    ("hashes", "least"),
    [([5], 1), ([5, 5, 5], 1), ([0, 63, 1], 3), ([0, 64], 1), ([2**64 - 1, 2**64 - 2], 2)],
)
def test_different_hashes_are_never_counted_too_high(hashes, least):
    with query.connect() as con:
        asked = "select least_distinct(h) from (select unnest($hashes::ubigint[]) as h)"
        assert con.execute(asked, {"hashes": hashes}).fetchall() == [(least,)]


def test_no_temporary_table_is_left_when_work_is_done():
    with query.connect() as con:
        con.execute('create temp table "of \'work" as select 1')
        con.execute("create table kept as select 1")
        query.drop_work_tables(con)
        assert con.execute("select table_name from duckdb_tables()").fetchall() == [("kept",)]
