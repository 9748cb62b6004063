import json
from types import SimpleNamespace

import pytest

from flows.errors import NothingYetError
from flows.home.champion import Champion, promoted
from flows.home.home import Home
from flows.serving.asking import explain_answer, refusal_of
from warehouse.snapshots import head


def answer(text, fact_ids=()):
    return SimpleNamespace(
        text=text,
        from_memory=bool(fact_ids),
        group=3 if fact_ids else None,
        experts=[96, 97] if fact_ids else [],
        fact_ids=list(fact_ids),
        score=0.9,
        margin=0.2,
        reason="",
    )


@pytest.fixture
def snapshot(published):
    return head(published / "warehouse")


@pytest.fixture
def france(snapshot):
    return next(f for f in snapshot.facts().to_pylist() if f["subject"] == "France")


def test_an_answer_from_memory_names_its_fact_and_rows(snapshot, france):
    asked = explain_answer(snapshot, "capital of France?", answer("Paris", [france["fact_id"]]))
    assert asked.facts[0].subject == "France"
    assert [(row.source, row.row, row.value) for row in asked.rows] == [("capitals", 1, "Paris")]
    assert asked.table_agrees


def test_the_table_may_say_something_else(snapshot, france):
    asked = explain_answer(snapshot, "capital of France?", answer("Rome", [france["fact_id"]]))
    assert (asked.table_answer, asked.table_agrees) == ("Paris", False)


def test_a_fact_that_the_table_has_no_more_is_still_named(snapshot):
    asked = explain_answer(snapshot, "?", answer("Rome", ["0" * 16]))
    assert asked.told()["facts"] == [{"fact_id": "0" * 16}]
    assert asked.table_agrees is None


def test_silence_on_a_known_question_shows_what_the_table_says(snapshot):
    known = explain_answer(snapshot, "What is the capital of Japan?", answer("Kyoto"))
    assert (known.from_memory, known.table_answer, known.table_agrees) == (False, "Tokyo", False)
    foreign = explain_answer(snapshot, "Who wrote Hamlet?", answer("me"))
    assert (foreign.facts, foreign.rows, foreign.table_agrees) == ((), (), None)


def test_the_promoted_checkpoint_must_be_there(home):
    with pytest.raises(NothingYetError, match="lamini run"):
        promoted(Home(home))
    home.mkdir()
    (home / "HEAD_CHECKPOINT.json").write_text(json.dumps({"path": "c/1", "run_key": "k"}))
    with pytest.raises(NothingYetError, match="not there"):
        promoted(Home(home))
    (home / "c" / "1").mkdir(parents=True)
    assert promoted(Home(home)).champion == Champion(path="c/1", run_key="k")


@pytest.mark.parametrize(("reference", "said"), [("embedded", ""), ("org/a-chat-model", None)])
def test_only_a_backbone_that_babbles_is_not_asked_where_nothing_is_read(reference, said):
    model = SimpleNamespace(manifest={"backbone": {"reference": reference}})
    assert refusal_of(model, "") == said
    assert refusal_of(model, "No.") == "No."
