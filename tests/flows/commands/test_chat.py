import json
from types import SimpleNamespace

import pytest

from lamini.model.running_text import Passage, Stated


@pytest.fixture
def writing(champion, monkeypatch):
    """The promoted checkpoint writes a sentence with a value, then one that nothing supports."""
    value, turns = champion.fact["answer"], []
    text = f"It is {value}. The capital was another."
    said = Stated(
        start=6, end=6 + len(value), fact_id=champion.fact["fact_id"], group=3, subject="",
        relation="", score=0.1, instead_of=" L",
    )  # fmt: skip
    passage = Passage(
        text=text,
        stated=(said,),
        rows=(champion.fact["fact_id"],),
        unsupported=((len(value) + 8, len(text)),),
        num_standing=len(text),
        finish_reason="stop",
        num_prompt_tokens=9,
    )

    def write(prompts, mode, max_new_tokens):
        turns.append(([dict(m) for m in prompts[0]], mode, max_new_tokens))
        return [passage]

    model = SimpleNamespace(due_keys=None, write=write)
    monkeypatch.setattr("lamini.load", lambda folder: model)
    return SimpleNamespace(fact=champion.fact, turns=turns, model=model)


def test_a_conversation_marks_values_with_their_rows_and_what_nothing_supports(writing, lamini):
    result = lamini("chat", input="Tell me of it.\n")
    assert result.exit_code == 0, result.output
    value = writing.fact["answer"]
    assert f"It is {value}[1]. The capital was another.(?)" in result.stdout
    assert f"1 fact {writing.fact['fact_id']}" in result.stdout
    assert "capitals.csv row" in result.stdout


def test_a_turn_has_all_turns_before_it_and_the_mode_that_the_checkpoint_allows(writing, lamini):
    lines = lamini("chat", "--tokens", "9", "--json", input="One?\nTwo?\n").stdout.splitlines()
    assert [piece["source"] for piece in json.loads(lines[1])["pieces"]] == [None, 1, None, None]
    messages, mode, tokens = writing.turns[1]
    assert [m["role"] for m in messages] == ["user", "assistant", "user"]
    assert (mode, tokens) == ("context", 9)
    writing.model.due_keys = object()
    lamini("chat", input="One?\n")
    lamini("chat", "--mode", "inline", input="One?\n")
    assert [mode for _, mode, _ in writing.turns[2:]] == ["both", "inline"]
