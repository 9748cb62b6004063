"""What counts as due, as not due, or not at all, in the texts that due keys learn from."""

import re

import pytest

from lamini.inline.due_texts import _labels, _Learned

SEAT, RIVER = 0, 1


def is_named(relation, sentence):
    return re.search(("seat", "river")[relation], sentence) is not None


@pytest.fixture
def labelled(tokenizer):
    def of(answer, **options):
        text = _Learned(
            subject=0,
            prompt="?",
            answer=answer,
            values={SEAT: "Norgate", RIVER: "Ammer"},
            **options,
        )
        ids = tokenizer.encode(answer, add_special_tokens=False)
        return _labels(tokenizer, ids, text, is_named).tolist()

    return of


def test_a_sentence_of_the_backbones_own_with_a_wrong_value_counts_neither_way(labelled):
    missed = labelled("The seat is Hillsby. Many people live there.", own=True)
    assert missed[0] == -2
    assert missed[-1] == -1
    assert SEAT not in missed


def test_a_sentence_with_its_value_counts_and_so_does_a_denial_that_was_made(labelled):
    told = labelled("The seat is Norgate. Many people live there.", own=True)
    assert told.count(SEAT) == 1
    assert told[0] == -1
    assert set(labelled("The seat is not Hillsby.")) == {-1}
