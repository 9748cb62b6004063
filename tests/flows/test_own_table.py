"""One's own table: `lamini init` writes a mapping that works as it is, and keeps up with edits."""

import json

import pytest

TABLES = {
    "packages.csv": "package,version,license\nnumpy,2.4.6,BSD\npolars,1.9.0,MIT\nduckdb,1.5,MIT\n",
    "contacts.tsv": "name\temail\tphone\nAna Li\tana@x.org\t0301\nJo Ek\tjo@x.org\t0302\n",
    "cities.csv": "Stadt;Einwohner;Bürgermeister\nKöln;1087353;Ana Li\nUlm;128928;Jo Ek\n",
    "prices.jsonl": '{"sku": "A-1", "price": 3.5}\n{"sku": "A-2", "price": 4}\n',
    "faq.csv": "question,answer\nWho runs it?,Ana runs it.\nWhere is it?,It is in Rome.\n",
    "log.csv": "date,host,state\n2024-01-01,a,up\n2024-01-02,a,down\n2024-01-01,b,up\n",
    "languages.csv": "country,language\nPeru,Spanish\nPeru,Quechua\nChad,French\n",
}
NUM_FACTS = dict(zip(TABLES, (6, 4, 4, 2, 2, 2, 2), strict=True))


def told(result, code=0):
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


@pytest.fixture
def keep_up(lamini, home, tokenizer_folder):
    """Ingest the mapping as it lies there and reconcile; give what the slots say."""

    def run():
        told(lamini("ingest", "mapping.toml", "--json"))
        told(lamini("reconcile", "--backbone", tokenizer_folder, "--json"))
        found = told(lamini("facts", "--json"))
        return {(fact["subject"], fact["relation"]): fact["answer"] for fact in found}

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLES)
def test_a_table_becomes_facts_without_a_mapping_of_ones_own(lamini, home, keep_up, name):
    table = home.parent / name
    table.write_text(TABLES[name], encoding="utf-8")
    proposed = told(lamini("init", table, "--json"))
    assert proposed["mapping"] == "mapping.toml"
    checked = told(lamini("source", "check", "mapping.toml", "--json"))
    assert (checked["num_quarantined"], checked["findings"]) == (0, [])
    assert len(keep_up()) == NUM_FACTS[name]


@pytest.mark.slow
def test_an_edited_cell_is_a_change_and_a_deleted_row_is_retired(lamini, home, keep_up):
    table = home.parent / "packages.csv"
    table.write_text(TABLES["packages.csv"])
    lamini("init", table)
    assert keep_up()["numpy", "version"] == "2.4.6"
    edited = TABLES["packages.csv"].replace("2.4.6", "2.5.0").replace("polars,1.9.0,MIT\n", "")
    table.write_text(edited)
    after = keep_up()
    assert after["numpy", "version"] == "2.5.0"
    assert {subject for subject, _ in after} == {"numpy", "duckdb"}


def test_init_replaces_no_mapping_and_says_what_comes_next(lamini, home):
    table = home.parent / "packages.csv"
    table.write_text(TABLES["packages.csv"])
    shown = lamini("init", table).stdout
    assert "subject = package" in shown
    assert "lamini run --source mapping.toml" in shown
    before = (home.parent / "mapping.toml").read_text()
    again = lamini("init", table)
    assert again.exit_code == 3
    assert "--out" in again.stderr
    assert (home.parent / "mapping.toml").read_text() == before


@pytest.mark.parametrize("name", ["gone.csv", "notes.docx"])
def test_what_cannot_be_read_leaves_no_mapping(lamini, home, name):
    result = lamini("init", name)
    assert result.exit_code == 3
    assert name in result.stderr
    assert not (home.parent / "mapping.toml").exists()
