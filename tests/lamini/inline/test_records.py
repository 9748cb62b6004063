"""Facts laid before the backbone: statements after what was asked."""

import pytest

from lamini.inline.records import encode_chat, with_records

ROWS = [("Croatia", "currency", "euro"), ("Croatia", "country.code", "HRV")]
ASKED = [{"role": "user", "content": "Describe Croatia.\nBriefly."}]
SAID = "The currency of Croatia is euro. The code of Croatia is HRV."
TEMPLATE = "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}<assistant>"


@pytest.fixture
def chatting(tokenizer):
    before = tokenizer.chat_template
    yield tokenizer
    tokenizer.chat_template = before


@pytest.mark.parametrize("template", [TEMPLATE, None])
def test_records_are_the_last_that_is_said_before_the_answer(chatting, template):
    chatting.chat_template = template
    ids = encode_chat(chatting, with_records(ASKED, ROWS))
    text = chatting.decode(ids, skip_special_tokens=True).removesuffix("<assistant>")
    assert text.strip().endswith(SAID)
    assert text.index("Describe") < text.index(SAID)


def test_earlier_turns_and_a_system_turn_stay_as_they_are():
    earlier = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hello."},
    ]
    *others, last = with_records([*earlier, *ASKED], ROWS)
    assert others == earlier
    assert last == {"role": "user", "content": f"{ASKED[0]['content']}\n\n{SAID}"}


def test_a_chat_without_facts_is_left_as_it_is():
    assert with_records(ASKED, []) == ASKED
