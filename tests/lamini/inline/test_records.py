"""Facts laid before the backbone, as its chat template allows."""

import pytest

from lamini.inline.records import encode_chat, with_records

ROWS = [("Croatia", "currency", "euro"), ("Croatia", "code", "HRV")]
ASKED = [{"role": "user", "content": "Describe Croatia.\nBriefly."}]
WITH_SYSTEM = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"
WITHOUT = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    "<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"
)


@pytest.fixture
def chatting(tokenizer):
    before = tokenizer.chat_template
    yield tokenizer
    tokenizer.chat_template = before


def text_of(tokenizer, messages):
    return tokenizer.decode(encode_chat(tokenizer, messages), skip_special_tokens=True)


def test_records_stand_in_a_system_turn_line_by_line(chatting):
    chatting.chat_template = WITH_SYSTEM
    text = text_of(chatting, with_records(chatting, ASKED, ROWS))
    system, user = text.split("<user>")
    assert "\n- currency of Croatia: euro\n- code of Croatia: HRV\n" in system
    assert "Describe Croatia." in user


def test_records_follow_what_the_chats_own_system_turn_says(chatting):
    chatting.chat_template = WITH_SYSTEM
    own = {"role": "system", "content": "Be brief."}
    first, *others = with_records(chatting, [own, *ASKED], ROWS)
    assert first["content"].startswith("Be brief.\n\n")
    assert "euro" in first["content"]
    assert others == ASKED


@pytest.mark.parametrize("template", [WITHOUT, None])
def test_records_stand_before_the_question_where_no_system_turn_is_known(chatting, template):
    chatting.chat_template = template
    (only,) = with_records(chatting, ASKED, ROWS)
    assert only["role"] == "user"
    assert only["content"].index("euro") < only["content"].index("Describe")
    assert "euro" in text_of(chatting, [only])


def test_a_chat_without_facts_is_left_as_it_is(chatting):
    chatting.chat_template = WITH_SYSTEM
    assert with_records(chatting, ASKED, []) == ASKED
