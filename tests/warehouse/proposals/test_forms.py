"""Tables in forms found in the wild: what their rows are taken to be about, and what they tell."""

import pytest

from warehouse.errors import SourceError

WIDE = {
    "a name and what it has": (
        "package,version,license\nnumpy,2.4.6,BSD\npolars,1.9.0,MIT\nduckdb,1.5.6,MIT\n",
        {"subject": "package"},
        ["version", "license"],
    ),
    "numbered rows": (
        "id,name,capital\n1,Peru,Lima\n2,Chad,N'Djamena\n3,Oman,Muscat\n",
        {"subject": "name"},
        ["capital"],
    ),
    "names twice, ids once": (
        "employee id,full name,office\nE1,Ana Li,Rome\nE2,Ana Li,Oslo\nE3,Jo Ek,Oslo\n",
        {"subject": "employee id", "aliases": "full name"},
        ["full name", "office"],
    ),
    "the index of pandas": (
        ",country,capital\n0,Peru,Lima\n1,Chad,N'Djamena\n2,Oman,Muscat\n",
        {"subject": "country"},
        ["capital"],
    ),
    "when each row was looked at": (
        "sku,price,updated_at\nA-1,3.50,2025-01-02\nA-2,4.10,2025-02-03\nA-3,9.00,2024-01-01\n",
        {"subject": "sku", "observed_at": "updated_at"},
        ["price"],
    ),
    "columns that are years": (
        "Country Name,Indicator Name,2021,2022,2023\n"
        "Peru,Population,1,2,33\nChad,Population,3,4,44\nOman,Population,5,6,55\n",
        {"subject": "Country Name", "observed_at": {"constant": "2023"}},
        ["population"],
    ),
    "two columns together": (
        "city,state,mayor\nSalem,Oregon,Al Bo\nSalem,Ohio,Cy Do\nDayton,Ohio,Ed Fo\n"
        "Dayton,Oregon,Gi Ho\n",
        {"subject": {"template": "{city}, {state}"}},
        ["mayor"],
    ),
    "first and last names": (
        "EmpID,FirstName,LastName,Office\n11,Ana,Li,Rome\n12,Jo,Li,Oslo\n19,Ana,Ek,Rome\n",
        {"subject": {"template": "{FirstName} {LastName}"}},
        ["EmpID", "office"],
    ),
    "one title, two years": (
        "title,year,director\nDune,1984,Al Bo\nDune,2021,Cy Do\nHeat,1995,Al Bo\nJaws,1975,Ed Fo\n"
        "Alien,1979,Al Bo\n",
        {"subject": {"template": "{title}, {year}"}},
        ["director"],
    ),
    "a row said twice": (
        "package,version\nnumpy,2.4\npolars,1.9\nnumpy,2.4\n",
        {"subject": "package"},
        ["version"],
    ),
    "days": (
        "Date,Open,Close\n2024-01-02,1.5,2\n2024-01-03,2.5,3\n2024-01-04,1,1.5\n",
        {"subject": "Date"},
        ["open", "close"],
    ),
    "semicolons": (
        "Land;Hauptstadt;Währung\nPeru;Lima;Sol\nTschad;N'Djamena;Franc\nOman;Maskat;Rial\n",
        {"subject": "Land"},
        ["hauptstadt", "währung"],
    ),
}


@pytest.mark.parametrize("case", WIDE, ids=lambda case: case.replace(" ", "-"))
def test_a_state_is_a_wide_table_and_a_full_extract(proposed, case):
    text, fields, relations = WIDE[case]
    proposal, batch = proposed("table.csv", text)
    assert dict(proposal.form.fields) == fields
    assert [relation.name for relation in proposal.form.relations] == relations
    assert all(r.slot == "single_valued" for r in proposal.form.relations)
    assert batch.extract == "full"
    assert batch.claims.num_rows == (text.count("\n") - 1) * len(relations)


def test_a_log_is_read_by_its_dates_and_is_no_full_extract(proposed):
    rows = "date,ticker,rating\n2024-01-01,AAA,hold\n2024-01-01,BBB,buy\n2024-02-01,AAA,sell\n"
    proposal, batch = proposed("ratings.csv", rows)
    assert dict(proposal.form.fields) == {"subject": "ticker", "observed_at": "date"}
    assert batch.extract == "incremental"


def test_a_subject_with_several_values_has_a_set(proposed):
    rows = "country,language\nPeru,Spanish\nPeru,Quechua\nChad,French\nChad,Arabic\n"
    proposal, batch = proposed("languages.csv", rows)
    assert batch.relations["language"].slot == "multi_valued"
    assert "set" in proposal.doubts[0]


@pytest.mark.parametrize(
    ("header", "relation", "value"),
    [
        ("subject,relation,object", "relation", "object"),
        ("entity,attribute,value", "attribute", "value"),
        ("country,property,is", "property", "is"),
    ],
)
def test_a_claim_a_row_is_a_long_table(proposed, header, relation, value):
    rows = "Peru,capital,Lima\nPeru,money,Sol\nChad,capital,N'Djamena\nChad,money,Franc\n"
    proposal, batch = proposed("facts.csv", f"{header}\n{rows}")
    assert (proposal.form.fields["relation"], proposal.form.fields["value"]) == (relation, value)
    assert batch.claims["question"].to_pylist()[0] == "What is the capital of Peru?"
    assert batch.extract == "full"


@pytest.mark.parametrize("names", ["question,answer", "prompt,completion", "Q,A"])
def test_questions_with_answers_need_no_subject(proposed, names):
    rows = 'Who runs it?,"Ana runs it, since May."\nWhere is it?,It is in Rome.\n'
    proposal, batch = proposed("faq.csv", f"{names}\n{rows}")
    assert not proposal.form.is_wide
    assert batch.claims["question"].to_pylist() == ["Who runs it?", "Where is it?"]
    assert batch.claims["value"].to_pylist() == ["Ana runs it, since May.", "It is in Rome."]


def test_what_tells_nothing_is_left_out_with_the_reason(proposed):
    long = "a long text " * 40
    rows = "\n".join(f"n{i},same,true,,{long}{i},v{i % 2}" for i in range(4))
    proposal, _ = proposed("t.csv", f"name,type,active,notes,story,colour\n{rows}\n")
    assert [relation.name for relation in proposal.form.relations] == ["colour"]
    why = dict(proposal.form.left_out)
    assert why.keys() == {"type", "active", "notes", "story"}
    assert "'same' in every row" in why["type"]


def test_what_may_stand_for_no_value_is_taken_for_none_and_said(proposed):
    proposal, batch = proposed("t.csv", "name,iata\nUtirik,UTK\nNowhere,\\N\nKirakira,IRA\n")
    assert batch.claims["value"].to_pylist() == ["UTK", None, "IRA"]
    assert any("1 row has '\\\\N' as 'iata'" in doubt for doubt in proposal.doubts)


def test_what_is_like_the_other_values_is_one_and_a_doubt(proposed):
    rows = "name,alpha_2,note\nNamibia,NA,NA\nPeru,PE,warm\nChad,TD,dry\n"
    proposal, batch = proposed("t.csv", rows)
    assert proposal.form.nulls == ()
    assert "NA" in batch.claims["value"].to_pylist()
    assert any("name it in nulls" in doubt for doubt in proposal.doubts)


VENDORS = "".join(f"Vendor {i},kind {i % 7},2027-01-{i % 28 + 1:02}\n" for i in range(45))


@pytest.mark.parametrize(
    ("dirt", "doubt"),
    [
        ("Vendor 3,kind 9,2027-01-04\n", "1 row has a 'Vendor' that another row has"),
        (",kind 2,2027-01-04\n", "1 row has no 'Vendor', and will be refused"),
        ("Vendor 3,kind 3,2027-01-04\n" * 3, None),
    ],
    ids=["a contradicted row", "a row without a name", "rows that are there twice"],
)
def test_a_few_bad_rows_do_not_hide_what_a_table_is_about(proposed, dirt, doubt):
    proposal, _ = proposed("spend.csv", f"Vendor,Category,Renewal date\n{VENDORS}{dirt}")
    assert dict(proposal.form.fields) == {"subject": "Vendor"}
    assert [d[: len(doubt or d)] for d in proposal.doubts] == ([doubt] if doubt else [])
    assert all(r.slot == "single_valued" for r in proposal.form.relations)


def test_the_subject_may_be_said(proposed):
    rows = "ticket,host,owner\nT-1,web,Ana\nT-2,db,Jo\nT-3,mail,Li\n"
    assert proposed("t.csv", rows)[0].form.fields["subject"] == "ticket"
    proposal, batch = proposed("t.csv", rows, subject="Host")
    assert dict(proposal.form.fields) == {"subject": "host"}
    assert batch.claims["subject"].to_pylist()[0] == "web"
    with pytest.raises(SourceError, match=r"no column 'hots' .* 'ticket', 'host', 'owner'"):
        proposed("t.csv", rows, subject="hots")


def test_a_table_that_tells_nothing_is_refused_with_its_columns(proposed):
    with pytest.raises(SourceError, match=r"t\.csv: no column .* 'name'"):
        proposed("t.csv", "name\nPeru\nChad\n")
