import copy
import sys
import time

import pytest

from lamini.backbone import chat_template
from lamini.backbone.chat_turns import question_of
from lamini.backbone.text import encode_prompt
from lamini.errors import ChatTemplateError

SAID = "{% for m in messages %}user: {{ m['content'] }}{% endfor %} bot:"
LOOP = "{% for i in range(99999) %}"


@pytest.fixture
def chat(tokenizer):
    def make(template):
        made = copy.deepcopy(tokenizer)
        made.chat_template = template
        return made

    return make


@pytest.mark.parametrize(
    "template",
    [
        "{{ messages[7]['content'] }}",
        "{{ nothing.at.all }}",
        "{% if %}",
        "{{ raise_exception('not today') }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ 1 / 0 }}",
        "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}",
        "{{ range(10000000000) }}",
        "{% for i in range(2000000) %}x{% endfor %}",
        LOOP + "{{ 'x' * 99 }}{% endfor %}",
        {"tool_use": "x"},
    ],
)
def test_a_template_that_fails_is_an_error_in_words(chat, template):
    with pytest.raises(ChatTemplateError, match="the chat template of the backbone") as failed:
        encode_prompt(chat(template), "Who is it?")
    assert "put right chat_template in its folder" in str(failed.value)
    assert len(str(failed.value)) < 500


@pytest.mark.parametrize("inner", ["", "{% set x = i %}", "{{ '' }}", "{{ messages|length }}"])
def test_a_template_that_never_ends_is_stopped(chat, inner, monkeypatch):
    monkeypatch.setattr(chat_template, "SECONDS", 0.2)
    begun, before = time.monotonic(), sys.gettrace()
    endless = LOOP * 4 + inner + "{% endfor %}" * 4
    with pytest.raises(ChatTemplateError, match=r"takes longer than 0\.2 s over one prompt"):
        encode_prompt(chat(endless), "Who is it?")
    assert time.monotonic() - begun < 5
    assert sys.gettrace() is before


def test_a_template_that_fails_for_some_prompts_alone_answers_the_others(chat):
    template = "{% if 'x' in messages[0]['content'] %}{{ 1 / 0 }}{% endif %}" + SAID
    assert chat(template).decode(encode_prompt(chat(template), "Who?")) == "user: Who? bot:"
    with pytest.raises(ChatTemplateError, match="ZeroDivisionError"):
        encode_prompt(chat(template), "Who is x?")


def test_of_several_templates_the_default_is_used(chat):
    made = chat({"default": SAID, "tool_use": "x"})
    ids = encode_prompt(made, "Who?")
    assert made.decode(ids) == "user: Who? bot:"
    assert question_of(made, ids)[0] == "Who?"
