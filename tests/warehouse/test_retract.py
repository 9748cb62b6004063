import pytest

from warehouse.errors import RetractionError, UnknownClaimError
from warehouse.intake import retract


@pytest.mark.slow
def test_an_unknown_claim_is_refused_and_nothing_is_withdrawn(memory, take, row):
    con = memory()
    take(con, [row()])
    [(claim_id,)] = con.execute("select claim_id from claims").fetchall()
    with pytest.raises(UnknownClaimError, match="no claim 'nope'"):
        retract(con, [claim_id, "nope"], "why not")
    with pytest.raises(RetractionError, match="needs a reason"):
        retract(con, [claim_id], " ")
    assert con.execute("select count(*) from retractions").fetchall() == [(0,)]
