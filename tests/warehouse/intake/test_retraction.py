import pytest

from warehouse.errors import RetractionError, UnknownClaimError
from warehouse.intake import claims_like, retract


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


def test_claims_are_found_by_what_they_say_however_the_slot_is_spelled(memory, take, row):
    con = memory()
    take(con, [row(), row(value="Cusco"), row("Chad", "Abéché")])
    take(con, [row("Pe\u00adru", "Lima")], source="another")

    def values(**chosen):
        ids = claims_like(con, " Peru", "ｃapital", **chosen)
        found = con.execute("select value from claims where claim_id in ?", [ids]).fetchall()
        return sorted(value for (value,) in found)

    assert values() == ["Cusco", "Lima", "Lima"]
    assert values(source="s") == ["Cusco", "Lima"]
    assert values(value=" Lima") == ["Lima", "Lima"]
    with pytest.raises(UnknownClaimError, match=r"no claim of subject 'Peru'.*source 'nobody'"):
        values(source="nobody")
