"""A watermark column has the order of its own type, exactly, or none."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import SimpleNamespace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.errors import SourceError
from warehouse.sources.raw import whole
from warehouse.sources.watermark import only_new

MAPPING = SimpleNamespace(
    options=SimpleNamespace(watermark="n"), format="parquet", given_path="t.parquet"
)


def new_of(values, since=None):
    last = since and SimpleNamespace(watermark=since, watermark_column="n")
    array = values if isinstance(values, pa.Array) else pa.array(values)
    raw = only_new(MAPPING, whole(pa.table({"n": array})), last)
    return raw.table["n"].to_pylist(), raw.watermark


def moments(zone):
    return st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(
        lambda at: at.replace(tzinfo=zone)
    )


def offset(at, minutes):
    return at.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))


NUMBERS = st.decimals(-(10**30), 10**30, places=6, allow_nan=False)
ORDERED = {
    "integers": (st.integers(-(2**63), 2**63 - 1), pa.int64()),
    "large_integers": (st.integers(0, 2**64 - 1), pa.uint64()),
    "decimals": (NUMBERS, pa.decimal128(38, 6)),
    "floats": (st.floats(allow_nan=False, allow_infinity=False), pa.float64()),
    "days": (st.dates(date(1000, 1, 1), date(3000, 1, 1)), pa.date32()),
    "times": (moments(None), pa.timestamp("us")),
    "instants": (moments(UTC), pa.timestamp("us", "Asia/Tokyo")),
    "nanoseconds": (st.integers(-(2**62), 2**62), pa.timestamp("ns")),
}


@pytest.mark.parametrize("name", ORDERED)
@settings(max_examples=15, deadline=None, database=None)
@given(data=st.data())
def test_what_is_later_is_read_and_what_is_not_is_not(name, data):
    values, kind = ORDERED[name]
    earlier = data.draw(st.lists(values, min_size=1, max_size=5))
    given = data.draw(st.lists(values, min_size=1, max_size=5))
    _, watermark = new_of(pa.array(earlier, kind))
    found, newest = new_of(pa.array([*earlier, *given], kind), watermark)
    later = pa.array([value for value in given if value > max(earlier)], kind).to_pylist()
    assert found == later
    if not later:
        assert newest == watermark


@settings(max_examples=30, deadline=None, database=None)
@given(
    earlier=st.lists(NUMBERS, min_size=1, max_size=4),
    given=st.lists(NUMBERS, min_size=1, max_size=4),
)
def test_texts_of_numbers_are_in_the_order_of_numbers(earlier, given):
    _, watermark = new_of([format(number, "f") for number in earlier])
    found, _ = new_of([format(number, "f") for number in given], watermark)
    assert [Decimal(text) for text in found] == [n for n in given if n > max(earlier)]


@settings(max_examples=30, deadline=None, database=None)
@given(
    moments=st.lists(moments(None), min_size=2, max_size=6),
    minutes=st.lists(st.integers(-14 * 60, 14 * 60), min_size=6, max_size=6),
)
def test_texts_of_instants_are_in_the_order_of_instants(moments, minutes):
    texts = [offset(at, shift).isoformat() for at, shift in zip(moments, minutes, strict=False)]
    _, watermark = new_of(texts[:1])
    found, _ = new_of(texts, watermark)
    assert found == [text for text, at in zip(texts, moments, strict=True) if at > moments[0]]


FORMS = [
    (["v0009", "v0010"], "v0010", ["v0011", "v0002"], ["v0011"]),
    (["2024-W09"], "2024-W09", ["2024-W10", "2023-W52"], ["2024-W10"]),
    (["01HX2ZK3J4AAAAAAAAAAAAAAA1"], "01HX2ZK3J4AAAAAAAAAAAAAAA1",
     ["01HX2ZK3J4AAAAAAAAAAAAAAAB", "01HX2ZK3J4AAAAAAAAAAAAAAA0"], ["01HX2ZK3J4AAAAAAAAAAAAAAAB"]),
]  # fmt: skip


@pytest.mark.parametrize(("earlier", "watermark", "given", "later"), FORMS)
def test_texts_of_one_form_are_in_the_order_of_letters(earlier, watermark, given, later):
    assert new_of(earlier)[1] == watermark
    assert new_of([*earlier, *given], watermark)[0] == later


@pytest.mark.parametrize(
    "values",
    [
        ["03/01/2024", "12/31/2023"],
        ["01.03.2024 10:00"],
        ["01-03-2024-10-10-59"],
        ["v9", "v10"],
        ["9:00", "10:00"],
        ["Jan 2024", "Feb 2024"],
        ["2024-03-01", "yesterday"],
        ["2024-03-01T10:00:00Z", "2024-03-01T10:00:00"],
        ["a", "b"],
        [True],
        [time(9)],
        [["x"]],
        [timedelta(days=1)],
    ],
)
def test_what_has_no_order_that_is_surely_meant_is_refused(values):
    with pytest.raises(SourceError, match="nobody can tell which of two values of the watermark"):
        new_of(values)


@pytest.mark.parametrize(
    ("since", "values"),
    [
        ("7", ["2024-03-01"]),
        ("v0009", ["v010"]),
        ("2024-03-01 10:00:00", ["2024-03-01T10:00:00Z"]),
        ("9007199254740993", [1.5]),
        ("1.5", [True, False]),
    ],
)
def test_a_watermark_of_another_kind_is_refused(since, values):
    with pytest.raises(SourceError, match=r"so far, but|nobody can tell"):
        new_of(values, since)


def test_a_column_that_became_floats_goes_on():
    assert new_of([7.0, 8.0, 8.5], "7") == ([8.0, 8.5], "8.5")
    assert new_of([7, 9], "8.5") == ([9], "9")
