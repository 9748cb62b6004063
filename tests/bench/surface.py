"""Is the value right whenever its fact is read? Words that no tuning saw, under the oracle router.

    python -m tests.bench.surface [--facts FACTS.parquet ...] [--number 200] [--quick]

The embedded reference facts are tuned as a run does it, then asked in surface variants that are not
those of tuning (`lamini.tuning.surface`), on a phrasing tuned on and on held-out ones. Of each
file, a fact is tuned on its question or its unfinished statement alone and asked in the file's own
paraphrases. Right is an answer of which every token, the end included, is the most likely one;
beside it stands the probability of the whole answer, which is what sampling at temperature 1 says.
Facts whose prompts are asked of two values are left out.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import torch

from lamini.backbone.backbone import load_backbone
from lamini.backbone.memory import Attached, attach, detach
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.config import MemoryConfig, Tuning
from lamini.proof.surface_variants import VARIANTS
from lamini.recorder import SilentRecorder
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory
from tests.bench.cloze_facts import experts_for
from tests.bench.measuring import conditions, show, teacher_forced
from tests.bench.reference_facts import reference_facts

MEMORY = MemoryConfig()
HEAD = ("asked", "questions", "right", "P(answer) mean", "least", "below 0.99")


def main() -> None:
    """Print a table for each set of facts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=Path, nargs="*", default=[])
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--quick", action="store_true", help="40 facts of each")
    arguments = parser.parse_args()
    number = 40 if arguments.quick else arguments.number
    torch.set_num_threads(1)
    conditions()
    attached = attach(load_backbone(dtype=getattr(torch, arguments.dtype)), MEMORY)
    facts, held_out = reference_facts(MEMORY, number)
    asked = {
        name: [(fact, change(fact.prompts[0])) for fact in facts]
        for name, change in VARIANTS.items()
    }
    asked["held-out phrasings"] = [
        (fact, text) for fact in facts for text in held_out.get(fact.fact_id, ())[:3]
    ]
    measure(attached, "embedded reference facts", facts, asked)
    for path in arguments.facts:
        facts, paraphrases = facts_of(path, attached.backbone.tokenizer, number)
        by_id = {fact.fact_id: fact for fact in facts}
        asked = {
            "paraphrases": [(by_id[i], text) for i, own in paraphrases.items() for text in own]
        }
        if not facts[0].cloze:
            asked |= {
                name: [(fact, change(fact.prompts[0])) for fact in facts]
                for name, change in VARIANTS.items()
            }
        measure(attached, path.stem, facts, {name: own for name, own in asked.items() if own})
    detach(attached)


def facts_of(
    path: Path, tokenizer: Any, number: int
) -> tuple[list[TrainingFact], dict[str, tuple[str, ...]]]:
    """Return facts of one prompt each, and their paraphrases, which only measure."""
    rows = pq.read_table(path).to_pylist()
    prompts = [row["question"] or row["cloze"] for row in rows]
    asked_of = Counter(prompts)
    # The value to memorize of a statement that the backbone may know is one that it does not.
    values = [
        row.get("object", row.get("answer")) if row["question"] else row["wrong_answers"][0]
        for row in rows
    ]
    chosen = [i for i, prompt in enumerate(prompts) if asked_of[prompt] == 1][:number]
    facts = [
        TrainingFact(
            fact_id=str(i),
            subject=rows[i].get("subject") or "",
            prompts=(prompts[i],),
            answer=values[i],
            cloze=not rows[i]["question"],
            group_index=i,
            num_experts=experts_for(tokenizer, values[i], MEMORY.group_size),
            shard_index=0,
        )
        for i in chosen
        if len(encode_answer(tokenizer, values[i], max_tokens=10**6)) <= MEMORY.group_size
    ]
    return facts, {
        fact.fact_id: tuple(rows[int(fact.fact_id)].get("paraphrases", ())) for fact in facts
    }


def measure(
    attached: Attached,
    title: str,
    facts: Sequence[TrainingFact],
    asked: dict[str, list[tuple[TrainingFact, str]]],
) -> None:
    """Tune the facts and print how they are answered."""
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        results = tune_memory(attached, facts, Tuning(), Path(folder), SilentRecorder())
    seconds = time.process_time() - start
    shift_of = {
        fact_id: weight
        for result in results
        for fact_id, weight in zip(result.fact_ids, result.weights, strict=True)
    }
    losses = [result.loss_by_step for result in results]
    undecided = sum(len(result.undecided) for result in results)
    rows = []
    for name, own in asked.items():
        exact, probability = answered(attached, own, shift_of)
        low = sum(p < 0.99 for p in probability)
        rows.append(
            [
                name, len(own), f"{sum(exact) / len(own):.2%}",
                f"{sum(probability) / len(own):.4f}", f"{min(probability):.3f}", low,
            ]
        )  # fmt: skip
    show(
        f"{title}: {len(facts)} facts tuned in {seconds:.1f} s of the processor "
        f"({seconds / len(facts) * 1e3:.0f} ms a fact), {undecided} undecided, loss "
        f"{max(loss[0] for loss in losses):.3g} to {max(loss[-1] for loss in losses):.3g}",
        HEAD, rows,
    )  # fmt: skip


def answered(
    attached: Attached,
    asked: Sequence[tuple[TrainingFact, str]],
    shift_of: dict[str, torch.Tensor],
) -> tuple[list[bool], list[float]]:
    """Return whether each is answered exactly, and the answer's probability."""
    tokenizer = attached.backbone.tokenizer
    return teacher_forced(
        attached,
        [encode_prompt(tokenizer, text, cloze=fact.cloze) for fact, text in asked],
        [encode_answer(tokenizer, fact.answer) for fact, _ in asked],
        [shift_of[fact.fact_id] for fact, _ in asked],
    )


if __name__ == "__main__":
    main()
