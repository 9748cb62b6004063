import json

import pytest

from flows.errors import NothingYetError
from flows.promotion.champion import promote, read_pointer, roll_back
from warehouse.errors import SnapshotDamagedError


def entry(home, name):
    (home / "runs" / name).mkdir(parents=True, exist_ok=True)
    (home / "runs" / name / "checkpoint.json").write_text("{}")
    snapshot = home / "warehouse" / "snapshots" / name.ljust(16, "0")
    snapshot.mkdir(parents=True, exist_ok=True)
    (snapshot / "manifest.json").write_text("{}")
    return {
        "path": f"runs/{name}",
        "run_key": name,
        "snapshot_hash": name.ljust(64, "0"),
        "training_hash": f"facts of {name}",
        "as_of": "2026-01-01",
    }


def test_promoting_keeps_those_before_and_does_nothing_when_repeated(home):
    home.mkdir()
    one, two = entry(home, "one"), entry(home, "two")
    promote(home, one)
    promote(home, two)
    first = (home / "HEAD_CHECKPOINT.json").read_bytes()
    promote(home, two)
    assert (home / "HEAD_CHECKPOINT.json").read_bytes() == first
    pointer = read_pointer(home)
    assert pointer["run_key"] == "two"
    assert pointer["history"] == [one]


def test_rolling_back_restores_checkpoint_and_snapshot_and_rejects_what_was_left(home):
    home.mkdir()
    for name in ("one", "two", "three"):
        promote(home, entry(home, name))
    moved = roll_back(home)
    assert (moved["left"]["run_key"], moved["champion"]["run_key"]) == ("three", "two")
    pointer = read_pointer(home)
    assert (pointer["run_key"], pointer["rejected"]) == ("two", ["facts of three"])
    head = json.loads((home / "warehouse" / "HEAD.json").read_text())
    assert head == {"snapshot": "two".ljust(16, "0"), "as_of": "2026-01-01"}
    dates = {"2025-01-01": "older"}
    (home / "warehouse" / "HEAD.json").write_text(json.dumps({**head, "dates": dates}))
    roll_back(home)
    pointer = read_pointer(home)
    assert (pointer["run_key"], pointer["history"]) == ("one", [])
    assert json.loads((home / "warehouse" / "HEAD.json").read_text())["dates"] == dates
    assert pointer["rejected"] == ["facts of three", "facts of two"]
    # Promoted again, because a person wanted it, the facts are accepted again.
    promote(home, entry(home, "three"))
    assert read_pointer(home)["rejected"] == ["facts of two"]


def test_i7_a_rollback_killed_between_its_two_files_ends_the_same_when_repeated(home, monkeypatch):
    home.mkdir()
    for name in ("one", "two", "three"):
        promote(home, entry(home, name))

    from flows.promotion import champion

    written = champion.write_json

    def killed(value, path):
        if path.name == "HEAD_CHECKPOINT.json":
            raise KeyboardInterrupt
        written(value, path)

    monkeypatch.setattr(champion, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        roll_back(home)
    monkeypatch.undo()
    assert roll_back(home)["champion"]["run_key"] == "two"


def test_there_must_be_something_to_go_back_to(home):
    with pytest.raises(NothingYetError, match="lamini run"):
        roll_back(home)
    home.mkdir()
    promote(home, entry(home, "one"))
    with pytest.raises(NothingYetError, match="first champion"):
        roll_back(home)
    promote(home, entry(home, "two"))
    (home / "warehouse" / "snapshots" / "one".ljust(16, "0") / "manifest.json").unlink()
    with pytest.raises(SnapshotDamagedError):
        roll_back(home)
    assert read_pointer(home)["run_key"] == "two"
    (home / "runs" / "one" / "checkpoint.json").unlink()
    with pytest.raises(NothingYetError, match="is gone"):
        roll_back(home)
