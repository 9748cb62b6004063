"""Every type of a column has one text for a value, or is refused with what to do."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse import query
from warehouse.errors import SourceError
from warehouse.sources import load_mapping, read_source

CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "Capital of {subject}?" }\n'
ID = uuid.UUID("123e4567-e89b-12d3-a456-426614174000")
NOON = datetime(2024, 3, 1, 12)


@pytest.fixture
def read(tmp_path):
    def run(table, claim=CLAIM, name="t.parquet"):
        if isinstance(table, pa.Table):
            pq.write_table(table, tmp_path / name)
        top = f'path = "{name}"\n'
        (tmp_path / "m.toml").write_text(f"{top}{claim}")
        return read_source(load_mapping(tmp_path / "m.toml"))

    return run


def values(array):
    return pa.table({"s": [f"S{i}" for i in range(len(array))], "v": array})


def said(batch):
    return batch.claims["value"].to_pylist()


def extension(kind, stored):
    return pa.ExtensionArray.from_storage(kind, stored)


class Period(pa.ExtensionType):
    """A type of somebody else's that stores numbers only its library understands."""

    def __init__(self):
        super().__init__(pa.int64(), "somebody.period")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        return cls()


TEXTS = {
    "whole_floats": (pa.array([604.0, -0.0, 1.4e9, 1e16, 1e23]),
                     ["604", "0", "1400000000", "10000000000000000", "1" + "0" * 23]),
    "whole_small_floats": (pa.array([604.0, 2.5], pa.float32()), ["604", "2.5"]),
    "half_floats": (pa.array([604.0, 0.5], pa.float16()), ["604", "0.5"]),
    "decimals": (pa.array([Decimal("1.50")]), ["1.50"]),
    "wide_decimals": (pa.array([Decimal("1.50")], pa.decimal256(60, 2)), ["1.50"]),
    "rounded_decimals": (pa.array([Decimal("1.2E+3")], pa.decimal128(5, -2)), ["1200"]),
    "uuids": (extension(pa.uuid(), pa.array([ID.bytes], pa.binary(16))), [str(ID)]),
    "flags": (extension(pa.bool8(), pa.array([0, 1], pa.int8())), ["false", "true"]),
    "words_of_json": (extension(pa.json_(), pa.array(['"Lima"', "604", "true", "null"])),
                      ["Lima", "604", "true", None]),
    "days_as_midnights": (pa.array([datetime(1998, 9, 4), None]), ["1998-09-04", None]),
    "times": (pa.array([datetime(1998, 9, 4), NOON]),
              ["1998-09-04", "2024-03-01 12:00:00"]),
    "days_of_a_zone": (pa.array([datetime(2024, 2, 29, 15, tzinfo=UTC)],
                                pa.timestamp("us", "Asia/Tokyo")), ["2024-03-01"]),
    "days_at_an_offset": (pa.array([datetime(2024, 2, 29, 15), NOON], pa.timestamp("us", "+09:00")),
                          ["2024-03-01", "2024-03-01 12:00:00+00"]),
    "nanoseconds": (pa.array([1, 86400 * 10**9], pa.timestamp("ns")),
                    ["1970-01-01 00:00:00.000000001", "1970-01-02"]),
    "instants": (pa.array([NOON], pa.timestamp("ms", "Asia/Tokyo")), ["2024-03-01 12:00:00+00"]),
    "runs": (pa.RunEndEncodedArray.from_arrays([2, 3], [604.0, 2.5]), ["604", "604", "2.5"]),
    "codes_of_numbers": (pa.array([604.0]).dictionary_encode(), ["604"]),
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_a_value_has_the_text_that_people_write(read, tmp_path, name):
    array, expected = TEXTS[name]
    with pa.ipc.new_file(str(tmp_path / "t.arrow"), values(array).schema) as writer:
        writer.write_table(values(array))
    assert said(read(None, name="t.arrow")) == expected


WORDLESS = {
    "durations": (pa.array([timedelta(days=1)]), "holds duration"),
    "intervals": (pa.array([(14, 3, 0)], pa.month_day_nano_interval()), "holds month_day_nano"),
    "maps": (pa.array([[("x", 1)]], pa.map_(pa.string(), pa.int64())), "holds map"),
    "bytes_of_one_length": (pa.array([b"ab"], pa.binary(2)), "holds large_binary"),
    "list_views": (pa.array([["x"]], pa.list_view(pa.string())), "holds large_list"),
    "lists_of_one_length": (pa.array([[1.0]], pa.list_(pa.float64(), 1)), "holds large_list"),
    "unions": (pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])]),
               "holds .*union"),
    "objects_of_json": (extension(pa.json_(), pa.array(['{"a": 1}'])), "holds JSON objects"),
    "tensors": (extension(pa.fixed_shape_tensor(pa.int8(), [1]),
                          pa.array([[1]], pa.list_(pa.int8(), 1))),
                "holds arrow.fixed_shape_tensor values"),
    "periods": (extension(Period(), pa.array([7])), "holds somebody.period values"),
    "opaque": (extension(pa.opaque(pa.binary(), "point", "PostgreSQL"), pa.array([b"x"])),
               "holds point values"),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDLESS)
def test_what_has_no_text_is_refused_where_it_is_mapped_and_left_alone_where_not(
    read, tmp_path, name
):
    array, words = WORDLESS[name]
    table = values(array)
    with pa.ipc.new_file(str(tmp_path / "t.arrow"), table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(SourceError, match=f"column 'v' {words}.* map another column, or write"):
        read(None, name="t.arrow")
    other = CLAIM.replace('value = "v"', 'value = { constant = "x" }')
    assert read(None, claim=other, name="t.arrow").raw.num_rows == 1


@settings(max_examples=8, deadline=None, database=None)
@given(numbers=st.lists(st.integers(-(2**53), 2**53), min_size=1, max_size=20))
def test_integers_with_a_gap_are_the_same_claims_as_without(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("gap")
    (folder / "m.toml").write_text(f'path = "months"\nformat = "parquet"\n{CLAIM}')
    (folder / "months").mkdir()
    pq.write_table(values(pa.array(numbers)), folder / "months" / "1.parquet")
    before = said(read_source(load_mapping(folder / "m.toml")))
    gap = values(pa.array([*map(float, numbers), None]))  # as pandas has it
    pq.write_table(gap, folder / "months" / "2.parquet")
    assert said(read_source(load_mapping(folder / "m.toml"))) == [*before, *before, None]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (f"{2**127 - 1}::hugeint", str(2**127 - 1)),
        ("604::double", "604"),
        ("uuid '123e4567-e89b-12d3-a456-426614174000'", str(ID)),
        ("'\"Lima\"'::json", "Lima"),
        ("timestamptz '2024-03-01 00:30:00+02'", "2024-02-29 22:30:00+00"),
        ("date 'infinity'", None),
        ("'infinity'::double", None),
    ],
)
def test_types_of_duckdb_have_their_text(read, tmp_path, told, text):
    with duckdb.connect(str(tmp_path / "t.duckdb")) as con:
        con.execute(f"create table t as select 1 as s, {told} as v")
    assert said(read(None, claim=f"table = 't'\n{CLAIM}", name="t.duckdb")) == [text]


@pytest.mark.parametrize("told", ["interval 1 day", "map {'a': 1}", "'{}'::json", "'101'::bit"])
def test_types_of_duckdb_without_a_text_are_refused_with_a_cast(read, tmp_path, told):
    with duckdb.connect(str(tmp_path / "t.duckdb")) as con:
        con.execute(f"create table t as select 1 as s, {told} as v")
    with pytest.raises(SourceError, match='cast it in a query: select "v"::text'):
        read(None, claim=f"table = 't'\n{CLAIM}", name="t.duckdb")


NUMBERS = st.one_of(st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=4))


@settings(max_examples=5, deadline=None, database=None)
@given(numbers=st.lists(NUMBERS, min_size=20, max_size=40))
def test_a_number_of_json_is_as_it_is_written_but_for_a_fraction_of_zero(numbers):
    texts = [format(number, "f") for number in numbers]
    with query.connect() as con:
        con.register("texts", pa.table({"x": pa.array(texts, pa.string())}))
        found = con.execute("select json_text(x::json) from texts").fetchall()
    for number, written, (text,) in zip(numbers, texts, found, strict=True):
        if number != int(number) or "." not in written:
            assert text == written
        elif abs(number) < 2**53:  # beyond, such a number is read as a float
            assert text == str(int(number))


def test_lists_of_json_hold_the_same_texts(read, tmp_path):
    rows = [{"s": "a", "v": "x", "p": ["{subject}", 604.0]}, {"s": "b", "v": "y", "p": 7}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    batch = read(None, claim=CLAIM + 'aliases = "p"\n', name="t.jsonl")
    assert batch.claims["aliases"].to_pylist() == [["{subject}", "604"], ["7"]]


def test_an_instant_has_one_day_wherever_the_machine_stands(read, monkeypatch):
    claim = CLAIM + 'observed_at = "seen"\n'
    seen = pa.array([datetime(2026, 3, 1, 2, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    table = values(pa.array(["x"])).append_column("seen", seen)
    found = set()
    for zone in ("UTC", "America/Los_Angeles", "Asia/Tokyo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        found.add(read(table, claim).content_hash)
    monkeypatch.undo()
    time.tzset()
    assert len(found) == 1
