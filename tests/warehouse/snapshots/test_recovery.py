"""A catalogue that was lost is missed, and made anew without what was to be forgotten."""

import shutil

import pytest

from warehouse import tombstones
from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch, RelationRule
from warehouse.errors import CatalogueDamagedError, CatalogueGoneError
from warehouse.intake import ingest, retract
from warehouse.snapshots import head, publish, recover

PARTLY = {"tender": RelationRule(slot="multi_valued")}


@pytest.fixture
def rows(row):
    return [
        row(),
        row(),
        row(value="Cusco", authority=0.5),
        row("Chad", "N'Djamena"),
        row("Chile", "Santiagoxyzzy"),
        row("Bhutan", "BTN", relation="tender"),
        row("Bhutan", "INR", relation="tender"),
    ]


@pytest.fixture
def filled(home, rows, settle):
    """A home with seven rows published, one claim withdrawn, one slot purged and one forgotten."""
    with open_catalogue(home) as con:
        ingest(con, ClaimBatch.from_rows("s", rows, relations=PARTLY))
        chad = con.execute("select claim_id from claims where subject = 'Chad'").fetchall()[0][0]
        retract(con, [chad], "moved")
        (purged,) = tombstones.add(con, ["Chile"], "capital")
        tombstones.purge(con, [purged], ["Chile"], ["Santiagoxyzzy"])
        tombstones.add(con, ["Bhutan"], "anthem")
        settle(con)
        publish(con, home)
        tombstones.publish_tombstones(con, home)
    return home


def answered(home, settle):
    with open_catalogue(home) as con:
        settle(con)
        publish(con, home)
    snapshot = head(home)
    fates = sorted(
        zip(*(snapshot.claims()[n].to_pylist() for n in ("value", "status")), strict=True)
    )
    return snapshot.training_hash, fates


def test_a_catalogue_that_is_gone_is_an_error_with_the_ways_back(filled):
    (filled / "catalogue.duckdb").unlink()
    with pytest.raises(CatalogueGoneError, match=r"is gone, with all claims.*lamini recover"):
        open_catalogue(filled).__enter__()
    assert not (filled / "catalogue.duckdb").exists()


def test_a_catalogue_made_anew_decides_as_the_lost_one_did(filled, settle):
    before = answered(filled, settle)
    (filled / "catalogue.duckdb").unlink()
    made = recover(filled)
    assert (made.num_claims, made.num_rows, made.num_tombstones) == (6, 7, 2)
    assert answered(filled, settle) == before
    with pytest.raises(CatalogueGoneError, match="holds claims"):
        recover(filled)


def test_what_was_to_be_forgotten_is_not_learned_again_from_its_source(filled, settle, rows, row):
    (filled / "catalogue.duckdb").unlink()
    recover(filled)
    with open_catalogue(filled) as con:
        ingest(con, ClaimBatch.from_rows("s", [*rows, row("Bhutan", "song", relation="anthem")]))
    _, fates = answered(filled, settle)
    assert {status for value, status in fates if value == "(forgotten)"} == {"forgotten"}
    assert not {value for value, _ in fates} & {"Santiagoxyzzy", "song"}
    assert b"Santiagoxyzzy" not in (filled / "catalogue.duckdb").read_bytes()


def test_tombstones_hold_in_a_catalogue_from_a_backup_of_before(home, rows, settle):
    with open_catalogue(home) as con:
        ingest(con, ClaimBatch.from_rows("s", rows))
    shutil.copy(home / "catalogue.duckdb", home / "backup")
    with open_catalogue(home) as con:
        tombstones.add(con, ["Peru"], "capital")
        tombstones.publish_tombstones(con, home)
    shutil.move(home / "backup", home / "catalogue.duckdb")
    with open_catalogue(home) as con:
        assert tombstones.standing(con, ["Peru"], "capital")


def test_an_older_catalogue_than_what_is_published_publishes_nothing(filled, rows, row, settle):
    shutil.copy(filled / "catalogue.duckdb", filled / "backup")
    with open_catalogue(filled) as con:
        ingest(con, ClaimBatch.from_rows("t", [row("Laos", "Vientiane")]))
    answered(filled, settle)
    newest = head(filled).snapshot_hash
    shutil.move(filled / "backup", filled / "catalogue.duckdb")
    with pytest.raises(CatalogueGoneError, match=r"knows 7 rows.* was made of 8"):
        answered(filled, settle)
    assert head(filled).snapshot_hash == newest


def test_tombstones_that_cannot_be_read_stop_what_might_learn_again(filled):
    (filled / "tombstones.parquet").write_bytes(b"PAR1")
    with pytest.raises(CatalogueDamagedError, match="never to be learned again"):
        open_catalogue(filled).__enter__()
