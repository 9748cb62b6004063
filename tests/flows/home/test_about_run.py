import json

from flows.home.about_run import About, read_about, write_about
from flows.home.champion import Champion, promote
from flows.home.home import Home


def test_what_a_run_is_about_lies_as_it_was_said_and_keeps_its_beginning(tmp_path):
    home, folder = Home(tmp_path), tmp_path / "runs" / "k"
    assert read_about(folder) == About()
    said = About(mode="full", why="first", num_facts=2, settings={"use_gpu": False})
    write_about(home, "k", said)
    told = json.loads((folder / "about.json").read_text())
    started = told.pop("started_at")
    assert told == {**said.told(), "run_key": "k", "champion_before": {}}
    promote(home, Champion(path="c", run_key="k", as_of="2026-01-01"), over=None)
    write_about(home, "k", said)  # goes on after a kill: its own model is none before it
    assert (read_about(folder).started_at, read_about(folder).champion_before.run_key) == (
        started,
        None,
    )
    write_about(home, "next", said)
    before = json.loads((tmp_path / "runs" / "next" / "about.json").read_text())["champion_before"]
    assert (before["run_key"], before["as_of"]) == ("k", "2026-01-01")


def test_a_damaged_one_is_as_if_it_said_nothing(tmp_path):
    for text in ("{", "[]", '{"num_facts": "many"}'):
        (tmp_path / "about.json").write_text(text)
        assert read_about(tmp_path) == About()
