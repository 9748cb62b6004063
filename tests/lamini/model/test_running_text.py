"""Running text of a checkpoint: values with their facts; what was forgotten is not said."""

import dataclasses

import pytest

from lamini.errors import ChatTemplateError, ModeError
from lamini.model.loading import load
from lamini.update.update import update_model
from tests.lamini.conftest import (
    SEATS,
    TUNING,
    built_running,
)

QUESTION = "What is the seat of Arvia?"


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    return built_running(tmp_path_factory.mktemp("running"), tokenizer)


def written(model, mode, **options):
    (passage,) = model.write([QUESTION], mode=mode, max_new_tokens=16, **options)
    return passage


def test_inline_and_both_say_the_value_with_its_fact(folder):
    model = load(folder)
    for mode in ("inline", "both"):
        for temperature in (0.0, 2.0):
            passage = written(model, mode, temperature=temperature)
            assert passage.stated
            for said in passage.stated:
                assert passage.text[said.start : said.end] == "Norgate"
                assert (said.fact_id, said.subject, said.relation) == ("fact-0", "Arvia", "seat")
                assert said.group == SEATS[0].group_index
    assert written(model, "both").rows == ("fact-0",)


def test_context_puts_the_rows_into_the_prompt_and_says_nothing_itself(folder):
    passage = written(load(folder), "context")
    assert passage.rows == ("fact-0",)
    assert not passage.stated
    plain = load(folder).write(["What is rain?"], mode="context", max_new_tokens=4)[0]
    assert not plain.rows


def test_answer_is_the_bare_value_with_its_fact(folder):
    passage = written(load(folder), "answer")
    assert passage.text == "Norgate"
    (said,) = passage.stated
    assert (said.start, said.end, said.fact_id) == (0, 7, "fact-0")


def test_a_row_of_a_batch_is_written_as_if_alone(folder):
    model = load(folder)
    prompts = [QUESTION, "What is rain?", "Tell me about Belport and Corvane."]
    together = model.write(prompts, mode="inline", max_new_tokens=12)
    for prompt, passage in zip(prompts, together, strict=True):
        assert model.write([prompt], mode="inline", max_new_tokens=12) == [passage]


def test_i10_a_changed_fact_is_said_as_it_is_now_and_a_forgotten_one_not_at_all(folder):
    model = load(folder)
    assert written(model, "inline").stated
    changed = dataclasses.replace(SEATS[0], answer="Kilo")
    update_model(model, [changed, *SEATS[1:]], tuning=TUNING)
    passage = written(model, "inline")
    assert {passage.text[s.start : s.end] for s in passage.stated} == {"Kilo"}
    update_model(model, SEATS[1:], tuning=TUNING)
    passage = written(model, "inline")
    assert not passage.stated
    assert written(model, "both").rows == ()


def test_a_checkpoint_without_due_keys_says_how_to_get_them(folder):
    model = load(folder)
    model.due_keys = None
    with pytest.raises(ModeError, match="learn_due_keys"):
        written(model, "inline")


def test_a_template_that_fails_over_a_chat_is_told_in_words(folder):
    model = load(folder)
    model.tokenizer.chat_template = (
        "{% if messages | length > 1 %}{{ raise_exception('one turn alone') }}{% endif %}"
        "{{ messages[0]['content'] }}"
    )
    chat = [{"role": "user", "content": "Hello."}, {"role": "user", "content": QUESTION}]
    with pytest.raises(ChatTemplateError, match=r"one turn alone.*put right chat_template"):
        model.write([chat], mode="context", max_new_tokens=4)
