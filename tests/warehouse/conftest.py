from datetime import date, datetime

import pytest

from warehouse import query
from warehouse.catalogue import make_tables, open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest

AS_OF = date(2020, 1, 1)
NOW = datetime(2024, 6, 1, 12, 0, 0)


@pytest.fixture
def home(tmp_path):
    return tmp_path / "warehouse"


@pytest.fixture
def con(home):
    with open_catalogue(home) as con:
        yield con


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A home and its catalogue that a module's tests share: they only read it."""
    home = tmp_path_factory.mktemp("kept") / "warehouse"
    with open_catalogue(home) as con:
        yield con, home


@pytest.fixture
def memory():
    """Make an empty catalogue in memory: quick, for tests that publish nothing."""
    opened = []

    def make():
        con = query.connect()
        make_tables(con)
        opened.append(con)
        return con

    yield make
    for con in opened:
        con.close()


@pytest.fixture(scope="session")
def row():
    """Make one claim; what a test does not care about has a default."""

    def make(subject="Peru", value="Lima", relation="capital", **fields):
        question = f"What is the {relation} of {subject}?"
        return {"subject": subject, "relation": relation, "value": value} | (
            {"question": question} | fields
        )

    return make


@pytest.fixture(scope="session")
def take():
    """Ingest rows as one batch."""

    def take_in(con, rows, source="s", **settings):
        return ingest(con, ClaimBatch.from_rows(source, rows, **settings), recorded_at=NOW)

    return take_in


@pytest.fixture(scope="session")
def settle():
    """Reconcile as of the pinned date."""

    def run(con, as_of=AS_OF, recorded_at=None, **settings):
        return reconcile(con, ReconcileSettings(as_of=as_of, **settings), recorded_at=recorded_at)

    return run


@pytest.fixture(scope="session")
def fates():
    """Give status and reason by (subject, value, source) from the catalogue."""

    def read(con):
        rows = con.execute(
            "select c.subject, c.value, c.source, d.status, d.reason from claims as c "
            "inner join decisions as d on c.claim_id = d.claim_id and d.recorded_to is null"
        ).fetchall()
        return {
            tuple(key): tuple(fate) for *key, status, reason in rows for fate in [(status, reason)]
        }

    return read


@pytest.fixture(scope="session")
def answers():
    """Give the current answers by (subject, relation) from the catalogue."""

    def read(con):
        rows = con.execute(
            "select subject, relation, answer from facts where recorded_to is null"
        ).fetchall()
        return {(subject, relation): answer for subject, relation, answer in rows}

    return read
