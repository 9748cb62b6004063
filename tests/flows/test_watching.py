import os

import pytest

from flows.automation import watching
from flows.automation.watching import files_of, look, read_seen
from flows.configuration.settings import load_settings
from flows.watch_sources import watch
from warehouse.errors import (
    CatalogueLockedError,
    ContractError,
    MappingError,
    SourceBusyError,
    SourceError,
)
from warehouse.sources import load_mapping


@pytest.fixture
def watched(home, mapping, monkeypatch):
    """Watches the mapping's table; gives what was taken in at each look."""
    taken = []

    def refresh(settings, sources):
        taken.append(sources)
        return {"ingested": sources}

    monkeypatch.setattr("flows.watch_sources.refresh", refresh)
    settings = load_settings({"sources": (mapping,)})

    def look_again():
        watch(settings)
        found = [*taken]
        taken.clear()
        return found

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


@pytest.mark.parametrize(
    ("error", "is_tried_again"),
    [
        (CatalogueLockedError, True),
        (SourceBusyError, True),
        (ContractError, False),
        (SourceError, False),
    ],
)
def test_a_refresh_that_failed_is_tried_again_unless_the_content_is_to_blame(
    watched, mapping, home, monkeypatch, error, is_tried_again
):
    def fail(settings, sources):
        raise error("x")

    with monkeypatch.context() as broken:
        broken.setattr("flows.watch_sources.refresh", fail)
        with pytest.raises(error):
            watched()
    assert (read_seen(home / "watched", "capitals") is None) == is_tried_again
    assert watched() == ([[str(mapping)]] if is_tried_again else [])


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
