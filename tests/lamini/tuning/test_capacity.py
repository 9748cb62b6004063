import dataclasses

from lamini.tuning.capacity import answer_bits, capacity_of, contradictory_twins, why_undecided
from tests.lamini.conftest import make_facts

WIDTH = 32


def test_bits_are_those_of_the_tokens_when_nothing_is_known_of_the_answer():
    assert answer_bits(4, 4096) == 48.0


def test_an_assignment_with_an_expert_for_each_token_rings_no_alarm(tokenizer):
    capacity = capacity_of(make_facts(), tokenizer, WIDTH)
    assert capacity.alarm is None
    assert capacity.num_parameters == 6 * 8 * WIDTH
    assert 0 < capacity.bits_per_parameter < 1


def test_a_fact_whose_experts_are_too_few_rings_the_alarm_by_name(tokenizer):
    facts = make_facts()
    facts[2] = dataclasses.replace(facts[2], answer="QX 07-29 " * 8, num_experts=1)
    capacity = capacity_of(facts, tokenizer, WIDTH)
    assert capacity.too_long == ("fact-2",)
    assert capacity.alarm is not None
    assert "fact-2" in capacity.alarm
    assert why_undecided(facts[2], tokenizer, 24).startswith("capacity")
    assert why_undecided(facts[1], tokenizer, 24) == "budget: undecided after 24 steps"


def test_no_facts_need_nothing(tokenizer):
    assert capacity_of([], tokenizer, WIDTH).told() == {
        "bits_per_parameter": 0.0,
        "capacity_alarm": None,
    }


def test_one_prompt_with_two_answers_makes_contradictory_twins():
    facts = make_facts()
    twin = dataclasses.replace(facts[0], fact_id="twin", answer="Southgate")
    agreeing = dataclasses.replace(facts[1], fact_id="agreeing")
    reasons = contradictory_twins([*facts, twin, agreeing])
    assert set(reasons) == {"fact-0", "twin"}
    assert "'Norgate' here and 'Southgate' in twin" in reasons["fact-0"]
