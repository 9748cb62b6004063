"""How a table is read for which nothing was said: formats, encodings, databases, odd names."""

import gzip
import json

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.errors import MappingError, SourceError
from warehouse.proposals import propose

ROWS = "name,town\nJörg,Köln\nAna,Lima\nOle,Bergen\n"


OBJECTS = [dict(zip(("name", "town"), line.split(","), strict=True)) for line in ROWS.split()[1:]]
FILES = {
    "utf-8": ("t.csv", ROWS.encode()),
    "byte order mark": ("t.csv", ROWS.encode("utf-8-sig")),
    "latin-1": ("t.csv", ROWS.encode("latin-1")),
    "utf-16": ("t.csv", ROWS.encode("utf-16")),
    "gzip": ("t.csv.gz", gzip.compress(ROWS.encode())),
    "semicolons": ("t.csv", ROWS.replace(",", ";").encode()),
    "pipes": ("t.csv", ROWS.replace(",", "|").encode()),
    "tsv": ("t.tsv", ROWS.replace(",", "\t").encode()),
    "tabs in csv": ("t.csv", ROWS.replace(",", "\t").encode()),
    "crlf": ("t.csv", ROWS.replace("\n", "\r\n").encode()),
    "json lines": ("t.jsonl", "\n".join(map(json.dumps, OBJECTS)).encode()),
}


@pytest.mark.parametrize(("name", "content"), FILES.values(), ids=FILES)
def test_how_a_file_is_written_is_found_out(proposed, name, content):
    _, batch = proposed(name, content)
    assert batch.source == "t"
    assert batch.claims["subject"].to_pylist() == ["Jörg", "Ana", "Ole"]
    assert batch.claims["value"].to_pylist() == ["Köln", "Lima", "Bergen"]


def test_a_file_without_a_header_gets_names_for_its_columns(proposed):
    proposal, batch = proposed("t.csv", "507,Heathrow,London\n26,Kugaaruk,Pelly Bay\n3,Oslo,Oslo\n")
    assert batch.claims.num_rows == 3 * len(proposal.form.relations)
    assert any("no header" in doubt for doubt in proposal.doubts)


@pytest.mark.parametrize(
    ("before", "key", "value"),
    [
        ("Report\n\n2024\n", "skip", 3),
        ("# of us\n# 2024\n", "comment", "#"),
        ("sep=;\n", "delimiter", ";"),
    ],
)
def test_what_stands_before_the_header_is_proposed_to_be_left_out(proposed, before, key, value):
    lines = "name,town\nAna,Lima\nOle,Bergen\n".replace(",", ";" if "sep" in before else ",")
    proposal, batch = proposed("t.csv", before + lines)
    assert proposal.table.csv == {key: value}
    assert batch.claims["value"].to_pylist() == ["Lima", "Bergen"]


def test_names_that_toml_and_templates_would_misread_do_no_harm(proposed):
    columns = 'name,"a ""quoted"" [x]",{braces},#hash'
    proposal, batch = proposed("odd.csv", f"{columns}\nAna,1,2,3\nOle,4,5,6\nJo,7,8,8\n")
    assert len(proposal.form.relations) == 3
    assert batch.claims.num_rows == 9


def test_a_database_with_one_table_needs_no_name(tmp_path):
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as con:
        con.execute(
            "create table prices as select 'rope' as item, 3 as price union select 'oar', 4"
        )
        found = tmp_path / "m.toml"
        con.execute("checkpoint")
    proposal = propose(str(tmp_path / "shop.duckdb"), found)
    assert proposal.table.top == {"path": "shop.duckdb", "table": "prices"}
    with duckdb.connect(str(tmp_path / "shop.duckdb")) as con:
        con.execute("create table stock as select 1 as a")
    with pytest.raises(MappingError, match="2 tables: prices, stock; name one with --table"):
        propose(str(tmp_path / "shop.duckdb"), found)


def test_a_folder_is_one_table(tmp_path):
    (tmp_path / "lake").mkdir()
    for name in ("Peru", "Chad"):
        table = pa.table({"country": [name], "capital": [name[:2]], "tags": [["x"]]})
        pq.write_table(table, tmp_path / "lake" / f"{name}.parquet")
    proposal = propose(str(tmp_path / "lake"), tmp_path / "m.toml")
    assert proposal.table.top == {"path": "lake", "format": "parquet"}
    assert proposal.num_rows == 2
    assert proposal.form.left_out["tags"].startswith("it holds lists")


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(MappingError, match="cannot tell the format"):
        propose("notes.docx", tmp_path / "m.toml")
    with pytest.raises(SourceError, match="no such file"):
        propose(str(tmp_path / "gone.csv"), tmp_path / "m.toml")
