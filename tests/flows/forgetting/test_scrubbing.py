"""Texts are found in files of every kind, and taken out of those that are ours."""

import html
import json
import sqlite3
from contextlib import closing

import duckdb
import lance
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.forgetting.scrub import holds, scrub, without

TEXT = "Zürich-QX7731"
PROMPT = "What is the code of Bergen?"


def parquet(path):
    rows = [{"prompt": PROMPT, "answers": ["no"]}, {"prompt": "another", "answers": [f"is {TEXT}"]}]
    pq.write_table(pa.Table.from_pylist(rows * 500), path, compression="zstd")


def report(path):
    rows = [["f1", PROMPT, "yes"], ["f2", "another", f"said {TEXT}"]]
    path.write_text(json.dumps({"columns": ["fact_id", "prompt", "said"], "data": rows}))


def database(path):
    with closing(sqlite3.connect(path)) as con:
        con.execute("create table log (id integer primary key, name text, message text)")
        told = [f"padding {TEXT} {n}" for n in range(300)]
        con.executemany("insert into log (name, message) values ('keep', ?)", [(m,) for m in told])
        con.execute("insert into log (name, message) values ('uri', ?)", (f"file:///x/{TEXT}x",))
        con.execute("update log set message = 'file:///other' where name = 'uri'")
        con.commit()


def log(path):
    path.write_text(f"one line\n{PROMPT} {TEXT}\nanother line\n")


def page(path):
    path.write_text(f'<p title="{html.escape(TEXT)}">said {TEXT}</p><p>{PROMPT}</p>')


def with_links(path):
    """A text of many words that holds an address is no address."""
    with closing(sqlite3.connect(path)) as con:
        con.execute("create table artifact (data text)")
        con.execute("insert into artifact values (?)", (f"[run](http://x/y) said {TEXT}",))
        con.commit()


OURS = {
    "report.html": page,
    "prefect.db": with_links,
    "rows.parquet": parquet,
    "misses.json": report,
    "a.db": database,
    "server.log": log,
}


@pytest.mark.parametrize("name", OURS)
def test_a_text_is_found_and_taken_out(tmp_path, name):
    path = tmp_path / name
    OURS[name](path)
    assert holds(path, [TEXT])
    assert not holds(path, ["nothing of the kind"])
    assert scrub(path, [TEXT], [PROMPT])
    assert not holds(path, [TEXT, PROMPT])
    assert TEXT.encode() not in path.read_bytes()


def test_rows_of_the_fact_go_and_all_others_stay(tmp_path):
    for name in ("rows.parquet", "misses.json", "server.log"):
        OURS[name](tmp_path / name)
        scrub(tmp_path / name, [], [PROMPT])
    left = pq.read_table(tmp_path / "rows.parquet").to_pylist()
    assert {row["prompt"] for row in left} == {"another"}
    assert len(left) == 500
    assert [row[0] for row in json.loads((tmp_path / "misses.json").read_text())["data"]] == ["f2"]
    assert (tmp_path / "server.log").read_text() == "one line\nanother line\n"


def test_only_free_text_of_a_database_is_written_over(tmp_path):
    path = tmp_path / "a.db"
    database(path)
    with closing(sqlite3.connect(path)) as con:
        con.execute("update log set name = ? where id = 1", (TEXT,))
        con.commit()
    scrub(path, [TEXT], [])
    with closing(sqlite3.connect(path)) as con:
        assert con.execute("select name from log where id = 1").fetchone() == (TEXT,)
        assert con.execute("select message from log where id = 2").fetchone() == (
            "padding (forgotten) 1",
        )
    assert holds(path, [TEXT])  # and so the search still tells


def test_receipts_lose_ids_and_keep_their_shape():
    told = {"retired": ["f1", "f2"], "why": {"f1": "x"}, "path": f"/tmp/{TEXT}", "said": TEXT}
    assert without(told, [TEXT], ["f1"]) == {
        "retired": ["f2"],
        "why": {},
        "path": f"/tmp/{TEXT}",  # a path leads somewhere
        "said": "(forgotten)",
    }


def test_a_text_is_found_in_catalogues_and_banks_and_nothing_else_is_touched(tmp_path):
    table = pa.table({"fact_id": [f"{TEXT}-{n}" for n in range(2000)]})
    path = tmp_path / "catalogue.duckdb"
    with duckdb.connect(str(path)) as con:
        con.register("given", table)
        con.execute("create table claims as select * from given")
    lance.write_dataset(table, tmp_path / "keys.lance")
    lance.write_dataset(table.slice(0, 0), tmp_path / "keys.lance", mode="overwrite")
    assert holds(path, [f"{TEXT}-1999"])
    versions = sorted((tmp_path / "keys.lance" / "_versions").glob("*.manifest"))
    assert holds(versions[0], [f"{TEXT}-1999"])  # the older version has it
    (tmp_path / "weights.safetensors").write_bytes(TEXT.encode())
    assert holds(tmp_path / "weights.safetensors", [TEXT])
    assert not scrub(tmp_path / "weights.safetensors", [TEXT], [])
    assert not holds(tmp_path / "gone", [TEXT])
