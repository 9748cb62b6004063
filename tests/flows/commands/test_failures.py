"""A failure under --json is a line of JSON that says where, and nothing of it is on stdout."""

import json
import pickle

import pytest

from flows.home.home import Home
from flows.home.run_lock import run_lock
from warehouse.catalogue import open_catalogue
from warehouse.errors import CatalogueLockedError, SourceError, Where


@pytest.fixture
def failed(lamini):
    """Runs a command that fails; gives what it says on stderr."""

    def run(*words):
        result = lamini(*words, "--json")
        assert result.stdout == ""
        told = json.loads(result.stderr.splitlines()[-1])
        assert told["exit_code"] == result.exit_code
        return told

    return run


def test_an_unknown_key_of_a_mapping_is_named_with_its_file(failed, home, mapping):
    mapping.write_text(mapping.read_text().replace("authority", "autority"))
    told = failed("ingest", mapping)
    assert (told["error"], told["exit_code"]) == ("MappingError", 3)
    assert told["file"] == str(mapping)
    assert told["key"] == "claim.autority"
    assert "autority" in told["message"]


def test_a_column_that_is_not_there_is_named_with_its_table(failed, home, mapping):
    mapping.write_text(mapping.read_text().replace('"trust"', '"trus"'))
    told = failed("ingest", mapping)
    assert (told["error"], told["column"], told["key"]) == (
        "SourceError",
        "trus",
        "claim.authority",
    )
    assert told["file"].endswith("capitals.csv")


def test_a_quote_never_closed_is_found_in_its_row(failed, home, mapping):
    table = mapping.parent / "capitals.csv"
    table.write_text(table.read_text() + 'Peru,Lima,"1\n')
    told = failed("ingest", mapping)
    assert (told["error"], told["row"], told["column"]) == ("SourceError", 5, "trust")


def test_an_unknown_setting_is_named_with_file_and_line(failed, home, monkeypatch, tmp_path):
    settings = tmp_path / "lamini.toml"
    settings.write_text("# ours\n[memory]\nnum_expert = 4\n")
    monkeypatch.setenv("LAMINI_CONFIG", str(settings))
    told = failed("facts")
    assert (told["error"], told["setting"]) == ("SettingsError", "memory.num_expert")
    assert (told["file"], told["line"]) == (str(settings), 3)


def test_who_holds_a_catalogue_or_a_home_is_named_by_its_process(failed, published):
    import os

    with open_catalogue(published / "warehouse"):
        told = failed("retract", "x", "--reason", "y")
    assert (told["error"], told["exit_code"]) == ("CatalogueLockedError", 4)
    assert told["holder"] == str(os.getpid())
    with run_lock(Home(published)):
        told = failed("gc")
    assert (told["error"], told["holder"]) == ("RunLockedError", str(os.getpid()))


def test_without_json_a_failure_is_one_sentence(lamini, home, mapping):
    mapping.write_text(mapping.read_text().replace("authority", "autority"))
    said = lamini("ingest", mapping).stderr
    assert said.startswith("lamini: ")
    assert "{" not in said


@pytest.mark.parametrize("kind", [SourceError, CatalogueLockedError])
def test_errors_keep_their_place_when_they_are_shipped(kind):
    there = pickle.loads(pickle.dumps(kind("held", where=Where(file="a.csv", row=3))))
    assert (str(there), there.where) == ("held", Where(file="a.csv", row=3))
