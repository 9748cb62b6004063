"""Damage to any file of a home is named by `lamini doctor --deep`, with what heals it."""

import json
import shutil
import sqlite3

import pytest

from flows.home.champion import Champion, Pointer, read_pointer
from flows.home.home import Home
from flows.servers.damage import DEEP_LOOKS, databases, pointer
from lamini.backbone.backbone import load_backbone
from lamini.checkpoint.checkpoint import open_bank
from tests.lamini.bank.test_bank import file_with, flipped
from tests.lamini.conftest import built_checkpoint, make_facts
from warehouse.errors import CatalogueDamagedError, SnapshotDamagedError
from warehouse.snapshots import head

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory, published_once):
    home = tmp_path_factory.mktemp("whole") / "home"
    shutil.copytree(published_once / "home", home)
    (folder := home / "runs" / "k").mkdir(parents=True)
    built_checkpoint("llama", load_backbone().tokenizer, folder, num_steps=2)
    snapshot = head(home / "warehouse").snapshot_hash
    entry = Champion(path="runs/k/checkpoint", run_key="k", snapshot_hash=snapshot)
    Pointer(champion=entry).write(Home(home))
    for name in ("mlflow", "prefect"):
        (home / name).mkdir()
        with sqlite3.connect(home / name / f"{name}.db") as con:
            con.execute("create table t as select zeroblob(50000) as x")
    return home


@pytest.fixture
def home(whole, home):
    return shutil.copytree(whole, home)


def wrong(home):
    """Return what is not well, by the name of the check."""
    looks = (pointer, databases, *DEEP_LOOKS)
    found = [check for look in looks for check in look(home)]
    return {check.name: check for check in found if check.status != "ok"}


def test_a_home_that_is_whole_has_nothing_wrong(home):
    assert wrong(home) == {}


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def an_expert(home):
    bank = open_bank(home / "runs" / "k" / "checkpoint")
    group = make_facts()[1].group_index
    part = bank.read([group])[0, 3].numpy().tobytes()
    path, at = file_with(bank.folder / "experts.lance", part)
    flipped(path, at + 3)


def checkpoint(name, old, new):
    return lambda home: rewrite(home / "runs" / "k" / "checkpoint" / name, old, new)


def a_page_of(name):
    def damage(home):
        path = home / name / f"{name}.db"
        data = bytearray(path.read_bytes())
        data[4096:8192] = b"\xff" * 4096
        path.write_bytes(data)

    return damage


def cut_short(name):
    return lambda home: (home / name).write_bytes((home / name).read_bytes()[:20])


DAMAGES = {
    "pointer cut short": (cut_short("HEAD_CHECKPOINT.json"), "champion", "names no champion"),
    "pointer changed": (
        lambda home: rewrite(home / "HEAD_CHECKPOINT.json", '"run_key": "k"', '"run_key": "l"'),
        "champion",
        "not as it was written",
    ),
    "an expert": (an_expert, "checkpoint of k", "experts of 1 facts are damaged: fact-1"),
    "manifest": (
        checkpoint("checkpoint.json", '"num_facts": 6', '"num_facts": 7'),
        "checkpoint of k",
        "not as it was written",
    ),
    "router": (
        checkpoint("router.json", '"strict_excess"', '"strict_ecxess"'),
        "checkpoint of k",
        "router.json is damaged",
    ),
    "router's tensors": (
        lambda home: flipped(home / "runs" / "k" / "checkpoint" / "router.safetensors", 5000),
        "checkpoint of k",
        "router.safetensors is damaged",
    ),
    "catalogue": (
        lambda home: flipped(home / "warehouse" / "catalogue.duckdb", 300_000),
        "catalogue's rows",
        "catalogue.duckdb is damaged",
    ),
    "mlflow": (a_page_of("mlflow"), "mlflow database", "mlflow.db"),
    "prefect": (cut_short("prefect/prefect.db"), "prefect database", "prefect.db"),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_each_kind_of_damage_is_named_with_what_heals_it(home, kind):
    damage, name, told = DAMAGES[kind]
    damage(home)
    found = wrong(home)
    assert [*found] == [name]
    assert found[name].status == "fail"
    assert told in found[name].found
    assert "backup" in found[name].found + found[name].advice


def test_the_command_reads_deep_only_when_told_to_and_ends_with_5(home, lamini):
    an_expert(home)
    shallow, deep = (lamini("doctor", *words, "--json") for words in ([], ["--deep"]))
    assert (shallow.exit_code, deep.exit_code) == (0, 5)
    (failed,) = [c for c in json.loads(deep.stdout)["checks"] if c["status"] == "fail"]
    assert failed["name"] == "checkpoint of k"
    assert "lamini rollback" in failed["advice"]


def test_what_is_damaged_is_not_read_as_if_there_were_nothing(home, lamini):
    cut_short("HEAD_CHECKPOINT.json")(home)
    for words in (["plan"], ["ask", "Who?"], ["rollback"]):
        result = lamini(*words)
        assert (result.exit_code, "names no champion" in result.output) == (3, True)


def test_a_snapshots_file_that_was_changed_is_read_by_nobody(home, lamini):
    path = head(home / "warehouse").path / "facts.parquet"
    flipped(path, path.stat().st_size // 2, 1)
    with pytest.raises(SnapshotDamagedError, match=r"facts\.parquet is not the file that was"):
        head(home / "warehouse").facts()
    assert lamini("facts").exit_code == 3


def test_a_damaged_catalogue_is_told_from_one_that_somebody_writes_to(home, lamini):
    path = home / "warehouse" / "catalogue.duckdb"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    told = json.loads(lamini("reconcile", "--json").stderr.splitlines()[-1])
    assert (told["error"], told["exit_code"]) == (CatalogueDamagedError.__name__, 3)
    assert read_pointer(Home(home)) is not None
