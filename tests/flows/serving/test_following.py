"""A served champion follows the pointer, and no request fails meanwhile."""

import shutil
import threading
import time
from dataclasses import asdict

import pytest

from flows.home.champion import Champion, Pointer
from flows.home.home import Home
from flows.serving.served_model import Answered, ServedModel
from lamini.checkpoint.checkpoint import link_checkpoint, open_bank, read_manifest
from lamini.checkpoint.rewriting import rewrite_checkpoint
from lamini.saved import write_sealed
from tests.lamini.conftest import make_facts

pytestmark = pytest.mark.slow
GONE, KEPT = make_facts()[:2]


def without(folder, fact):
    """Make the checkpoint hold the fact no more."""
    bank = open_bank(folder)
    version = bank.write({}, bank.group_table().without([fact.fact_id]), [fact.group_index])
    write_sealed(folder / "checkpoint.json", {**read_manifest(folder), "bank": asdict(version)})


def crown(home, key):
    entry = Champion(path=f"runs/{key}/checkpoint", run_key=key)
    Pointer(champion=entry).write(Home(home))


@pytest.fixture
def home(champion_home, tmp_path):
    """Two checkpoints, k that answers and next that lacks a fact."""
    home = shutil.copytree(champion_home, tmp_path / "followed")
    link_checkpoint(home / "runs" / "k" / "checkpoint", home / "runs" / "next" / "checkpoint")
    without(home / "runs" / "next" / "checkpoint", GONE)
    crown(home, "k")
    return home


@pytest.fixture
def served(home):
    return ServedModel(Home(home), home / "runs" / "k" / "checkpoint")


def facts_read(served, *facts):
    answers = served.answer([fact.prompts[0] for fact in facts])
    assert all(isinstance(answer, Answered) for answer in answers)
    return [answer.fact_ids for answer in answers]


def test_after_promotion_and_rollback_the_champion_of_now_answers(served, home):
    assert facts_read(served, GONE, KEPT) == [("fact-0",), ("fact-1",)]
    backbone = served.model.attached.backbone
    crown(home, "next")
    assert facts_read(served, GONE, KEPT) == [(), ("fact-1",)]
    crown(home, "k")
    assert facts_read(served, GONE, KEPT) == [("fact-0",), ("fact-1",)]
    assert served.model.attached.backbone is backbone


def test_after_a_purge_nothing_is_said_from_what_was_kept_in_memory(served, home):
    folder = home / "runs" / "k" / "checkpoint"
    assert facts_read(served, GONE) == [("fact-0",)]
    without(folder, GONE)
    rewrite_checkpoint(folder)
    assert facts_read(served, GONE, KEPT) == [(), ("fact-1",)]


def test_no_request_fails_while_the_champion_is_put_in_place_again_and_again(served, home):
    folder, found, done = home / "runs" / "k" / "checkpoint", [], threading.Event()

    def ask():
        while not done.is_set():
            found.append(served.answer([KEPT.prompts[0]])[0])

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        rewrite_checkpoint(folder)
        folder.rename(folder.with_name("away"))
        time.sleep(0.2)
        folder.with_name("away").rename(folder)
    done.set()
    for thread in threads:
        thread.join()
    assert {one.fact_ids if isinstance(one, Answered) else one.error for one in found} == {
        ("fact-1",)
    }


def test_a_version_that_is_not_the_champion_stays_itself(home):
    pinned = ServedModel(Home(home), home / "runs" / "next" / "checkpoint")
    crown(home, "k")
    assert facts_read(pinned, GONE) == [()]


def test_a_champion_that_does_not_come_back_is_an_error_and_nothing_is_said(
    served, home, monkeypatch
):
    monkeypatch.setattr("flows.serving.served_model._CHANGING_SECONDS", 0.2)
    (home / "HEAD_CHECKPOINT.json").unlink()
    (answer,) = served.answer([KEPT.prompts[0]])
    assert "NothingYetError" in answer.error
