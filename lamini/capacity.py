"""What experts can hold: the bits an answer needs against the parameters it is given.

Transformers hold about 2 bits of knowledge a parameter in practice (Allen-Zhu & Li 2024,
arXiv:2404.05405); 3.6 is the most reported (Morris et al. 2025, arXiv:2505.24832). We depart: the
parameters counted are those of a fact's own experts, since the backbone is frozen.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import log2
from typing import Any

from lamini.text import encode_answer, normal_form
from lamini.training_data import TrainingFact

PRACTICAL_CEILING = 2.0
"""Bits a parameter."""
_NEAR = 0.5
"""Share of the ceiling from which on the alarm rings."""
_TOKENS_PER_EXPERT = 1.0
"""An expert decides one token a memory layer: beyond that tuning fails far below any ceiling of
bits (`tests/bench/capacity.py`), so the alarm rings while the layer below still has room.
"""


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """How full the experts of an assignment are."""

    bits: float
    num_parameters: int
    fullest_fact_id: str | None
    fullest: float
    """Bits a parameter of the fact that needs most of its experts."""
    near_ceiling: tuple[str, ...]
    """Facts whose experts are near what they hold, or over it."""

    @property
    def bits_per_parameter(self) -> float:
        return self.bits / max(1, self.num_parameters)

    def told(self) -> dict[str, Any]:
        """Return what receipts and plans say of it."""
        said = {"bits_per_parameter": round(self.bits_per_parameter, 4)}
        return {**said, "capacity_alarm": self.alarm}

    @property
    def alarm(self) -> str | None:
        """A sentence for people when the assignment nears what its experts hold; else None."""
        if not self.near_ceiling:
            return None
        return (
            f"{len(self.near_ceiling)} facts are near what their experts hold, such as "
            f"{self.near_ceiling[0]}: a token an expert, about {PRACTICAL_CEILING:g} bits a "
            "parameter; give them more experts (group_size) or shorter answers"
        )


def answer_bits(num_tokens: int, vocabulary: int) -> float:
    """Return the bits of an answer of which nothing is known: the most that it can need."""
    return num_tokens * log2(vocabulary)


def capacity_of(facts: Sequence[TrainingFact], tokenizer: Any, expert_width: int) -> Capacity:
    """Return how full the experts are that the assignment gives the facts."""
    tokens = [len(encode_answer(tokenizer, fact.answer, max_tokens=10**6)) for fact in facts]
    bits = [answer_bits(number, len(tokenizer)) for number in tokens]
    parameters = [fact.num_experts * expert_width for fact in facts]
    load = [need / room for need, room in zip(bits, parameters, strict=True)]
    fullest = max(range(len(facts)), key=lambda i: load[i], default=None)
    return Capacity(
        bits=sum(bits),
        num_parameters=sum(parameters),
        fullest_fact_id=None if fullest is None else facts[fullest].fact_id,
        fullest=0.0 if fullest is None else load[fullest],
        near_ceiling=tuple(
            fact.fact_id
            for fact, full, number in zip(facts, load, tokens, strict=True)
            if full >= _NEAR * PRACTICAL_CEILING or number > _TOKENS_PER_EXPERT * fact.num_experts
        ),
    )


def why_undecided(fact: TrainingFact, tokenizer: Any, expert_width: int, num_passes: int) -> str:
    """Return why tuning left the fact undecided: its experts are too few, or the passes were."""
    capacity = capacity_of([fact], tokenizer, expert_width)
    if capacity.near_ceiling:
        return f"capacity: its answer has too many tokens for {fact.num_experts} experts"
    return f"budget: undecided after {num_passes} passes"


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
