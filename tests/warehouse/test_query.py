import ast
import re
from pathlib import Path

import duckdb
import pytest

from warehouse import query
from warehouse.errors import UnknownQueryError

PACKAGE = Path(query.__file__).parent


def test_an_unknown_query_lists_those_there_are():
    with pytest.raises(
        UnknownQueryError, match=r"no query 'export_fact'; there are: .*export_facts"
    ):
        query.text("export_fact")


@pytest.mark.parametrize("params", [{}, {"run_key": "r", "spare": 1}])
def test_a_missing_or_spare_parameter_is_refused(memory, params):
    with pytest.raises(duckdb.Error):
        query.execute(memory(), "recall_clear", **params)


def test_every_query_says_its_grain_and_its_parameters():
    for name in query.names():
        used = set(re.findall(r"\$(\w+)", without_comments(name)))
        head = "\n".join(re.findall(r"^--.*", query.text(name), flags=re.MULTILINE))
        told = "".join(re.findall(r"-- params: .*(?:\n--   .*)*", head))
        assert "-- grain: " in head, name
        assert used == set(re.findall(r"\$(\w+)", told)), name


def test_every_statement_is_run_by_a_module():
    prefixes = tuple(re.findall(r'f"(\w+_)\{', CODE))
    unused = [name for name in query.names() if f'"{name}"' not in CODE]
    assert [name for name in unused if not name.startswith(prefixes)] == []


def without_comments(name):
    return re.sub(r"--.*", "", query.text(name))


def read_by(name):
    """Name what the head comment says that a statement reads; what is in brackets explains."""
    told = re.findall(r"^-- reads: (.*(?:\n--   .*)*)", query.text(name), flags=re.MULTILINE)
    plain = re.sub(r"\([^()]*\)", "", " ".join(told).replace("\n--   ", " "))
    return {part.strip() for part in plain.split(",") if part.strip()}


def taken_from(name):
    """Name the tables that a statement takes rows from, its own parts left out."""
    body = re.sub(r"'[^']*'", "''", without_comments(name))
    parts = re.findall(r"(?:with|,)\s*(?:recursive )?(\w+) as (?:(?:not )?materialized )?\(", body)
    taken = re.findall(r"\b(?:from|join|using|update|into)\s+(\w+)", body)
    return set(taken) - set(parts) - set(MADE.findall(body))


MADE = re.compile(r"create (?:or replace )?(?:temp )?(?:table|view) (?:if not exists )?(\w+)")
CODE = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py"))
CATALOGUE = set(MADE.findall(without_comments("schema")))
MADE_BY_SQL = {made for name in query.names() for made in MADE.findall(without_comments(name))}
VARIABLES = {
    kept
    for name in query.names()
    for kept in re.findall(r"set variable (\w+)", without_comments(name))
}
LENT = set(re.findall(r'(?:register|_lent)\(\s*(?:\w+, )?"(\w+)"', CODE))
# Several at a time: the tables of a batch, those of two snapshots, of one that is recovered from.
LENT |= {"batch", "raw_rows", "files", "recipes", "old_claims", "new_claims"}
LENT |= {"published_claims", "published_duplicates", "published_relations"}


def test_whatever_a_query_reads_is_told_and_made_somewhere():
    made = MADE_BY_SQL | VARIABLES | LENT
    told = {name: read_by(name) for name in query.names()}
    assert {name: read - made for name, read in told.items() if read - made} == {}
    for name, read in told.items():
        for table in read:
            assert re.search(rf"\b{table}\b", without_comments(name)), (name, table)
        assert not (taken_from(name) & made) - CATALOGUE - read, name


def calls():
    """Yield each call of a statement whose name and parameters are all written out."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or len(node.args) != 2:
                continue
            if ast.unparse(node.func) not in ("query.run", "query.execute", "query.stream"):
                continue
            name, given = node.args[1], [keyword.arg for keyword in node.keywords]
            if isinstance(name, ast.Constant) and None not in given:
                yield f"{path.name}:{node.lineno}", name.value, set(given)


def test_every_parameter_is_given():
    found = list(calls())
    assert len(found) > 100
    for where, name, given in found:
        assert given == set(re.findall(r"\$(\w+)", without_comments(name))), where


def test_everything_exported_has_an_order():
    exports = [name for name in query.names() if name.startswith("export_")]
    assert len(exports) > 8
    assert [name for name in exports if "order by" not in query.text(name)] == []


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
