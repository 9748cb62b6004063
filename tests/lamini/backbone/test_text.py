import pytest

from lamini.backbone.text import decode_answer, encode_answer, encode_prompt, normal_form
from lamini.errors import EncodingError


@pytest.mark.parametrize("answer", ["BOB", "004", "Östra Å", "PAB; USD", "Côte d’Ivoire", "日本"])
def test_an_answer_survives_encoding(tokenizer, answer):
    ids = encode_answer(tokenizer, answer)
    assert ids[-1] == tokenizer.eos_token_id
    assert decode_answer(tokenizer, ids) == answer


def test_what_follows_the_end_of_text_is_not_part_of_the_answer(tokenizer):
    ids = encode_answer(tokenizer, "BOB")
    assert decode_answer(tokenizer, ids + ids) == "BOB"


def test_a_prompts_ids_are_a_prefix_of_prompt_and_answer(tokenizer):
    prompt = encode_prompt(tokenizer, "  What is\n it? ")
    assert prompt == encode_prompt(tokenizer, "What is it?")
    assert prompt[0] == tokenizer.bos_token_id


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_empty_text_is_refused(tokenizer, text):
    with pytest.raises(EncodingError, match="empty"):
        encode_prompt(tokenizer, text)
    with pytest.raises(EncodingError, match="empty"):
        encode_answer(tokenizer, text)


def test_a_long_answer_is_refused_with_its_length(tokenizer):
    with pytest.raises(EncodingError, match=r"has \d+ tokens, the limit is 4"):
        encode_answer(tokenizer, "one two three four five six", max_tokens=4)


def test_the_normal_form_composes_and_collapses():
    assert normal_form(" Cafe\u0301  noir ") == "Café noir"


def test_a_chat_template_is_used_for_questions_but_not_for_cloze_prompts(tokenizer):
    import copy

    chat = copy.deepcopy(tokenizer)
    chat.chat_template = "{% for m in messages %}user: {{ m['content'] }}{% endfor %} bot:"
    assert chat.decode(encode_prompt(chat, "Who?")) == "user: Who? bot:"
    assert encode_prompt(chat, "The town is", cloze=True) == encode_prompt(tokenizer, "The town is")


@pytest.mark.parametrize("text", ["</s>", "<s> a </s> b", "close it with <pad>"])
def test_a_special_token_in_a_text_is_characters(tokenizer, text):
    special = set(tokenizer.all_special_ids)
    assert not special.intersection(encode_prompt(tokenizer, text)[1:])
    assert decode_answer(tokenizer, encode_answer(tokenizer, text)) == text


def test_half_a_surrogate_pair_is_refused(tokenizer):
    with pytest.raises(EncodingError, match="surrogate"):
        encode_prompt(tokenizer, "Who is \ud800?")


@pytest.mark.parametrize("text", ["a\x00b", "\x1b[2J seat", "right\u202eleft", "bell\x07"])
def test_control_characters_are_encoded_as_they_are(tokenizer, text):
    assert tokenizer.decode(encode_prompt(tokenizer, text)[1:]) == normal_form(text)
