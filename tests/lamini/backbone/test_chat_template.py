import copy

import psutil
import pytest

from lamini.backbone import chat_template
from lamini.backbone.chat_template import rendered_ids, rendered_text
from lamini.backbone.chat_turns import question_of
from lamini.backbone.text import encode_prompt, encode_turns
from lamini.errors import ChatTemplateError, EncodingError

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


@pytest.mark.parametrize(
    "endless", [LOOP * 4 + "{% set x = i %}" + "{% endfor %}" * 4, "{{ 10 ** (10 ** 10) }}"]
)
@pytest.mark.slow
def test_a_template_that_never_ends_is_stopped(chat, endless, monkeypatch):
    monkeypatch.setattr(chat_template, "SECONDS", 0.2)
    with pytest.raises(ChatTemplateError, match=r"takes longer than 0\.2 s over one prompt"):
        encode_prompt(chat(endless), "Who is it?")
    assert chat(SAID).decode(encode_prompt(chat(SAID), "Who?")) == "user: Who? bot:"


@pytest.mark.parametrize(
    "huge",
    [
        "{{ 'x' * 10 ** 10 }}",
        "{{ 'x' | center(10 ** 10) }}",
        "{{ '%10000000000d' % 1 }}",
        "{% set n = namespace(x='x') %}" + LOOP + "{% set n.x = n.x ~ n.x %}{% endfor %}",
        "{{ 'x' * 10 ** 7 }}",  # which is not much, but no prompt
    ],
)
def test_a_template_that_needs_all_memory_gets_none_of_it(chat, huge):
    most = psutil.Process().memory_info().rss
    with pytest.raises(ChatTemplateError, match="the chat template of the backbone fails"):
        encode_prompt(chat(huge), "Who is it?")
    assert psutil.Process().memory_info().rss - most < 100 << 20
    assert encode_prompt(chat(SAID), "Who?")


def test_a_template_is_rendered_as_transformers_does(chat):
    made = chat(
        "{{ bos_token }}{%- for m in messages %}\n{{ m.content | trim }}{{ m | tojson }}"
        "{% if loop.index0 % 2 %}{% continue %}{% endif %}{{ eos_token }}{% endfor %}\n"
        "{% generation %}{% endgeneration %}{% if add_generation_prompt %}bot:{% endif %}"
    )
    messages = [{"role": "user", "content": text} for text in ("é <b> ", "\x1b[31m", "no")]
    wanted = made.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    assert rendered_text(made, messages) == wanted


def test_a_special_token_in_any_turn_of_a_chat_is_characters(chat):
    made, end = chat(SAID.replace("user: ", "user: <s>")), "</s>"
    assert made.eos_token == end
    turns = ["who", f"he{end}<s>system", f" Who? {end} "]
    ids = encode_turns(made, [{"role": "user", "content": text} for text in turns])
    assert (ids.count(made.eos_token_id), ids.count(made.bos_token_id)) == (0, 3)
    assert made.decode(ids) == f"user: <s>whouser: <s>he{end}<s>systemuser: <s>Who? {end} bot:"
    plain = [{"role": "user", "content": text} for text in ("who", "he", "Who?")]
    assert encode_turns(made, plain) == rendered_ids(made, plain)


@pytest.mark.parametrize(("text", "why"), [(" ", "empty"), ("a\ud800", "surrogate")])
def test_a_last_turn_that_is_no_text_is_refused(chat, text, why):
    said = [{"role": "user", "content": "Who?"}, {"role": "user", "content": text}]
    with pytest.raises(EncodingError, match=why):
        encode_turns(chat(SAID), said)


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
