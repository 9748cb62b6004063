import json
import subprocess
import sys

import pytest

from flows.errors import GateError, NothingYetError
from flows.home.champion import Champion, changing, promote, promoted, read_pointer, roll_back
from flows.home.home import Home
from flows.home.run_lock import RunLockedError, run_lock
from lamini.saved import write_sealed
from warehouse.durable import read_json, sealed, write_json
from warehouse.errors import OutsideHomeError, SnapshotDamagedError


def entry(home, name):
    (home / "runs" / name).mkdir(parents=True, exist_ok=True)
    (home / "runs" / name / "checkpoint.json").write_text("{}")
    snapshot = home / "warehouse" / "snapshots" / name.ljust(16, "0")
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "manifest.json").write_text("{}")
    return Champion(
        path=f"runs/{name}",
        run_key=name,
        snapshot_hash=name.ljust(64, "0"),
        training_hash=f"facts of {name}",
        as_of="2026-01-01",
        bank={"experts": 1, "keys": 1, "keys_sha256": "0"},
    )


def crown(home, given):
    """Promote it over the champion that is there."""
    now = read_pointer(Home(home))
    promote(Home(home), given, over=None if now is None else now.champion.run_key)


def test_promoting_keeps_those_before_and_does_nothing_when_repeated(home):
    home.mkdir()
    one, two = entry(home, "one"), entry(home, "two")
    crown(home, one)
    crown(home, two)
    first = (home / "HEAD_CHECKPOINT.json").read_bytes()
    crown(home, two)
    assert (home / "HEAD_CHECKPOINT.json").read_bytes() == first
    pointer = read_pointer(Home(home))
    assert pointer.champion.run_key == "two"
    assert pointer.history == (one,)


def test_rolling_back_restores_checkpoint_and_snapshot_and_rejects_what_was_left(home):
    home.mkdir()
    for name in ("one", "two", "three"):
        crown(home, entry(home, name))
    moved = roll_back(Home(home))
    assert (moved.left.run_key, moved.champion.run_key) == ("three", "two")
    pointer = read_pointer(Home(home))
    assert (pointer.champion.run_key, pointer.rejected) == ("two", ("facts of three",))
    head = read_json(home / "warehouse" / "HEAD.json")
    assert head == {"snapshot": "two".ljust(16, "0"), "as_of": "2026-01-01"}
    dates = {"2025-01-01": "older"}
    (home / "warehouse" / "HEAD.json").write_text(json.dumps({**head, "dates": dates}))
    roll_back(Home(home))
    pointer = read_pointer(Home(home))
    assert (pointer.champion.run_key, pointer.history) == ("one", ())
    assert json.loads((home / "warehouse" / "HEAD.json").read_text())["dates"] == dates
    assert pointer.rejected == ("facts of three", "facts of two")
    # Promoted again, because a person wanted it, the facts are accepted again.
    crown(home, entry(home, "three"))
    assert read_pointer(Home(home)).rejected == ("facts of two",)


def test_i7_a_rollback_killed_between_its_two_files_ends_the_same_when_repeated(home, monkeypatch):
    home.mkdir()
    for name in ("one", "two", "three"):
        crown(home, entry(home, name))

    from flows.home import champion

    written = champion.write_json

    def killed(value, path):
        if path.name == "HEAD_CHECKPOINT.json":
            raise KeyboardInterrupt
        written(value, path)

    monkeypatch.setattr(champion, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        roll_back(Home(home))
    monkeypatch.undo()
    assert roll_back(Home(home)).champion.run_key == "two"


def test_there_must_be_something_to_go_back_to(home):
    with pytest.raises(NothingYetError, match="lamini run"):
        roll_back(Home(home))
    home.mkdir()
    crown(home, entry(home, "one"))
    with pytest.raises(NothingYetError, match="first champion"):
        roll_back(Home(home))
    crown(home, entry(home, "two"))
    (home / "warehouse" / "snapshots" / "one".ljust(16, "0") / "manifest.json").unlink()
    with pytest.raises(SnapshotDamagedError):
        roll_back(Home(home))
    assert read_pointer(Home(home)).champion.run_key == "two"
    (home / "runs" / "one" / "checkpoint.json").unlink()
    with pytest.raises(NothingYetError, match="is gone"):
        roll_back(Home(home))


def test_a_candidate_is_not_promoted_over_another_champion_than_its_run_found(home):
    home.mkdir()
    for name in ("one", "two"):
        crown(home, entry(home, name))
    roll_back(Home(home))
    with pytest.raises(GateError, match=r"run two was the champion.*left for run one"):
        promote(Home(home), entry(home, "three"), over="two")
    pointer = read_pointer(Home(home))
    assert (pointer.champion.run_key, pointer.history) == ("one", ())
    assert pointer.rejected == ("facts of two", "facts of three")
    with pytest.raises(GateError):
        promote(Home(home), entry(home, "three"), over=None)
    assert read_pointer(Home(home)) == pointer


def test_a_rollback_waits_for_no_run_but_for_who_removes_what_it_may_lead_to(
    home, lamini, monkeypatch
):
    home.mkdir()
    for name in ("one", "two"):
        crown(home, entry(home, name))
        write_sealed(home / "runs" / name / "checkpoint.json", {"bank": {"keys": 1}})
    monkeypatch.setattr("flows.home.champion._WAIT_SECONDS", 0.0)
    monkeypatch.setattr(
        "lamini.checkpoint.held_facts._of_version", lambda folder, version: frozenset()
    )
    with changing(Home(home)):
        refused = lamini("rollback")
        assert (refused.exit_code, "another promotion" in refused.output) == (4, True)
    with run_lock(Home(home)):
        assert lamini("rollback").exit_code == 0
        with pytest.raises(RunLockedError), run_lock(Home(home)):
            pass
    assert read_pointer(Home(home)).champion.run_key == "one"


@pytest.mark.slow
def test_what_a_rollback_needs_before_the_pointer_moves_is_imported_in_a_moment():
    code = """
import sys
import flows.commands.updates, flows.configuration.settings, flows.forgetting.holdings
import flows.home.champion, lamini.checkpoint.held_facts
print({"torch", "transformers", "mlflow", "prefect", "ray"} & sys.modules.keys())
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def pointing(home, **changed):
    """A pointer of two champions, the older one changed."""
    home.mkdir()
    for name in ("one", "two"):
        crown(home, entry(home, name))
    path = home / "HEAD_CHECKPOINT.json"
    told = read_json(path)
    told["history"][0] |= changed
    write_json(sealed(told), path)
    return path


@pytest.mark.parametrize("key", ["path", "snapshot_hash"])
def test_going_back_to_what_lies_outside_of_the_home_is_refused(home, key):
    path = pointing(home, **{key: "../../../out"})
    before = path.read_bytes()
    with pytest.raises(OutsideHomeError, match="out"):
        roll_back(Home(home))
    assert path.read_bytes() == before


@pytest.mark.parametrize("named", ["../elsewhere", "/etc", "runs/../../elsewhere"])
def test_a_champion_outside_of_the_home_is_refused(home, named):
    home.mkdir()
    crown(home, entry(home, "one").model_copy(update={"path": named}))
    with pytest.raises(OutsideHomeError, match="leads out of it"):
        promoted(Home(home))


def test_a_checkpoint_that_is_a_link_out_of_the_home_is_refused(home, tmp_path):
    home.mkdir()
    crown(home, entry(home, "one"))
    (home / "runs" / "one").rename(tmp_path / "moved")
    (home / "runs" / "one").symlink_to(tmp_path / "moved")
    with pytest.raises(OutsideHomeError, match="moved"):
        promoted(Home(home))


def test_a_link_in_a_checkpoint_may_lead_about_in_the_home_and_not_out_of_it(home, tmp_path):
    home.mkdir()
    crown(home, entry(home, "one"))
    checkpoint = promoted(Home(home)).champion.path
    (home / "bank").mkdir()
    (link := home / checkpoint / "bank").symlink_to(home / "bank")
    assert promoted(Home(home)).champion.path == checkpoint
    link.unlink()
    (tmp_path / "elsewhere").mkdir()
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutsideHomeError, match="elsewhere"):
        promoted(Home(home))


def test_no_run_is_named_by_a_path(home):
    with pytest.raises(OutsideHomeError, match="leads out of it"):
        Home(home).run("../../elsewhere")
