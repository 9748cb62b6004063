import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from warehouse import durable
from warehouse.catalogue import open_catalogue
from warehouse.durable import write_parquet
from warehouse.errors import (
    NoSnapshotError,
    NotAFileError,
    OutsideHomeError,
    SnapshotDamagedError,
    StaleDecisionsError,
)
from warehouse.snapshots import head, open_snapshot, publish, published_dates


@pytest.fixture(scope="module")
def once(tmp_path_factory, take, settle, row):
    """A home with a snapshot, to be copied."""
    home = tmp_path_factory.mktemp("once") / "warehouse"
    with open_catalogue(home) as con:
        take(con, [row(), row(), row("Chad", None), row("Mali", "1"), row("Mali", "2")])
        settle(con)
        publish(con, home)
    return home


@pytest.fixture
def home(once, tmp_path):
    return shutil.copytree(once, tmp_path / "warehouse")


@pytest.fixture
def published(home):
    return head(home)


def test_a_snapshot_holds_everything_that_came_in(published):
    claims = published.claims()
    assert claims["status"].to_pylist().count("contradicted") == 2
    assert published.facts()["answer"].to_pylist() == ["Lima"]
    assert published.quarantine()["reason"].to_pylist() == ["missing_value"]
    assert published.conflicts()["values"].to_pylist() == [["1", "2"]]
    assert published.duplicates().select(["file", "row"]).to_pylist() == [{"file": "s", "row": 2}]
    lima = [claim for claim in claims.to_pylist() if claim["value"] == "Lima"]
    assert [(claim["file"], claim["row"]) for claim in lima] == [("s", 1)]
    assert sum(published.manifest["counts"].values()) == published.manifest["num_input_rows"] == 5


def test_the_manifest_tells_rows_and_digest_of_every_file(published):
    published.verify()
    for name, entry in published.manifest["files"].items():
        assert pq.read_metadata(published.path / name).num_rows == entry["num_rows"]
    (published.path / "facts.parquet").write_bytes(b"cut")
    with pytest.raises(SnapshotDamagedError, match=r"facts\.parquet is not the file"):
        published.verify()
    with pytest.raises(SnapshotDamagedError, match="not the file that was published"):
        published.facts()


def test_publishing_the_same_state_again_writes_nothing(published, con, home):
    before = {path: path.stat().st_mtime_ns for path in published.path.iterdir()}
    assert publish(con, home) == published == head(home)
    assert {path: path.stat().st_mtime_ns for path in published.path.iterdir()} == before
    assert [path.name for path in home.iterdir() if path.name == ".staging"] == []


@pytest.mark.slow
def test_an_older_snapshot_stays_readable_when_the_head_moves(
    published, con, home, take, settle, row
):
    take(con, [row("Laos", "Vientiane")], file="more")
    with pytest.raises(StaleDecisionsError, match="run reconcile before publishing"):
        publish(con, home)
    settle(con)
    assert publish(con, home) == head(home) != published
    published.verify()


def test_the_head_needs_no_catalogue(published, con, home):
    con.execute("detach database if exists nothing")
    (home / "catalogue.duckdb").rename(home / "elsewhere")
    assert head(home).facts().num_rows == 1


def test_without_a_snapshot_the_error_says_what_to_do(tmp_path):
    with pytest.raises(NoSnapshotError, match="ingest a source, then reconcile"):
        head(tmp_path)


def test_a_head_that_points_nowhere_is_reported(published, home):
    (home / "HEAD.json").write_text(json.dumps({"snapshot": "gone"}))
    with pytest.raises(SnapshotDamagedError, match=r"gone.manifest\.json is missing"):
        head(home)


@pytest.mark.parametrize("told", [{"snapshot": "../../x"}, {"dates": {"2026-01-01": "/etc"}}])
def test_a_head_that_leads_out_of_the_home_is_refused(published, home, told):
    pointer = {**durable.read_json(home / "HEAD.json"), **told}
    durable.write_json(durable.sealed(pointer), home / "HEAD.json")
    for read in (head, published_dates):
        with pytest.raises(OutsideHomeError, match="leads out of it"):
            read(home)


def test_a_manifest_that_names_a_file_elsewhere_is_refused(published):
    path = published.path / "manifest.json"
    told = durable.read_json(path)
    told["files"]["../../HEAD.json"] = told["files"].pop("facts.parquet")
    durable.write_json(durable.sealed(told), path)
    with pytest.raises(OutsideHomeError, match="leads out of it"):
        open_snapshot(published.path).verify()


def test_a_table_that_is_a_link_out_of_its_snapshot_is_refused(published, tmp_path):
    facts = published.path / "facts.parquet"
    facts.rename(tmp_path / "elsewhere.parquet")
    facts.symlink_to(tmp_path / "elsewhere.parquet")
    with pytest.raises(OutsideHomeError, match="elsewhere"):
        published.facts()


def test_a_file_replaces_no_device_pipe_or_folder(published, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path in (Path("/dev/full"), tmp_path / "pipe", tmp_path / "folder"):
        with pytest.raises(NotAFileError, match="name a file"):
            write_parquet(published.facts(), path)
    assert Path("/dev/full").is_char_device()
    assert (tmp_path / "pipe").is_fifo()
    assert not list(tmp_path.glob(".*.part"))
