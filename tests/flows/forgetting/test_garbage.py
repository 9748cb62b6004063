"""What is over goes by a policy; what the champion needs never does."""

import json
import os
from datetime import UTC, datetime, timedelta

import lance
import pyarrow as pa
import pytest

from flows import failpoints
from flows.configuration.retention import Retention
from flows.configuration.settings import Settings, load_settings
from flows.errors import PointerDamagedError
from flows.forgetting import garbage
from flows.forgetting.may_go import counted, find
from flows.home.champion import Champion, promote, read_pointer
from flows.home.home import Home
from flows.home.run_lock import RunLockedError, run_lock
from flows.reporting.status import status
from lamini.checkpoint.checkpoint import FORMAT_VERSION
from lamini.saved import write_sealed
from warehouse.catalogue import open_catalogue
from warehouse.claims import ClaimBatch
from warehouse.errors import CatalogueLockedError, OutsideHomeError, SnapshotDamagedError
from warehouse.intake import ingest

NOW = datetime.now(tz=UTC)
OLD = (NOW - timedelta(days=100)).timestamp()


def aged(path):
    for one in (*path.rglob("*"), path):
        os.utime(one, (OLD, OLD), follow_symlinks=False)


def snapshot(home, name):
    folder = home / "warehouse" / "snapshots" / name.ljust(16, "0")
    folder.mkdir(parents=True)
    manifest = {"snapshot_hash": name.ljust(64, "0"), "training_hash": f"facts-of-{name}-at-all"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    aged(folder)


def run(home, name, promoted=True):
    """A run folder with a checkpoint of a kilobyte, and what it was trained on."""
    folder = home / "runs" / name
    (folder / "checkpoint").mkdir(parents=True)
    (folder / "receipts").mkdir()
    (folder / "checkpoint" / "weights").write_bytes(b"x" * 1000)
    aged(folder)
    snapshot(home, name)
    if promoted:
        now = read_pointer(Home(home))
        made = Champion(
            path=f"runs/{name}/checkpoint",
            run_key=name,
            snapshot_hash=name.ljust(64, "0"),
            training_hash=name,
        )
        promote(Home(home), made, over=None if now is None else now.champion.run_key)


@pytest.fixture
def settings(home):
    """Five champions, one failed candidate, three snapshots of no run, a plan."""
    home.mkdir()
    with open_catalogue(home / "warehouse"):
        pass
    for number in range(1, 6):
        run(home, f"champion{number}")
    run(home, "failed", promoted=False)
    for name in ("loose1", "loose2"):
        snapshot(home, name)
    plans = home / "warehouse" / "assignments"
    plans.mkdir()
    for name in ("facts-of-champion5", "facts-of-champion1"):
        (plans / f"{name[:16]}-4x4-8.parquet").write_bytes(b"y" * 10)
    aged(plans)
    name = "champion5".ljust(16, "0")
    dates = {"2025-01-01": "loose1".ljust(16, "0"), "2026-01-01": name}
    head = {"snapshot": name, "as_of": "2026-01-01", "dates": dates}
    (home / "warehouse" / "HEAD.json").write_text(json.dumps(head))
    return Settings(home=home, retention=Retention(keep_runs=1, keep_snapshots=1))


def names(found, kind):
    return {item.path.split("/")[-1].rstrip("0") for item in found.items if item.kind == kind}


def tree(home):
    files = home.rglob("*")
    left_out = (".lock", ".duckdb", ".wal")
    return sorted(str(f.relative_to(home)) for f in files if f.suffix not in left_out)


def test_a_dry_run_says_what_would_go_and_removes_nothing(settings):
    before = tree(settings.home.path)
    found = garbage.collect(settings, dry_run=True)
    assert tree(settings.home.path) == before
    assert found.dry_run
    assert len(names(found, "run")) == 3
    assert not names(found, "run") & {"champion5", "champion4"}


BROKEN_CHAMPIONS = {
    "truncated": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "null": lambda text: "null",
    "a list": lambda text: "[]",
    "no history": lambda text: json.dumps({**json.loads(text), "history": None}),
    "outside": lambda text: text.replace("runs/champion5/", "../elsewhere/"),
    "outside before": lambda text: text.replace("runs/champion4/", "/etc/"),
    "outside snapshot": lambda text: text.replace("champion5000", "../../x"),
    "outside run": lambda text: text.replace('"champion3"', '"../../../champion3"'),
    "gone": lambda text: text.replace("runs/champion5/", "runs/champion9/"),
}
BROKEN_HEADS = {
    "truncated": lambda text: text[: len(text) // 2],
    "null": lambda text: "null",
    "no snapshot": lambda text: json.dumps({"as_of": "2026-01-01"}),
    "no name": lambda text: json.dumps({"snapshot": None}),
    "outside": lambda text: json.dumps({"snapshot": "../../elsewhere"}),
    "outside date": lambda text: text.replace("loose1", "../../x"),
    "gone": lambda text: json.dumps({"snapshot": "gone"}),
}


@pytest.mark.parametrize(
    ("place", "breaks"),
    [
        *[pytest.param("pointer", b, id=f"champion-{n}") for n, b in BROKEN_CHAMPIONS.items()],
        *[pytest.param("head", b, id=f"head-{n}") for n, b in BROKEN_HEADS.items()],
    ],
)
def test_a_broken_pointer_is_named_and_nothing_goes(settings, place, breaks):
    pointer = getattr(settings.home, place)
    pointer.write_text(breaks(pointer.read_text()))
    before = tree(settings.home.path)
    everything = settings.model_copy(
        update={"retention": Retention(keep_runs=0, keep_snapshots=0, keep_days=0)}
    )
    with pytest.raises((PointerDamagedError, SnapshotDamagedError, OutsideHomeError)):
        garbage.collect(everything)
    assert tree(settings.home.path) == before
    (said,) = status(settings.home).broken
    assert str(settings.home.path) in said
    assert len(said) < 1000


def test_of_pointers_that_are_whole_nothing_is_said(settings):
    assert status(settings.home).broken == []


@pytest.mark.slow
def test_champion_previous_head_and_their_snapshots_never_go(settings):
    none = settings.model_copy(
        update={"retention": Retention(keep_runs=0, keep_snapshots=0, keep_days=0)}
    )
    found = garbage.collect(none)
    home = settings.home.path
    assert {path.name for path in (home / "runs").iterdir()} == {"champion5", "champion4"}
    left = {path.name.rstrip("0") for path in (home / "warehouse" / "snapshots").iterdir()}
    assert left == {"champion5", "champion4"}
    pointer = read_pointer(Home(home))
    assert [before.run_key for before in pointer.history] == ["champion4"]
    head = json.loads((home / "warehouse" / "HEAD.json").read_text())
    assert head["dates"] == {"2026-01-01": "champion5".ljust(16, "0")}
    assert [p.name[:16] for p in (home / "warehouse" / "assignments").iterdir()] == [
        "facts-of-champio"
    ]
    assert found.bytes == sum(item.bytes for item in found.items)
    assert garbage.collect(none).items == ()


def test_what_was_written_lately_stays(settings):
    for name in ("champion1", "failed"):
        (settings.home.runs / name / "receipts" / "new.json").write_text("{}")
    found = garbage.collect(settings, dry_run=True)
    assert not names(found, "run") & {"champion1", "failed"}


def test_a_shared_file_is_freed_with_its_last_link(settings):
    home = settings.home.path
    for other in ("champion1", "champion5"):
        shared = settings.home.runs / other / "checkpoint" / "shared"
        os.link(settings.home.runs / "champion2" / "checkpoint" / "weights", shared)
        aged(settings.home.runs / other)
    os.link(
        settings.home.runs / "champion1" / "checkpoint" / "weights",
        settings.home.runs / "champion2" / "checkpoint" / "other",
    )
    aged(settings.home.runs / "champion2")
    none = settings.model_copy(update={"retention": Retention(keep_runs=0, keep_days=0)})
    runs = {i.path.name: i for i in counted(find(none, NOW)) if i.kind == "run"}
    # That of champion2 lives on in the champion; that of champion1 goes with the second of both.
    assert runs["champion1"].bytes + runs["champion2"].bytes == 1000
    assert runs["champion3"].bytes == 1000
    used = {(s.st_dev, s.st_ino): s.st_size for s in stats(home)}
    found = garbage.collect(none)
    left = {(s.st_dev, s.st_ino): s.st_size for s in stats(home)}
    gone = sum(size for inode, size in used.items() if inode not in left)
    assert sum(item.bytes for item in found.items) == gone


def stats(home):
    folders = (home / "runs", home / "warehouse" / "snapshots", home / "warehouse" / "assignments")
    return [path.stat() for one in folders for path in one.rglob("*") if path.is_file()]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["gc.after_pointer", "gc.while_removing"])
def test_i7_killed_in_the_middle_the_same_command_goes_on(settings, monkeypatch, place):
    reach = failpoints.reach

    def die(name):
        reach(name)
        if name == place:
            raise InterruptedError(name)

    monkeypatch.setattr(failpoints, "reach", die)
    with pytest.raises(InterruptedError):
        garbage.collect(settings)
    monkeypatch.setattr(failpoints, "reach", reach)
    garbage.collect(settings)
    assert {path.name for path in settings.home.runs.iterdir()} >= {"champion5", "champion4"}
    assert len([*settings.home.runs.iterdir()]) == 3
    assert garbage.collect(settings).items == ()
    promoted = read_pointer(settings.home)
    for one in (promoted.champion, *promoted.history):
        assert settings.home.checkpoint(one.path).is_dir()


def bank(folder):
    """A checkpoint whose bank has three versions and answers from the second."""
    for name in ("experts", "keys"):
        uri = str(folder / "bank" / f"{name}.lance")
        for number in range(3):
            table = pa.table({"fact_id": [f"{name}{number}"], "w": [float(number)]})
            lance.write_dataset(table, uri, mode="overwrite" if number else "create")
    versions = {"experts": 2, "keys": 2, "keys_sha256": "0"}
    manifest = {"format_version": FORMAT_VERSION, "bank": versions}
    write_sealed(folder / "checkpoint.json", manifest)


def test_older_bank_versions_go_and_the_one_that_answers_stays(settings):
    folder = settings.home.runs / "champion5" / "checkpoint"
    bank(folder)
    none = settings.model_copy(update={"retention": Retention(keep_days=0)})
    assert not [i for i in find(none, NOW) if i.kind == "bank_version"]  # not measured yet
    (folder.parent / "receipts" / "measure_recall.json").write_text("{}")
    kept = settings.model_copy(update={"retention": Retention(keep_days=1)})
    assert not [i for i in find(kept, datetime.now(tz=UTC)) if i.kind == "bank_version"]

    before = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    found = garbage.collect(none)
    after = {path for path in folder.rglob("*") if path.is_file()}
    items = [item for item in found.items if item.kind == "bank_version"]
    assert len(items) == 2
    assert sum(i.bytes for i in items) == sum(before[path] for path in {*before} - after) > 0
    held = lance.dataset(str(folder / "bank" / "keys.lance"), version=2)
    assert held.to_table()["fact_id"].to_pylist() == ["keys1"]
    assert len(held.versions()) <= 2


@pytest.mark.slow
def test_refused_rows_of_long_ago_lose_their_text_and_still_count(settings):
    rows = [{"subject": name, "relation": "r", "question": "q"} for name in ("Aland", "Bland")]
    for name, moment in (("old", NOW - timedelta(days=400)), ("new", NOW)):
        with open_catalogue(settings.home.warehouse) as con:
            ingest(con, ClaimBatch.from_rows(name, rows), recorded_at=moment.replace(tzinfo=None))
    assert garbage.collect(settings, dry_run=True).refused_rows.rows == 2
    assert garbage.collect(settings).refused_rows.rows == 2
    with open_catalogue(settings.home.warehouse) as con:
        raws = con.execute("select source, raw from quarantine order by source, row").fetchall()
    assert [raw == "(removed)" for _, raw in raws] == [False, False, True, True]
    assert garbage.collect(settings).refused_rows.rows == 0


def test_what_goes_is_listed_while_nobody_can_publish(settings, monkeypatch):
    """Between a list and its deeds a publication could make an old snapshot the head again."""
    held = []

    def listed(*given):
        with pytest.raises(CatalogueLockedError), open_catalogue(settings.home.warehouse):
            pass
        held.append(given)
        return []

    monkeypatch.setattr(garbage, "find", listed)
    garbage.collect(settings)
    assert len(held) == 1


def test_it_waits_for_no_run_and_takes_its_policy_from_the_settings(settings, lamini, monkeypatch):
    with run_lock(settings.home), pytest.raises(RunLockedError):
        garbage.collect(settings)
    monkeypatch.setenv("LAMINI_RETENTION__KEEP_RUNS", "2")
    found = json.loads(lamini("gc", "--dry-run", "--json").stdout)
    assert found["policy"]["keep_runs"] == 2
    assert sum(item["kind"] == "run" for item in found["items"]) == 2
    assert "would free" in lamini("gc", "--dry-run").stdout
    with pytest.raises(ValueError, match=r"keep_days=-1(\.0)? must not be negative"):
        load_settings({"retention": {"keep_days": -1}})
