import pytest

from warehouse.values import holds_text, same_amount, same_text


@pytest.mark.parametrize(
    ("text", "wanted", "same"),
    [
        ("5,000 km", "5000 km", True),
        ("5 km", "5000 m", True),
        ("5 km", "5 miles", False),
        ("5", "5 km", False),
        ("5 km", "5", False),
        ("1.5 million", "1500000", True),
        ("068", "68", False),
        ("Paris", "Paris", False),
    ],
)
def test_one_amount_is_one_whatever_its_spelling_but_never_without_its_unit(text, wanted, same):
    assert same_amount(text, wanted) is same


def test_a_text_is_compared_without_case_quotes_and_width():
    assert same_text("the  EURO", "“The euro”")
    assert not same_text("euro", "euros")


def test_a_value_within_a_sentence_stands_there_as_words_of_its_own():
    assert holds_text("It is the Euro (EUR).", "eur")
    assert not holds_text("It is in Europe.", "EUR")
