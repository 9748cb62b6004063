from datetime import date

import pytest

from warehouse import query
from warehouse.catalogue import make_tables
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.reference import read_cldr, read_iso

AS_OF = date(2026, 1, 1)


@pytest.fixture(scope="session")
def world():
    """The reference sources, reconciled: receipt, facts and claims with their status."""
    with query.connect() as con:
        make_tables(con)
        for batch in (read_iso(), read_cldr()):
            receipt = ingest(con, batch)
            assert receipt.num_accepted == receipt.num_rows
        receipt = reconcile(con, ReconcileSettings(as_of=AS_OF))
        facts, claims = query.run(con, "export_facts"), query.run(con, "export_claims")
    by_slot = {(fact["subject"], fact["relation"]): fact for fact in facts.to_pylist()}
    return receipt, facts, by_slot, claims.to_pylist()
