import json
import os
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.errors import MappingError, SourceBusyError, SourceError
from warehouse.intake import ingest
from warehouse.sources import load_mapping, read_source

TABLE = pa.table({"s": ["Peru", "Chad"], "v": ["Lima", None], "n": [1.5, float("nan")]})
CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'
DATA = Path(os.environ.get("LAMINI_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.fixture
def read(tmp_path):
    def run(name, claim=CLAIM, top=""):
        path = tmp_path / "m.toml"
        path.write_text(f'path = "{name}"\n{top}\n{claim}')
        return read_source(load_mapping(path))

    return run


def write(tmp_path, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(TABLE, path)
    elif name.endswith("csv"):
        path.write_text("s,v,n\nPeru,Lima,1.5\nChad,,\n")
    elif name.endswith("duckdb"):
        with duckdb.connect(str(path)) as con:
            con.register("t", TABLE)
            con.execute("create table capitals as select * from t")
    else:
        path.write_text('{"s": "Peru", "v": "Lima", "n": 1.5}\n{"s": "Chad", "v": null}\n')


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "top"),
    [
        ("t.parquet", ""),
        ("t.csv", ""),
        ("t.jsonl", ""),
        ("t.ndjson", ""),
        ("t.duckdb", "table = 'capitals'"),
        ("t.duckdb", "query = 'select * from capitals order by s desc'"),
    ],
)
def test_every_format_gives_the_same_claims(tmp_path, read, name, top):
    write(tmp_path, name)
    batch = read(name, top=top)
    columns = ["subject", "value", "question", "source", "authority", "row"]
    assert [tuple(row.values()) for row in batch.claims.select(columns).to_pylist()] == [
        ("Peru", "Lima", "Capital of Peru?", "m", "1.0", 1),
        ("Chad", None, "Capital of Chad?", "m", "1.0", 2),
    ]


def test_a_wide_table_gives_one_claim_for_each_value_column(tmp_path, read):
    write(tmp_path, "t.parquet")
    wide = (
        '[wide]\nsubject = "s"\nauthority = { constant = 3 }\n'
        '[wide.values.v]\nrelation = "capital"\nquestion = "Capital of {subject}?"\n'
        'paraphrases = ["{subject} {relation}", "{s}, {value}"]\n'
        '[wide.values.n]\ncloze = "The n of {subject} is"\n'
    )
    rows = read("t.parquet", wide).claims.sort_by("row").to_pylist()
    peru = [row for row in rows if row["subject"] == "Peru"]
    assert [(row["relation"], row["value"], row["authority"]) for row in peru] == [
        ("capital", "Lima", "3"),
        ("n", "1.5", "3"),
    ]
    assert peru[0]["paraphrases"] == ["Peru capital", "Peru, Lima"]
    assert [row["value"] for row in rows if row["subject"] == "Chad"] == [None, None]


def test_lists_are_taken_as_lists_and_texts_as_one(tmp_path, read):
    lines = [{"s": "A", "v": 1, "p": ["x", None, 2]}, {"s": "B", "v": True, "p": "y"}]
    (tmp_path / "t.jsonl").write_text("\n\n".join(json.dumps(line) for line in lines))
    rows = read("t.jsonl", CLAIM + 'paraphrases = "p"\naliases = "v"\n').claims.to_pylist()
    assert [row["paraphrases"] for row in rows] == [["x", None, "2"], ["y"]]
    assert [(row["value"], row["aliases"], row["row"]) for row in rows] == [
        ("1", ["1"], 1),
        ("true", ["true"], 3),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "text", "row", "why", "raw"),
    [
        ("t.csv", "s,v\nPeru,Lima\nChad\nMali,Bamako\n", 2, "1 columns where", "Chad"),
        (
            "t.jsonl",
            '{"s":"Peru","v":"Lima"}\n{"s":\n{"s":"Mali","v":"x"}\n',
            2,
            "not one",
            '{"s":',
        ),
        ("t.jsonl", '{"s":"Peru","v":"Lima"}\n[1]\n{"s":"Mali","v":"x"}\n', 2, "not one", "[1]"),
    ],
)
def test_a_row_that_cannot_be_read_goes_to_quarantine_as_it_is(
    memory, tmp_path, read, name, text, row, why, raw
):
    (tmp_path / name).write_text(text)
    con = memory()
    receipt = ingest(con, read(name))
    assert (receipt.num_rows, receipt.num_accepted, receipt.num_quarantined) == (3, 2, 1)
    [found] = con.execute("select row, reason, explanation, raw from quarantine").fetchall()
    assert (found[0], found[1], why in found[2], found[3]) == (row, "malformed_row", True, raw)
    assert con.execute("select max(row) from origins").fetchall() == [(3,)]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", None, r"x\.csv: no such file \(path in .*m\.toml\); did you mean 't\.csv'"),
        ("x.csv", b"s,v\n", "the table is empty"),
        ("x.csv", b"", "not readable as CSV"),
        ("x.csv", b"s,v,v\n1,2,3\n", "column 'v' occurs 2 times"),
        ("x.csv", b"s,v\ncaf\xe9,1\n", "not readable as CSV in UTF-8"),
        ("x.csv", b's,v\na,1\nb,"open\n', "row 2, column 'v': a quote is opened and never closed"),
        ("x.csv", b"subj,v\na,1\n", "no column 's', which .* maps to subject.*columns: subj, v"),
        ("x.parquet", b"PAR1 cut", "not a readable Parquet file"),
        ("x.jsonl", b"", "the table is empty"),
        ("x.jsonl", b'[\n{"s": 1, "v": 2}\n]', None),
        ("x.jsonl", b"nothing\n", "not JSON lines"),
        ("x.jsonl", b"\xff\xfe", "not UTF-8"),
        ("x.duckdb", b"no database", "not a DuckDB file"),
    ],
)
def test_a_source_that_cannot_be_used_is_refused_with_what_to_do(
    tmp_path, read, name, content, message
):
    (tmp_path / "t.csv").write_text("s,v\na,b\n")
    if content is not None:
        (tmp_path / name).write_bytes(content)
    top = "table = 'capitals'" if name.endswith("duckdb") else ""
    if message is None:
        assert read(name, top=top).claims["broken"].null_count == 1
        return
    with pytest.raises(SourceError, match=message):
        read(name, top=top)


def test_a_truncated_parquet_file_is_refused(tmp_path, read):
    write(tmp_path, "t.parquet")
    path = tmp_path / "t.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match=r"t\.parquet: not a readable Parquet file"):
        read("t.parquet")


def test_a_column_of_the_wrong_shape_is_refused(tmp_path, read):
    pq.write_table(pa.table({"s": ["a"], "v": [["x"]], "b": [b"x"]}), tmp_path / "t.parquet")
    with pytest.raises(SourceError, match=r"column 'v' holds list.*, but value takes one text"):
        read("t.parquet")
    with pytest.raises(SourceError, match="column 'b' holds binary"):
        read("t.parquet", CLAIM.replace('"v"', '"b"'))


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("What of {subjet}?", r"names \{subjet\}, which is neither .* did you mean 'subject'"),
        ("What of {cloze}?", "the templates of .* need each other"),
    ],
)
def test_a_template_that_cannot_be_filled_is_refused(tmp_path, read, template, message):
    write(tmp_path, "t.csv")
    claim = CLAIM.replace("Capital of {subject}?", template)
    with pytest.raises(SourceError, match=message):
        read("t.csv", claim + 'cloze = { template = "So {question}" }\n')


def test_names_that_look_like_sql_are_only_names(tmp_path, read):
    evil = 'x"; drop table t; --'
    pq.write_table(pa.table({evil: ["a'b"], "v": ["1"]}), tmp_path / "t.parquet")
    rows = read("t.parquet", CLAIM.replace('"s"', json.dumps(evil))).claims.to_pylist()
    assert rows[0]["question"] == "Capital of a'b?"


@pytest.mark.slow
def test_an_unknown_table_names_the_nearest(tmp_path, read):
    write(tmp_path, "t.duckdb")
    with pytest.raises(SourceError, match="no table 'capital'; did you mean 'capitals'"):
        read("t.duckdb", top="table = 'capital'")
    with pytest.raises(SourceError, match="the query failed"):
        read("t.duckdb", top="query = 'select nothing'")


@pytest.mark.slow
def test_a_duckdb_file_that_is_being_written_may_be_tried_again(tmp_path, read):
    write(tmp_path, "t.duckdb")
    hold = "import duckdb, sys; con = duckdb.connect(sys.argv[1]); print('up', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, tmp_path / "t.duckdb"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        holder.stdout.readline()
        with pytest.raises(SourceBusyError, match="another process has it open"):
            read("t.duckdb", top="table = 'capitals'")
        holder.communicate(b"\n")


def test_a_damaged_duckdb_file_is_no_busy_one(tmp_path, read):
    write(tmp_path, "t.duckdb")
    path = tmp_path / "t.duckdb"
    data = bytearray(path.read_bytes())
    for at in range(4096 * 3, len(data), 64):  # DuckDB names the block that it finds damaged
        data[at] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(SourceError, match="block") as caught:
        read("t.duckdb", top="table = 'capitals'")
    assert not isinstance(caught.value, SourceBusyError)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs the shared data (LAMINI_DATA)")
@pytest.mark.parametrize(
    ("name", "num_facts"),
    [("facts/zsre", 1000), ("changes/us_legislators", 270), ("changes/factbook_attributes", 440)],
)
def test_real_tables_give_facts(memory, take, settle, read, name, num_facts):
    fields = ["subject", "relation", "question", "cloze", "paraphrases", "aliases", "source"]
    fields += ["observed_at", "valid_from", "valid_to"]
    claim = '[claim]\nvalue = "object"\n' + "".join(f'{f} = "{f}"\n' for f in fields)
    con = memory()
    receipt = ingest(con, read(str(DATA / f"{name}.parquet"), claim))
    assert receipt.num_quarantined == 0
    assert settle(con).num_facts >= num_facts


@pytest.mark.parametrize(
    ("query", "bound", "why"),
    [
        ("select * from range(100000000000)", "query_seconds = 1", "longer than query_seconds = 1"),
        (
            "select count(*) as s from range(1000000000) a, range(1000) b",
            "query_seconds = 1",
            "longer than query_seconds = 1",
        ),
        (
            "with recursive t(n) as (select 1 union all select n + 1 from t) select n as s from t",
            "query_seconds = 1",
            "longer than query_seconds = 1",
        ),
        (
            "select list(range) as s from range(1000000000)",
            "query_memory_mib = 64",
            "more memory than query_memory_mib = 64",
        ),
        (
            "select repeat('x', 1000000) as s from range(1000)",
            "query_memory_mib = 64",
            "more memory than query_memory_mib = 64",
        ),
        # One call each: between blocks of rows there is nothing to look at.
        (
            "select repeat('x', 1000000000) as s",
            "query_memory_mib = 64",
            "more memory than query_memory_mib = 64",
        ),
        (
            "select levenshtein(repeat('a', 300000), repeat('b', 300000)) as s",
            "query_seconds = 1",
            "longer than query_seconds = 1",
        ),
    ],
)
@pytest.mark.slow
def test_a_query_is_stopped_at_its_bounds_and_says_so(tmp_path, read, query, bound, why):
    write(tmp_path, "t.duckdb")
    started = time.monotonic()
    with pytest.raises(SourceError, match=f"{why}.* raise it in") as stopped:
        read("t.duckdb", top=f'query = "{query}"\n{bound}')
    assert time.monotonic() - started < 30
    assert "Interrupted" not in str(stopped.value)


def test_a_query_within_its_bounds_is_not_disturbed(tmp_path, read):
    write(tmp_path, "t.duckdb")
    bounds = "query_seconds = 60\nquery_memory_mib = 64"
    assert read("t.duckdb", top=f"table = 'capitals'\n{bounds}").claims.num_rows


@pytest.mark.parametrize(
    "bound", ["query_seconds = 0", "query_seconds = 1000000", "query_memory_mib = 1.5"]
)
def test_a_bound_of_a_query_is_a_sensible_number(tmp_path, read, bound):
    write(tmp_path, "t.duckdb")
    with pytest.raises(MappingError, match="must be a whole number from"):
        read("t.duckdb", top=f"table = 'capitals'\n{bound}")
    with pytest.raises(MappingError, match="are for databases"):
        read("t.csv", top="query_seconds = 5")


def test_cells_that_hold_a_null_marker_of_the_mapping_are_empty(tmp_path, read):
    rows = [
        ("Peru", "Lima", "1"),
        ("Chad", " \\N", "2"),
        ("-", "Oslo", "-999"),
        ("Fiji", "\\n", "3"),
    ]
    (tmp_path / "t.csv").write_text("s,v,n\n" + "\n".join(map(",".join, rows)))
    claim = CLAIM + 'authority = "n"\naliases = "v"\n'
    claims = read("t.csv", claim, top=r'nulls = ["\\N", "-", "-999"]').claims
    assert claims["subject"].to_pylist() == ["Peru", "Chad", None, "Fiji"]
    assert claims["value"].to_pylist() == ["Lima", None, "Oslo", "\\n"]  # another spelling
    assert claims["authority"].to_pylist() == ["1", "2", "1.0", "3"]
    assert claims["aliases"].to_pylist()[:2] == [["Lima"], [None]]


def test_a_folder_for_no_partition_is_an_empty_cell(tmp_path, read):
    for name in ("v=Lima", "v=__HIVE_DEFAULT_PARTITION__"):
        (tmp_path / "t" / name).mkdir(parents=True)
        pq.write_table(pa.table({"s": ["Peru"]}), tmp_path / "t" / name / "0.parquet")
    found = read("t", top='format = "parquet"').claims["value"].to_pylist()
    assert sorted(found, key=str) == ["Lima", None]
