import os

import pytest

from flows.automation import watching
from flows.automation.watching import files_of, look, look_at
from flows.configuration.settings import load_settings
from flows.ingest_facts import Ingested
from flows.refresh_facts import Refreshed
from flows.watch_sources import watch
from warehouse.errors import (
    CatalogueLockedError,
    ContractError,
    MappingError,
    SourceBusyError,
)
from warehouse.sources import load_mapping


@pytest.fixture
def faults():
    """By source's file: what will be wrong with it at the next looks."""
    return {}


@pytest.fixture
def watched(home, mapping, monkeypatch, faults):
    """Watches the mapping's table; gives what was taken in at each look."""
    taken = []

    def refresh(settings, sources):
        taken.append(sources)
        at_fault = {f: faults[f] for f in sources if f in faults}
        ingested = Ingested(receipts=(), faults=at_fault)
        return Refreshed(ingested=ingested, reconciled=None, pending=None)

    monkeypatch.setattr("flows.watch_sources.refresh", refresh)

    def look_again(*more):
        taken.clear()
        watch(load_settings({"sources": (mapping, *more)}))
        return [*taken]

    return look_again


def test_only_what_moved_is_taken_in(watched, mapping):
    table = mapping.parent / "capitals.csv"
    assert watched() == [[str(mapping)]]  # never seen
    assert watched() == []
    table.write_text(table.read_text())  # touched
    assert watched() == []
    table.write_text(table.read_text() + "Peru,Lima,1\n")
    assert watched() == [[str(mapping)]]
    assert watched() == []


def test_a_changed_mapping_moves_its_source(watched, mapping):
    watched()
    mapping.write_text(mapping.read_text() + "# another\n")
    assert watched() == [[str(mapping)]]


def test_files_are_read_only_where_their_stat_moved(watched, mapping, home, monkeypatch):
    watched()
    table = mapping.parent / "capitals.csv"
    os.utime(table, (1, 1))
    read = []
    monkeypatch.setattr(watching, "_hash_of", lambda file: read.append(file) or "x")
    watched()
    assert read == [mapping, table]
    read.clear()
    watched()
    assert not read


def test_content_that_is_at_fault_is_told_of_once(watched, mapping, faults):
    faults[str(mapping)] = ContractError("too few rows")
    with pytest.raises(ContractError, match="too few"):
        watched()
    assert watched() == []


def test_a_source_that_another_process_holds_is_left_to_a_later_look(watched, mapping, faults):
    other = mapping.with_name("other.toml")
    other.write_text(mapping.read_text().replace('name = "capitals"', 'name = "other"'))
    faults[str(mapping)] = SourceBusyError("held")
    assert watched(other) == [[str(mapping), str(other)]]
    assert watched(other) == [[str(mapping)]]  # the other one is not read again
    faults.clear()
    assert watched(other) == [[str(mapping)]]
    assert watched(other) == []


def test_a_look_that_found_the_catalogue_held_looks_again(watched, mapping, home, monkeypatch):
    def fail(settings, sources):
        raise CatalogueLockedError("x")

    with monkeypatch.context() as broken:
        broken.setattr("flows.watch_sources.refresh", fail)
        with pytest.raises(CatalogueLockedError):
            watched()
    assert watched() == [[str(mapping)]]


@pytest.mark.parametrize("broken", ["not toml [", None])
def test_a_mapping_that_cannot_be_used_stops_no_other_look(watched, mapping, faults, broken):
    """It moves once when it breaks, so that it is told of, and again when it is mended."""
    other = mapping.with_name("other.toml")
    good = mapping.read_text().replace('name = "capitals"', 'name = "other"')
    if broken is not None:
        other.write_text(broken)
    faults[str(other)] = MappingError("no mapping")
    with pytest.raises(MappingError):
        watched(other)
    assert watched(other) == []
    table = mapping.parent / "capitals.csv"
    table.write_text(table.read_text() + "Peru,Lima,1\n")
    assert watched(other) == [[str(mapping)]]
    faults.clear()
    other.write_text(good)
    assert watched(other) == [[str(other)]]


def test_what_cannot_be_looked_at_moves_once(mapping, monkeypatch):
    def fail(path):
        raise PermissionError(f"no access to {path}")

    first = look_at(mapping, None)
    with monkeypatch.context() as closed:
        closed.setattr(watching, "files_of", fail)
        second = look_at(mapping, first)
        assert second.content != first.content
        assert look_at(mapping, second) == second
    assert look_at(mapping, second) == first


def test_a_folder_moves_with_any_of_its_files(tmp_path):
    mapping = tmp_path / "prices.toml"
    mapping.write_text(
        'path = "prices"\nformat = "csv"\n[claim]\nsubject = "a"\nrelation = {constant = "b"}\n'
        'value = "c"\nquestion = {template = "{subject}?"}\n'
    )
    (tmp_path / "prices").mkdir()
    (tmp_path / "prices" / "one.csv").write_text("a,c\nx,1\n")
    first = look(files_of(load_mapping(mapping)), None)
    (tmp_path / "prices" / "two.csv").write_text("a,c\ny,1\n")
    files = files_of(load_mapping(mapping))
    assert [file.name for file in files] == ["prices.toml", "one.csv", "two.csv"]
    assert look(files, first).content != first.content


def test_two_sources_of_one_name_are_refused(home, mapping, tmp_path):
    other = tmp_path / "other.toml"
    other.write_text(mapping.read_text())
    with pytest.raises(MappingError, match="capitals"):
        watch(load_settings({"sources": (mapping, other)}))
