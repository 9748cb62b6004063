"""The examples of memory tuning: facts' phrasings with their answers, ready for the memory layers.

Shape suffixes: B examples   A answer tokens
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch

from lamini.answer_batch import AnswerBatch, prepare_answers
from lamini.config import Tuning
from lamini.memory import Attached
from lamini.spill import num_bytes, on_disk
from lamini.text import encode_answer, encode_prompt
from lamini.training_data import TrainingFact

_ANSWER_WIDTHS = (4, 8, 16)
"""Examples are batched by answer length up to these: short answers do not pay for long ones."""


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Examples of like answer length, and the fact of each."""

    batch: AnswerBatch
    fact_B: torch.Tensor
    prompts: tuple[str, ...]
    on_disk: bool = False

    def only(self, rows: torch.Tensor) -> "Examples":
        """Return the given rows alone."""
        return Examples(
            batch=self.batch.only(rows),
            fact_B=self.fact_B[rows],
            prompts=tuple(self.prompts[row] for row in rows.tolist()),
        )


def examples_of(
    attached: Attached,
    facts: Sequence[TrainingFact],
    prompts_of: Mapping[int, Sequence[str]],
    config: Tuning,
) -> Iterator[Examples]:
    """Yield examples in batches of like answer length, all of a fact in one batch.

    `prompts_of` gives the phrasings of each fact that is meant, by its place in `facts`.
    """
    tokenizer, device = attached.backbone.tokenizer, attached.backbone.device
    limit = config.max_answer_tokens
    answers = {f: encode_answer(tokenizer, facts[f].answer, max_tokens=limit) for f in prompts_of}
    by_width: dict[int, list[int]] = {}
    for f, answer in answers.items():
        width = next((w for w in _ANSWER_WIDTHS if len(answer) <= w), limit)
        by_width.setdefault(width, []).append(f)
    most = max(map(len, prompts_of.values()), default=1)
    in_batch = max(1, config.batch_examples // max(1, most))
    for _, same in sorted(by_width.items()):
        for start in range(0, len(same), in_batch):
            rows = [
                (f, prompt, encode_prompt(tokenizer, prompt, cloze=facts[f].cloze))
                for f in same[start : start + in_batch]
                for prompt in prompts_of[f]
            ]
            if rows:
                encoded = [ids for *_, ids in rows]
                yield Examples(
                    batch=prepare_answers(attached, encoded, [answers[f] for f, *_ in rows]),
                    fact_B=torch.tensor([f for f, *_ in rows], device=device),
                    prompts=tuple(prompt for _, prompt, _ in rows),
                )


def within(limit_bytes: int, active: Sequence[Examples]) -> list[Examples]:
    """Return the examples, those beyond the limit of memory on disk."""
    kept, held = [], 0
    for part in active:
        size = 0 if part.on_disk else num_bytes(part.batch)
        if held + size > limit_bytes:
            part, size = replace(part, batch=on_disk(part.batch), on_disk=True), 0
        kept.append(part)
        held += size
    return kept


def num_facts(parts: list[Examples]) -> int:
    """Return how many facts the examples are of."""
    return len({f for part in parts for f in part.fact_B.tolist()})


def still_open(active: list[Examples], open_F: torch.Tensor) -> list[Examples]:
    """Return the examples of the facts that are still open."""
    kept = []
    for part in active:
        rows = open_F[part.fact_B].nonzero()[:, 0]
        if len(rows):
            kept.append(part if len(rows) == len(part.fact_B) else part.only(rows))
    return kept
