import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from warehouse import query
from warehouse.normal import normal_form

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
