"""The same claims in any order, split into any batches, decide the same (I8 holds throughout)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from warehouse.claims import RelationRule

pytestmark = pytest.mark.slow

CLAIMS = st.fixed_dictionaries(
    {
        "subject": st.sampled_from(["A", "B", "C", ""]),
        "relation": st.sampled_from(["one", "set"]),
        "value": st.sampled_from(["x", "y", "z"]),
        "question": st.sampled_from(["Q1?", "Q2?", "Q3?", None]),
        "paraphrases": st.sampled_from([[], ["P1"], ["P2", "P1"], ["Q1?"]]),
        "source": st.sampled_from(["s", "t", "u"]),
        "authority": st.sampled_from([None, 1, 2, "bad"]),
        "observed_at": st.sampled_from([None, "2001", "2005-05-05"]),
        "valid_from": st.sampled_from([None, "2010", "2021"]),
        "valid_to": st.sampled_from([None, None, "2015", "2030"]),
    }
)


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), claims=st.lists(CLAIMS, min_size=1, max_size=25))
def test_order_and_batches_do_not_matter_and_no_row_is_lost(memory, take, settle, data, claims):
    rows = [{**claim, "row": index} for index, claim in enumerate(claims, start=1)]
    shuffled = data.draw(st.permutations(rows))
    cut = data.draw(st.integers(0, len(rows)))
    receipts = []
    for batches in ([rows], [shuffled[:cut], shuffled[cut:]]):
        con = memory()
        for batch in batches:
            if batch:
                take(
                    con,
                    batch,
                    file=f"{batch is rows}",
                    relations={"set": RelationRule(slot="multi_valued")},
                )
        con.execute("update origins set file = 'f'")
        con.execute("update quarantine set file = 'f'")
        receipts.append(settle(con))
        con.close()
    whole, split = receipts
    assert sum(whole.counts.values()) == whole.num_input_rows == len(rows)
    assert whole.training_hash == split.training_hash
    if sum(split.counts.values()) == len(rows):  # equal halves of one file are taken in once
        assert whole == split
