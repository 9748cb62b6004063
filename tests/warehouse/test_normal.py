import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warehouse import query
from warehouse.normal import DASHES, DOUBLE, SINGLE, name_key, normal_form, relation_name

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cn", "Co"], exclude_characters="\0"))


@pytest.mark.slow
@settings(max_examples=6, deadline=None)
@given(st.lists(TEXT, min_size=40, max_size=60))
@example(
    ["a\u00a0\x0bb", " e\u0301 ", "\x1f", "a  b", "\u2003x\u3000", "caf\u00e9", "\x85", "a\tb"]
)
def test_sql_and_python_mean_the_same_normal_form(texts):
    with query.connect() as con:
        con.register("texts", pa.table({"x": pa.array(texts, pa.string())}))
        found = con.sql("select normal_form(x) as y from texts").to_arrow_table()["y"].to_pylist()
    assert found == [normal_form(text) for text in texts]


UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202e\ufe0f\U000e0041"
NAMES = st.text(
    st.sampled_from("aB1 .é" + SINGLE + DOUBLE + DASHES + UNSEEN + "'ＡＢ１（＇－\u3000")
)


@settings(max_examples=10, deadline=None, database=None)
@given(st.lists(NAMES.map(normal_form), min_size=40, max_size=60))
def test_sql_and_python_agree_on_what_counts_of_a_name(names):
    with query.connect() as con:
        con.register("names", pa.table({"x": pa.array(names, pa.string())}))
        found = con.sql("select name_key(x), relation_name(x) from names").fetchall()
    assert found == [(name_key(name), relation_name(name)) for name in names]


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(st.sampled_from(["Co", "te", "'", "-", " ", "Ivoire"]), min_size=1), st.data())
def test_a_name_is_one_however_it_is_typed(parts, data):
    typed = {"'": [*SINGLE, "'"], "-": [*DASHES, "-"], "Co": ["Ｃｏ"], " ": ["\u3000", "\u00a0"]}
    odd = [data.draw(st.sampled_from(typed.get(part, [part]))) for part in parts]
    unseen = data.draw(st.lists(st.sampled_from(UNSEEN), min_size=len(odd), max_size=len(odd)))
    other = "".join(a + b for a, b in zip(odd, unseen, strict=True))
    assert name_key(normal_form(other)) == name_key(normal_form("".join(parts)))


def test_case_accents_and_powers_count_in_a_name():
    assert len({name_key(name) for name in ("Co", "CO", "Peña", "Pena", "10²", "102")}) == 6
