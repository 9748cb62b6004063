from dataclasses import replace
from datetime import datetime

import pytest

from warehouse.claims import ClaimBatch, ColumnPromise, Contract
from warehouse.errors import ContractError
from warehouse.intake import ingest
from warehouse.sources import load_mapping, read_source

NOW = datetime(2024, 6, 10)
CLAIM = '[claim]\nsubject = "s"\nvalue = "v"\nquestion = { template = "What of {subject}?" }\n'
ROWS = "s,v,n,d\nPeru,Lima,1,2024-06-01\nChad,x,2.5,2024-05-01\nMali,y,,\n"


@pytest.fixture
def source(tmp_path):
    def make(contract, rows=ROWS):
        (tmp_path / "t.csv").write_text(rows)
        (tmp_path / "m.toml").write_text(f"path = 't.csv'\n{CLAIM}[contract]\n{contract}\n")
        return read_source(load_mapping(tmp_path / "m.toml"))

    return make


KEPT = """
unique = [["s", "v"]]
min_rows = 3
max_rows = 3
freshness = { column = "d", max_age_days = 9 }
[contract.columns]
s = { type = "text", allowed = ["Peru", "Chad", "Mali"], max_null_share = 0 }
v = { matches = "[A-Za-z]+" }
n = { type = "number", min = 1, max = 2.5, max_null_share = 0.34 }
d = { type = "date", min = 2024-01-01, max = "2024-06" }
"""


@pytest.mark.slow
def test_a_contract_that_is_kept_says_nothing(memory, source):
    assert ingest(memory(), source(KEPT), recorded_at=NOW).warnings == ()


BROKEN = [
    ('[contract.columns]\nnn = "text"', r"columns: no column 'nn'; did you mean 'n'\?"),
    ('extra_columns = false\n[contract.columns]\ns = "text"', "does not name: v, n, d"),
    (
        '[contract.columns]\nn = "integer"',
        r"types: column 'n': '2\.5' \(row 2; 1 such rows\) is no",
    ),
    (
        '[contract.columns]\nv = "date"',
        r"types: column 'v': 'Lima' \(row 1; 3 such rows\) is no date",
    ),
    ('[contract.columns]\nv = "boolean"', "types: .* is no boolean"),
    ("[contract.columns]\nn = { max = 2 }", r"ranges: column 'n': '2\.5' .* outside \.\.\. to 2"),
    ("[contract.columns]\nn = { min = 2 }", "ranges: column 'n': '1' .* lies outside 2 to"),
    ("[contract.columns]\nd = { min = 2024-06-01 }", "ranges: column 'd': '2024-05-01'"),
    ("[contract.columns]\nn = { max_null_share = 0.3 }", r"nulls: column 'n': 33\.3% of 3 rows"),
    ('[contract.columns]\ns = { allowed = ["Peru", "Tchad", "Mali"] }', "did you mean 'Tchad'"),
    ('[contract.columns]\nv = { matches = "[a-z]" }', "matches: column 'v': 'Lima'"),
    ("min_rows = 4", "rows: 3 rows, at least 4 were promised"),
    ("max_rows = 2", "rows: 3 rows, at most 2 were promised"),
    ('freshness = { column = "d", max_age_days = 8 }', "ends on 2024-06-01, 9 days ago"),
    ('freshness = { column = "v", max_age_days = 8 }', "'v' holds no date"),
    ('unique = ["q"]', "no column 'q'"),
]


@pytest.mark.parametrize(("contract", "message"), BROKEN)
def test_a_broken_promise_stops_the_batch_before_any_write(memory, source, contract, message):
    con = memory()
    with pytest.raises(ContractError, match=message):
        ingest(con, source(contract), recorded_at=NOW)
    assert con.execute("select count(*) from ingests").fetchall() == [(0,)]


def test_a_key_that_occurs_twice_is_named(memory, source):
    with pytest.raises(ContractError, match=r"unique: \(s\) should be unique; .*Peru.*2 such rows"):
        ingest(memory(), source('unique = ["s"]', ROWS + "Peru,Cusco,1,2024\n"), recorded_at=NOW)


@pytest.mark.slow
def test_checks_that_only_warn_are_reported_and_let_the_batch_in(memory, source):
    contract = 'warn = ["rows", "freshness"]\nmin_rows = 9\n'
    contract += 'freshness = { column = "d", max_age_days = 1 }'
    con = memory()
    receipt = ingest(con, source(contract), recorded_at=NOW)
    assert [warning.split(":")[0] for warning in receipt.warnings] == ["rows", "freshness"]
    assert receipt.num_accepted == 3
    assert con.execute("select len(warnings) from batches").fetchall() == [(2,)]


@pytest.mark.slow
def test_too_large_a_change_of_volume_keeps_the_last_good_state_and_says_so(memory, row):
    contract = Contract(max_volume_change=0.5)
    batch = ClaimBatch.from_rows("s", [row(str(n)) for n in range(10)])
    con = memory()
    ingest(con, replace(batch, contract=contract, extract="full"), recorded_at=NOW)
    half = ClaimBatch.from_rows("s", [row(str(n)) for n in range(4)])
    with pytest.raises(
        ContractError,
        match=r"the state of 2024-06-10 00:00 \(10 rows\) stays: volume_change: 4 rows after 10 "
        r"\(-60%\); at most 50%",
    ):
        ingest(con, replace(half, contract=contract, extract="full"), recorded_at=NOW)
    assert con.execute("select count(*) from retractions").fetchall() == [(0,)]


def test_a_promise_about_a_column_of_no_text_is_checked_too(memory, row):
    batch = ClaimBatch.from_rows("s", [row()])
    promise = ColumnPromise(name="paraphrases", max_null_share=0.0)
    with pytest.raises(ContractError, match="nulls: column 'paraphrases'"):
        ingest(memory(), replace(batch, contract=Contract(columns=(promise,))))
