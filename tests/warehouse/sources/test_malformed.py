"""Malformed input of many kinds: each is accepted, quarantined with a reason, or refused whole."""

import gzip
import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from warehouse import query
from warehouse.catalogue import make_tables
from warehouse.errors import MappingError, SourceError
from warehouse.intake import ingest
from warehouse.sources import load_mapping, read_source

pytestmark = pytest.mark.slow

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'
DATES = CLAIM + 'observed_at = "d"\n'
GOOD = pa.table({"s": ["Peru", "Chad"], "v": ["Lima", "N'Djamena"]})


@dataclass(frozen=True)
class Kind:
    """One kind of input and what must become of it."""

    name: str
    file: str
    write: object
    """Bytes, an Arrow table, or a function of the path."""
    outcome: object
    """(accepted, duplicates, quarantined), or the words of the refusal."""
    top: str = ""
    claim: str = CLAIM
    reason: str | None = None


def csv(*lines, end="\n"):
    return (end.join(lines) + end).encode()


def values(array):
    return pa.table({"s": [f"S{i}" for i in range(len(array))], "v": array})


def dates(*given):
    return csv("s,v,d", *(f"S{i},x,{day}" for i, day in enumerate(given)))


def parquet_bytes(table=GOOD, **settings):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, **settings)
    return sink.getvalue().to_pybytes()


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def arrow_bytes(stream=False, table=GOOD):
    sink = pa.BufferOutputStream()
    make = pyarrow.ipc.new_stream if stream else pyarrow.ipc.new_file
    with make(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def raw_strings(*texts):
    """An Arrow column of text that is not UTF-8."""
    column = pa.array(texts, pa.binary()).view(pa.string())
    return pa.table({"s": [f"S{i}" for i in range(len(texts))], "v": column})


def a_folder(path):
    path.mkdir()


def a_link_to_itself(path):
    path.symlink_to(path)


def unreadable(path):
    path.write_bytes(csv("s,v", "Peru,Lima"))
    path.chmod(0)


def a_database(path):
    with duckdb.connect(str(path)) as con:
        con.execute("create table t as select 'Peru' as s, 'Lima' as v")


def lines(*given):
    return "\n".join(x if isinstance(x, str) else json.dumps(x) for x in given).encode()


PERU = {"s": "Peru", "v": "Lima"}
DEEP = '{"s":"Deep","v":' + "[" * 5000 + "]" * 5000 + "}"

KINDS = [
    # encodings and bytes
    Kind("latin1", "t.csv", "s,v\nCafé,x\n".encode("latin-1"), "not readable as CSV in UTF-8"),
    Kind(
        "latin1_declared",
        "t.csv",
        "s,v\nCafé,x\n".encode("latin-1"),
        (1, 0, 0),
        top='[csv]\nencoding = "latin-1"',
    ),
    Kind("utf16", "t.csv", "s,v\nPeru,Lima\n".encode("utf-16"), "starts with the mark of UTF-16"),
    Kind(
        "utf16_declared",
        "t.csv",
        "s,v\nPeru,Lima\n".encode("utf-16"),
        (1, 0, 0),
        top='[csv]\nencoding = "utf-16"',
    ),
    Kind("shift_jis", "t.csv", "s,v\n日本,x\n".encode("shift-jis"), "not readable as CSV"),
    Kind(
        "wrongly_declared",
        "t.csv",
        b"s,v\nCaf\xe9,x\n",
        "not readable as CSV in shift_jis",
        top='[csv]\nencoding = "shift-jis"',
    ),
    Kind("unknown_encoding", "t.csv", b"s,v\n", "is no encoding", top='[csv]\nencoding = "utf-9"'),
    Kind("bom", "t.csv", b"\xef\xbb\xbf" + csv("s,v", "Peru,Lima"), (1, 0, 0)),
    Kind("bom_jsonl", "t.jsonl", b"\xef\xbb\xbf" + lines(PERU), (1, 0, 0)),
    Kind("utf16_jsonl", "t.jsonl", '{"s":"a","v":"b"}'.encode("utf-16"), "not UTF-8"),
    Kind("nul_in_csv", "t.csv", b"s,v\nPe\0ru,Lima\nChad,x\n", (1, 0, 1), reason="nul_byte"),
    Kind("nul_in_parquet", "t.parquet", values(["a\0b", "c"]), (1, 0, 1), reason="nul_byte"),
    Kind("only_nuls", "t.csv", b"\0" * 4096, "not readable as CSV"),
    Kind("random_bytes", "t.csv", bytes(range(256)) * 20, "not readable as CSV in UTF-8"),
    Kind("not_utf8_in_parquet", "t.parquet", raw_strings(b"ok", b"\xff\xfe"), "no UTF-8 text"),
    Kind("lone_surrogate_in_parquet", "t.parquet", raw_strings(b"\xed\xa0\x80"), "no UTF-8 text"),
    Kind(
        "lone_surrogate_in_json",
        "t.jsonl",
        lines(PERU, '{"s":"Chad","v":"\\ud800"}'),
        (1, 0, 1),
        reason="malformed_row",
    ),
    # CSV
    Kind("unterminated_quote", "t.csv", b's,v\na,1\nb,"open\nc,2\n', "never closed"),
    Kind("unterminated_first_quote", "t.csv", b's,v\n"a,1\nb,2\n', "never closed"),
    Kind("ten_mb_cell", "t.csv", csv("s,v", "Chad,x", f"Peru,{'x' * 10_000_000}"), (1, 0, 1)),
    Kind("ten_mb_subject", "t.parquet", pa.table({"s": ["y" * 10_000_000], "v": ["x"]}), (1, 0, 0)),
    Kind("duplicate_columns", "t.csv", csv("s,v,v", "a,1,2"), "column 'v' occurs 2 times"),
    Kind("columns_alike_but_for_case", "t.csv", csv("s,v,V", "a,1,2"), "differ by case only"),
    Kind("homoglyph_column", "t.csv", csv("ѕ,v", "a,1"), "no column 's'"),
    Kind("nameless_columns", "t.csv", csv(",s,v, ", "1,a,b,2"), (1, 0, 0)),
    Kind("nameless_mapped", "t.csv", csv("s,", "a,b"), "no column 'v'"),
    Kind("empty_file", "t.csv", b"", "not readable as CSV"),
    Kind("header_only", "t.csv", b"s,v\n", "the table is empty"),
    Kind("blank_lines", "t.csv", b"s,v\n\nPeru,Lima\n\n\nChad,x\n\n", (2, 0, 0)),
    Kind("crlf", "t.csv", csv("s,v", "Peru,Lima", "Chad,x", end="\r\n"), (2, 0, 0)),
    Kind("lone_cr", "t.csv", csv("s,v", "Peru,Lima", "Chad,x", end="\r"), (2, 0, 0)),
    Kind("mixed_line_ends", "t.csv", b"s,v\r\nPeru,Lima\nChad,x\r\n", (2, 0, 0)),
    Kind("ragged", "t.csv", csv("s,v", "Peru", "Chad,x", "a,b,c"), (1, 0, 2)),
    Kind("ragged_after_blank", "t.csv", b"s,v\nA,1\n\nB\n\nC,3\nD\n", (2, 0, 2)),
    Kind("no_end_of_line", "t.csv", b"s,v\nPeru,Lima", (1, 0, 0)),
    Kind("tabs_for_commas", "t.csv", b"s\tv\nPeru\tLima\n", "with the right .csv."),
    Kind("tabs_declared", "t.csv", b"s\tv\nA\tB\n", (1, 0, 0), top='[csv]\ndelimiter = "\\t"'),
    Kind("semicolons_for_commas", "t.csv", b"s;v\nPeru;Lima\n", "with the right .csv."),
    Kind("embedded_newlines", "t.csv", b's,v\n"Pe\nru","Li\r\nma"\nChad,x\n', (2, 0, 0)),
    Kind("doubled_quotes", "t.csv", b's,v\n"The ""big"" one",x\n', (1, 0, 0)),
    Kind("empty_cells", "t.csv", csv("s,v", ",Lima", "Peru,", ",", "Chad,x"), (1, 0, 3)),
    Kind("only_bad_rows", "t.csv", csv("s,v", ",Lima", "Peru,"), (0, 0, 2)),
    Kind("repeated_rows", "t.csv", csv("s,v", *["Peru,Lima"] * 5), (1, 4, 0)),
    Kind("header_repeated", "t.csv", csv("s,v", "A,1", "s,v"), (2, 0, 0)),
    Kind("no_header", "t.csv", csv("Peru,Lima"), "the table is empty|none of the columns"),
    Kind(
        "no_header_declared",
        "t.csv",
        csv("Peru,Lima"),
        (1, 0, 0),
        top='[csv]\nheader = false\ncolumns = ["s", "v"]',
    ),
    Kind("thousand_columns", "t.csv", csv("s,v," + ",".join(f"c{i}" for i in range(1000)),
         "a,b," + ",".join("x" * 1000)), (1, 0, 0)),
    # values
    Kind("nan_and_inf", "t.parquet", values([1.0, float("nan"), float("inf")]), (1, 0, 2),
         reason="missing_value"),
    Kind("future_date", "t.csv", dates("2020-01-01", "2999-01-01"), (1, 0, 1), claim=DATES,
         reason="implausible_date"),
    Kind("year_0", "t.csv", dates("0000-01-01", "0001-01-01"), (0, 0, 2), claim=DATES),
    Kind("year_9999", "t.csv", dates("9999-12-31"), (0, 0, 1), claim=DATES),
    Kind("thirtieth_of_february", "t.csv", dates("2020-02-30"), (0, 0, 1), claim=DATES,
         reason="wrong_type"),
    Kind("dates_the_other_way", "t.csv", dates("31/12/2020", "12-31-2020"), (0, 0, 2), claim=DATES),
    Kind("huge_integers", "t.jsonl", b'{"s":"a","v":123456789012345678901234567890}', (1, 0, 0)),
    Kind("unsigned_64", "t.parquet", values(pa.array([2**64 - 1], pa.uint64())), (1, 0, 0)),
    Kind("booleans", "t.parquet", values([True, False, None]), (2, 0, 1), reason="missing_value"),
    Kind("null_only_column", "t.parquet", values(pa.nulls(2)), (0, 0, 2), reason="missing_value"),
    Kind("decimals", "t.parquet", values(pa.array([Decimal("1.50")])), (1, 0, 0)),
    Kind("decimals_of_256_bits", "t.parquet",
         values(pa.array([Decimal("1.5")], pa.decimal256(60, 2))), (1, 0, 0)),
    Kind("dictionary_encoded", "t.parquet", values(pa.array(["x", "x"]).dictionary_encode()),
         (2, 0, 0)),
    Kind("dictionary_of_numbers", "t.parquet", values(pa.array([1, 1]).dictionary_encode()),
         (2, 0, 0)),
    Kind("zoned_timestamps", "t.parquet",
         values(pa.array([datetime(2020, 1, 1, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo"))),
         (1, 0, 0)),
    Kind("nanoseconds", "t.parquet", values(pa.array([1], pa.timestamp("ns"))), (1, 0, 0)),
    Kind("old_dates", "t.parquet", values([date(1, 1, 1)]), (1, 0, 0)),
    Kind("times_and_durations", "t.parquet", values(pa.array([5], pa.duration("s"))),
         "holds duration"),
    Kind("half_floats", "t.parquet", values(pa.array([1.5], pa.float16())), (1, 0, 0)),
    Kind("binary", "t.parquet", values([b"\x00\x01"]), "holds binary"),
    Kind("binary_not_mapped", "t.parquet", values(["x", None]).append_column("b", [[b"\0", b"x"]]),
         (1, 0, 1)),
    Kind("lists", "t.parquet", values([["x"]]), "holds list"),
    Kind("lists_of_structs", "t.parquet", values([[{"a": 1}]]), "holds list"),
    Kind("lists_of_structs_not_mapped", "t.parquet",
         values(["x", None]).append_column("b", [[[{"a": 1}], None]]), (1, 0, 1)),
    Kind("maps", "t.parquet", values(pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))),
         "holds map"),
    Kind("maps_not_mapped", "t.parquet",
         values(["x", None]).append_column(
             "m", pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64()))),
         (1, 0, 1)),
    Kind("structs", "t.parquet", values([{"a": 1}]), "holds struct"),
    Kind("structs_of_one_name", "t.parquet",
         values(["x", None]).append_column("b", [[{"a": 1, "A": 2}, None]]), (1, 0, 1)),
    # texts
    Kind("right_to_left", "t.csv", csv("s,v", "مصر,القاهرة", "ישראל,\u202eירושלים"), (2, 0, 0)),
    Kind(
        "zero_width",
        "t.csv",
        csv("s,v", "Pe\u200bru,Lima", "\u200b,x"),
        (1, 0, 1),
        reason="missing_subject",
    ),
    Kind("emoji", "t.csv", csv("s,v", "👩‍👩‍👧,🇵🇪", "Peru,🏳️‍🌈"), (2, 0, 0)),
    Kind("combining", "t.csv", csv("s,v", "e\u0301,x", "é,x"), (1, 1, 0)),
    Kind("zalgo", "t.csv", csv("s,v", "P" + "\u0300" * 500 + ",x"), (1, 0, 0)),
    Kind("only_white_space", "t.csv", csv("s,v", "\u00a0\u2003,x"), (0, 0, 1),
         reason="missing_subject"),
    Kind("control_characters", "t.csv", csv("s,v", "a\x07b,c\x1b[31m"), (1, 0, 0)),
    Kind("formula", "t.csv", csv("s,v", '=HYPERLINK("x"),@SUM(1)'.replace('"', "'")), (1, 0, 0)),
    Kind("sql_in_values", "t.csv", csv("s,v", "'; drop table claims; --,x"), (1, 0, 0)),
    Kind("sql_in_names", "t.parquet", pa.table({'x"; drop table claims; --': ["a"], "v": ["b"]}),
         (1, 0, 0), claim=CLAIM.replace('"s"', "'x\"; drop table claims; --'")),
    Kind("sql_in_the_file_name", "t'; drop table claims; --.csv", csv("s,v", "a,b"), (1, 0, 0)),
    Kind("braces_in_values", "t.csv", csv("s,v", "{subject},{v}"), (1, 0, 0)),
    Kind("the_name_of_our_own_column", "t.csv", csv("s,v,lamini source row", "a,b,7"), (1, 0, 0)),
    # JSON
    Kind("invalid_json", "t.jsonl", lines(PERU, '{"s":', "nothing"), (1, 0, 2),
         reason="malformed_row"),
    Kind("json_array", "t.jsonl", json.dumps([PERU, PERU]).encode(), (1, 1, 0)),
    Kind("json_array_of_lines", "t.jsonl", b'[\n{"s":"Peru","v":"Lima"}\n]', (1, 0, 0)),
    Kind("pretty_json", "t.json", json.dumps(PERU, indent=2).encode(), "not JSON lines"),
    Kind("scalar_lines", "t.jsonl", lines(PERU, "1", "null", '"x"'), (1, 0, 3)),
    Kind("duplicate_keys", "t.jsonl", lines(PERU, '{"s":"a","v":"1","v":"2"}'), (1, 0, 1),
         reason="malformed_row"),
    Kind("keys_alike_but_for_case", "t.jsonl", lines({"s": "a", "v": "b", "V": "c"}),
         "differ by case only"),
    Kind("deep_nesting", "t.jsonl", lines(PERU, DEEP), "holds JSON objects or lists"),
    Kind("objects_as_values", "t.jsonl", lines(PERU, {"s": "a", "v": {"x": 1}}),
         "holds JSON objects"),
    Kind("missing_keys", "t.jsonl", lines(PERU, {"s": "a"}, {}), (1, 0, 2)),
    Kind("escaped_nul", "t.jsonl", lines(PERU, {"s": "a\0", "v": "b"}), (1, 0, 1)),
    Kind("nan_in_json", "t.jsonl", lines(PERU, '{"s":"a","v":NaN}'), (1, 0, 1)),
    Kind("objects_not_mapped", "t.jsonl", lines({**PERU, "more": {"x": [1]}}), (1, 0, 0)),
    Kind("keys_that_no_path_has", "t.jsonl",
         lines({**PERU, "": 0, " ": 1, "*": 2, "a/b~c": 3, "$": 4, "[0]": 5}), (1, 0, 0)),
    Kind("key_with_odd_signs", "t.jsonl", lines({**PERU, "a.b[0]\"'": 1}), (1, 0, 0)),
    Kind("crlf_jsonl", "t.jsonl", b'{"s":"a","v":"b"}\r\n{"s":"c","v":"d"}\r\n', (2, 0, 0)),
    Kind("empty_jsonl", "t.jsonl", b"\n\n", "the table is empty"),
    # files that are not what they seem
    Kind("truncated_parquet", "t.parquet", parquet_bytes()[:-20], "not a readable Parquet"),
    Kind("parquet_without_its_head", "t.parquet", parquet_bytes()[4:], "not a readable Parquet"),
    Kind("bit_flipped_footer", "t.parquet", flipped(parquet_bytes(), -9), "not a readable"),
    Kind("bit_flipped_length", "t.parquet", flipped(parquet_bytes(), -6), "not a readable"),
    Kind("bit_flipped_data", "t.parquet", flipped(parquet_bytes(), 40), "not a readable"),
    Kind("empty_parquet", "t.parquet", b"", "not a readable Parquet"),
    Kind("zero_rows", "t.parquet", GOOD.slice(0, 0), "the table is empty"),
    Kind("no_columns", "t.parquet", pa.table({}), "the table is empty"),
    Kind("csv_called_parquet", "t.parquet", csv("s,v", "a,b"), "not a readable Parquet"),
    Kind("parquet_called_csv", "t.csv", parquet_bytes(), "not readable as CSV in UTF-8"),
    Kind("parquet_called_jsonl", "t.jsonl", parquet_bytes(), "not UTF-8|not JSON lines"),
    Kind("gzipped_csv", "t.csv.gz", gzip.compress(csv("s,v", "a,b")), (1, 0, 0)),
    Kind("gzipped_without_the_name", "t.csv", gzip.compress(csv("s,v", "a,b")), (1, 0, 0)),
    Kind("gzip_cut_short", "t.csv.gz", gzip.compress(csv("s,v", "a,b"))[:-6], "is damaged"),
    Kind("unknown_extension", "t.xlsx", b"PK", "cannot tell the format of t.xlsx"),
    Kind("arrow_file", "t.arrow", arrow_bytes(), (2, 0, 0)),
    Kind("arrow_stream", "t.arrows", arrow_bytes(stream=True), (2, 0, 0)),
    Kind("arrow_cut_short", "t.arrow", arrow_bytes()[:-15], "not a readable Arrow"),
    Kind("arrow_stream_cut_short", "t.arrows", arrow_bytes(stream=True)[:-8], "cut short"),
    Kind("arrow_of_noise", "t.feather", b"FEA1" + b"\xff" * 64, "not a readable Arrow"),
    Kind("not_duckdb", "t.duckdb", b"no database" * 400, "not a DuckDB file", top="table = 't'"),
    Kind("empty_duckdb_table", "t.duckdb", a_database, "the table is empty",
         top="query = 'select * from t where false'"),
    Kind("duckdb_column_twice", "t.duckdb", a_database, "occurs 2 times|differ by case",
         top="query = 'select s, v, v as \"V\" from t'"),
    Kind("several_statements", "t.duckdb", a_database, "must be one select",
         top="query = 'select 1; drop table t'"),
    Kind("a_query_that_writes", "t.duckdb", a_database, "must be one select",
         top="query = 'drop table t'"),
    Kind("a_query_of_another_file", "t.duckdb", a_database, "the query failed",
         top="query = \"select * from read_text('/etc/hostname')\""),
    Kind("a_query_of_a_python_variable", "t.duckdb", a_database, "the query failed",
         top="query = 'select * from mapping'"),
    Kind("delta_without_log", "t", a_folder, "no folder _delta_log", top='format = "delta"'),
    Kind("folder_for_a_file", "t.csv", a_folder, "no csv files in that folder"),
    Kind("missing_file", "t.csv", lambda path: None, "no such file"),
    Kind("path_that_leads_away", "t.csv", lambda path: None, "no such file|cannot be read",
         top="path = '../../../../../../nowhere/t.csv'"),
    Kind("link_to_itself", "t.csv", a_link_to_itself, "link that leads nowhere"),
    Kind("nul_in_the_path", "t.csv", lambda path: None, "holds a NUL",
         top='path = "t\\u0000.csv"'),
    Kind("very_long_path", "t.csv", lambda path: None, "cannot be read|no such file",
         top=f"path = '{'x' * 5000}.csv'"),
    pytest.param(
        Kind("unreadable_file", "t.csv", unreadable, "cannot be read"),
        marks=pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything"),
    ),
]  # fmt: skip


def named(kind):
    return kind.name


def written(tmp_path, kind):
    path = tmp_path / kind.file
    if isinstance(kind.write, bytes):
        path.write_bytes(kind.write)
    elif isinstance(kind.write, pa.Table):
        pq.write_table(kind.write, path)
    else:
        kind.write(path)
    where = "" if kind.top.startswith("path") else f"path = {json.dumps(kind.file)}\n"
    mapping = tmp_path / "m.toml"
    mapping.write_text(f"name = '{kind.name}'\n{where}{kind.top}\n{kind.claim}")
    return mapping


def state(con):
    tables = ("ingests", "claims", "origins", "quarantine", "slots", "batches", "retractions")
    return {name: con.execute(f"select count(*) from {name}").fetchone()[0] for name in tables}


@pytest.fixture(scope="module")
def catalogue():
    """One for all kinds, each a source of its own name."""
    with query.connect() as con:
        make_tables(con)
        yield con


@pytest.mark.parametrize("kind", KINDS, ids=named)
def test_malformed_input_ends_accepted_quarantined_or_refused_whole(catalogue, tmp_path, kind):
    path = written(tmp_path, kind)
    before = state(catalogue)
    if isinstance(kind.outcome, str):
        with pytest.raises((SourceError, MappingError), match=kind.outcome):
            ingest(catalogue, read_source(load_mapping(path)))
        assert state(catalogue) == before
        return
    receipt = ingest(catalogue, read_source(load_mapping(path)))
    found = (receipt.num_accepted, receipt.num_duplicates, receipt.num_quarantined)
    assert found == kind.outcome
    assert sum(found) == receipt.num_rows
    after = state(catalogue)
    assert after["quarantine"] - before["quarantine"] == found[2]
    assert after["origins"] - before["origins"] == found[0] + found[1]
    rows = catalogue.execute(
        "select reason, explanation, raw, row, file from quarantine where content_hash = ?",
        [receipt.content_hash],
    ).fetchall()
    assert all(all(cell is not None for cell in row) for row in rows)
    if kind.reason:
        assert {row[0] for row in rows} == {kind.reason}


def test_a_flipped_byte_anywhere_in_parquet_never_loses_a_row(catalogue, tmp_path):
    data = parquet_bytes()
    kind = Kind("flips", "t.parquet", data, (2, 0, 0))
    path = written(tmp_path, kind)
    for at in range(0, len(data), 23):
        (tmp_path / kind.file).write_bytes(flipped(data, at))
        try:
            batch = read_source(load_mapping(path))
        except SourceError:
            continue
        assert batch.claims.num_rows == 2, at


def test_there_are_at_least_sixty_kinds_of_one_name_each():
    names = [getattr(kind, "name", None) or kind.values[0].name for kind in KINDS]
    assert len(set(names)) == len(names) >= 60


def test_a_database_held_open_is_refused_before_any_write(memory, tmp_path):
    path = tmp_path / "t.duckdb"
    a_database(path)
    (tmp_path / "m.toml").write_text(f"path = 't.duckdb'\ntable = 't'\n{CLAIM}")
    assert Path(path).is_file()
    con = memory()
    with duckdb.connect(str(path)), pytest.raises(SourceError):
        ingest(con, read_source(load_mapping(tmp_path / "m.toml")))
    assert not any(state(con).values())
