"""What experts hold: a token each, so an answer needs as many as it has tokens.

Parameters counted are those of a fact's own experts, since the backbone is frozen; transformers
trained as a whole hold about 2 bits a parameter (Allen-Zhu & Li 2024, arXiv:2404.05405).
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from lamini.backbone.text import encode_answer, normal_form
from lamini.training_data import TrainingFact


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How full the experts of an assignment are."""

    bits: float
    num_parameters: int
    too_long: tuple[str, ...]
    """Facts whose answers have more tokens than they have experts."""

    @property
    def bits_per_parameter(self) -> float:
        return self.bits / max(1, self.num_parameters)

    def told(self) -> dict[str, Any]:
        """Return what receipts and forecasts say of it."""
        said = {"bits_per_parameter": round(self.bits_per_parameter, 4)}
        return {**said, "capacity_alarm": self.alarm}

    @property
    def alarm(self) -> str | None:
        """A sentence for people when the assignment gives a fact too few experts; else None."""
        if not self.too_long:
            return None
        return (
            f"{len(self.too_long)} facts have more tokens than experts, such as "
            f"{self.too_long[0]}: an expert says one token; raise group_size or shorten answers"
        )


def answer_bits(num_tokens: int, vocabulary: int) -> float:
    """Return the bits of an answer of which nothing is known: the most that it can need."""
    return num_tokens * log2(vocabulary)


def capacity_of(facts: Sequence[TrainingFact], tokenizer: Any, hidden_size: int) -> Capacity:
    """Return how full the experts are that the assignment gives the facts."""
    tokens = [_num_tokens(fact, tokenizer) for fact in facts]
    return Capacity(
        bits=sum(answer_bits(number, len(tokenizer)) for number in tokens),
        num_parameters=sum(fact.num_experts * hidden_size for fact in facts),
        too_long=tuple(
            fact.fact_id
            for fact, number in zip(facts, tokens, strict=True)
            if number > fact.num_experts
        ),
    )


def why_undecided(fact: TrainingFact, tokenizer: Any, max_steps: int) -> str:
    """Return why tuning left the fact undecided: its experts are too few, or the steps were."""
    number = _num_tokens(fact, tokenizer)
    if number > fact.num_experts:
        return f"capacity: its answer has {number} tokens, and {fact.num_experts} experts"
    return f"budget: undecided after {max_steps} steps"


def _num_tokens(fact: TrainingFact, tokenizer: Any) -> int:
    return len(encode_answer(tokenizer, fact.answer, max_tokens=10**6))


def contradictory_twins(facts: Sequence[TrainingFact]) -> dict[str, str]:
    """Return, for each fact that shares a prompt with one of another answer, what to tell people.

    No router can send one prompt to two groups: at most one of the twins can be right.
    """
    asked: dict[str, list[TrainingFact]] = defaultdict(list)
    for fact in facts:
        for prompt in dict.fromkeys(map(normal_form, fact.prompts)):
            asked[prompt].append(fact)
    reasons: dict[str, str] = {}
    for prompt, same in asked.items():
        for fact in same:
            other = next((f for f in same if f.answer != fact.answer), None)
            if other is not None and fact.fact_id not in reasons:
                reasons[fact.fact_id] = (
                    f"contradictory twins: {prompt[:60]!r} is {fact.answer!r} here and "
                    f"{other.answer!r} in {other.fact_id}"
                )
    return reasons
