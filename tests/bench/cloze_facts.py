"""Facts as unfinished statements from a Parquet file, and random strings, as training facts."""

import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from lamini.backbone.text import encode_answer
from lamini.training_data import TrainingFact
from warehouse.assignment import num_experts_for


@dataclass(frozen=True, kw_only=True)
class ClozeFact:
    """A fact with the phrasings that only measure."""

    fact: TrainingFact
    paraphrases: tuple[str, ...]
    locality: tuple[str, ...]
    """Statements about other subjects."""


def read_cloze_facts(
    path: Path,
    tokenizer: Any,
    *,
    start: int = 0,
    limit: int = 10**9,
    paraphrased: bool = False,
    wrong: bool = True,
    num_shards: int = 1,
) -> list[ClozeFact]:
    """Return rows `start` on; `paraphrased` trains on the rows' own paraphrases too.

    The value is the row's first wrong answer (one that no backbone knows), or its own object.
    """
    rows = pq.read_table(path).to_pylist()
    rows = [row for row in rows if row["cloze"] and (row["wrong_answers"] or not wrong)]
    answers = [
        (row["wrong_answers"][0] if wrong else row["object"]) for row in rows[start : start + limit]
    ]
    return [
        ClozeFact(
            fact=TrainingFact(
                fact_id=row["fact_id"],
                subject=row["subject"],
                prompts=_phrasings(row["cloze"], row["paraphrases"] if paraphrased else ()),
                answer=answer,
                cloze=True,
                group_index=i,
                num_experts=experts_for(tokenizer, answer),
                shard_index=i % num_shards,
            ),
            paraphrases=tuple(row["paraphrases"]),
            locality=tuple(row["locality_questions"]),
        )
        for i, (row, answer) in enumerate(zip(rows[start : start + limit], answers, strict=True))
    ]


def random_strings(number: int, *, length: int = 32, seed: int = 0) -> list[str]:
    """Return strings of A-Z and 0-9, the paper's hardest answers."""
    rng, letters = random.Random(seed), string.ascii_uppercase + string.digits
    return ["".join(rng.choices(letters, k=length)) for _ in range(number)]


def experts_for(tokenizer: Any, answer: str, group_size: int = 32) -> int:
    """Return how many experts the assignment would give the answer."""
    return num_experts_for(len(encode_answer(tokenizer, answer)), group_size)


def _phrasings(cloze: str, paraphrases: Sequence[str]) -> tuple[str, ...]:
    made = (cloze, cloze[:1].lower() + cloze[1:], f"Please complete: {cloze}", *paraphrases)
    return tuple(dict.fromkeys(made))
