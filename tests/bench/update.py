"""An update of 1% of many facts, its time beside that of tuning all of them, and what it moved.

    python -m tests.bench.update [--facts FOLDER] [--num-facts N] [--share S] [--quick]

The router is pretrained on some facts and frozen; then all others are tuned into the bank at once,
which is what a full tuning costs. Then a share of them changes: eight in ten get another answer,
one is retired and one added. FOLDER holds Parquet files of facts as in tests/bench/cloze_facts.py;
without it the facts are made up. Recall is free-running, of the first prompt.
"""

import argparse
import dataclasses
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

import lamini.update.update
from lamini.backbone.backbone import load_backbone
from lamini.config import MemoryConfig, RouterConfig, Tuning
from lamini.model.memory_model import MemoryModel
from lamini.proof.recall import Question, RecallRow, measure_recall
from lamini.proof.untouched import compare_banks, compare_logits
from lamini.training_data import TrainingFact
from lamini.update.update import UpdateReceipt, update_model
from tests.bench.cloze_facts import ClozeFact, experts_for, random_strings, read_cloze_facts
from tests.bench.sequential import pretrained

FILES = ("counterfact", "relations", "zsre", "popqa")
NUM_SHARDS = 8


def main() -> None:
    """Run the benchmark and print what it measured."""
    arguments = _arguments()
    torch.set_num_threads(1)
    backbone = load_backbone(device=arguments.device)
    every = _facts(arguments, backbone.tokenizer)
    others, facts = every[: arguments.pretrain_facts], [f.fact for f in every]
    facts = [_placed(fact, i) for i, fact in enumerate(facts)]
    spare = facts[-max(1, round(arguments.share * arguments.num_facts / 10)) :]
    facts = facts[: -len(spare)]
    with tempfile.TemporaryDirectory() as home:
        others = [
            dataclasses.replace(other, fact=fact)
            for other, fact in zip(others, facts, strict=False)
        ]
        memory = MemoryConfig(num_experts=MemoryConfig().group_size * next_power(len(facts)))
        model = pretrained(backbone, others, Path(home), arguments.steps, arguments.cells, memory)
        full, tuning_full, all_full = _timed(model, facts)
        print(f"all {len(facts)} facts: tuning {tuning_full:.1f} s, in all {all_full:.1f} s")
        _report(model, facts, full, tuning_full, spare, arguments)


def next_power(number: int) -> int:
    """Return the least power of two that is more."""
    return 1 << number.bit_length()


def _report(
    model: MemoryModel,
    facts: Sequence[TrainingFact],
    full: UpdateReceipt,
    tuning_full: float,
    spare: Sequence[TrainingFact],
    arguments: argparse.Namespace,
) -> None:
    now = _changed(facts, spare, arguments.share)
    kept = random.Random(1).sample(facts, min(arguments.sample, len(facts)))
    before = {row.fact_id: row for row in _measured(model, kept)}
    receipt, tuning, whole = _timed(model, now)
    touched = {*receipt.added, *receipt.changed, *receipt.retired}
    by_id = {fact.fact_id: fact for fact in now}
    print(
        f"{len(receipt.changed)} changed, {len(receipt.retired)} retired, {len(receipt.added)} "
        f"added: tuning {tuning:.1f} s = {tuning / tuning_full:.2%} of all; in all {whole:.1f} s"
    )
    print(f"would not go: {receipt.would_not_go or 'none'}; before: {len(full.would_not_go)}")
    groups = {
        "changed and added": [by_id[f] for f in (*receipt.changed, *receipt.added)],
        "affected": [by_id[f] for f in receipt.affected],
        "untouched": [f for f in kept if f.fact_id not in touched | {*receipt.affected}],
    }
    for name, part in groups.items():
        rows = _measured(model, part)
        exact = sum(row.is_exact for row in rows)
        known = [row for row in rows if row.fact_id in before]
        same = sum(_said(row) == _said(before[row.fact_id]) for row in known)
        old = "" if name.startswith("changed") else f", {same} of {len(known)} as before"
        print(f"recall, {name}: {exact} of {len(rows)}{old}")
    _prove(model, receipt, [fact.prompts[0] for fact in kept])


def _prove(model: MemoryModel, receipt: UpdateReceipt, prompts: Sequence[str]) -> None:
    start = time.perf_counter()
    banks = compare_banks(model.bank, receipt.previous, receipt.bank, receipt.groups)
    logits = compare_logits(model, receipt.previous, prompts, receipt.groups, cloze=True)
    print(
        f"{banks.num_experts} other experts: {len(banks.differing_experts)} differ; "
        f"{banks.num_keys} keys: {len(banks.differing_keys)} differ; {logits.num_prompts} prompts "
        f"that read none of the touched: {len(logits.differing)} moved "
        f"({time.perf_counter() - start:.1f} s to compare)"
    )


def _changed(
    facts: Sequence[TrainingFact], spare: Sequence[TrainingFact], share: float
) -> list[TrainingFact]:
    """Return the facts as they are after a share of them changed."""
    number = max(3, round(share * len(facts)))
    drawn = random.Random(0).sample(range(len(facts)), number)
    retired = {*drawn[: max(1, number // 10)]}
    changed = [i for i in drawn if i not in retired][: number - len(retired) - len(spare)]
    answers = [facts[i] for i in changed]
    # Each gets the answer of the next: known to nobody as its own, and of the same kind.
    rotated = [*answers[1:], *answers[:1]]
    new = {
        i: dataclasses.replace(facts[i], answer=o.answer, num_experts=o.num_experts)
        for i, o in zip(changed, rotated, strict=True)
    }
    return [new.get(i, fact) for i, fact in enumerate(facts) if i not in retired] + list(spare)


@contextmanager
def _clock() -> Iterator[list[float]]:
    """Time memory tuning alone."""
    seconds, tune = [0.0], lamini.update.update.tune_memory

    def timed(*given, **named):
        start = time.perf_counter()
        try:
            return tune(*given, **named)
        finally:
            seconds[0] += time.perf_counter() - start

    lamini.update.update.tune_memory = timed
    try:
        yield seconds
    finally:
        lamini.update.update.tune_memory = tune


def _timed(model: MemoryModel, facts: Sequence[TrainingFact]) -> tuple[UpdateReceipt, float, float]:
    start = time.perf_counter()
    with _clock() as tuning:
        receipt = update_model(model, facts, tuning=Tuning())
    return receipt, tuning[0], time.perf_counter() - start


def _measured(model: MemoryModel, facts: Sequence[TrainingFact]) -> list[RecallRow]:
    group_of = dict(zip(model.table.fact_ids, model.table.group_index_G.tolist(), strict=True))
    questions = [
        Question(
            kind="training",
            template="",
            prompt=fact.prompts[0],
            cloze=fact.cloze,
            fact_id=fact.fact_id,
            answer=fact.answer,
            group_index=group_of[fact.fact_id],
        )
        for fact in facts
    ]
    return measure_recall(model, questions)


def _said(row: RecallRow) -> tuple[str, int | None]:
    return row.generated, row.routed_group


def _placed(fact: TrainingFact, number: int) -> TrainingFact:
    return dataclasses.replace(fact, group_index=number, shard_index=number % NUM_SHARDS)


def _facts(arguments: argparse.Namespace, tokenizer: object) -> list[ClozeFact]:
    wanted = arguments.num_facts
    found: dict[str, ClozeFact] = {}
    for name in FILES if arguments.facts else ():
        path = arguments.facts / f"{name}.parquet"
        read = read_cloze_facts(path, tokenizer, wrong=False) if path.is_file() else []
        for one in read:
            # One answer for one prompt: twins cannot both be right, whoever routes.
            found.setdefault(one.fact.prompts[0].casefold(), one)
    every = [*found.values()][:wanted]
    return every + _made_up(wanted - len(every), tokenizer)


def _made_up(number: int, tokenizer: object) -> list[ClozeFact]:
    names = random_strings(number, length=6, seed=1)
    answers = random_strings(number, length=8, seed=2)
    return [
        ClozeFact(
            fact=TrainingFact(
                fact_id=f"made-up-{i}",
                subject=f"{name.title()} {i}",
                prompts=(
                    f"The code of {name.title()} {i} is",
                    f"the code of {name.title()} {i} is",
                    f"{name.title()} {i} has the code",
                ),
                answer=answer,
                cloze=True,
                group_index=i,
                num_experts=experts_for(tokenizer, answer),
                shard_index=0,
            ),
            paraphrases=(),
            locality=(f"The colour of {name.title()} {i} is", f"{name.title()} {i} was built by"),
        )
        for i, (name, answer) in enumerate(zip(names, answers, strict=True))
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=Path, metavar="FOLDER")
    parser.add_argument("--num-facts", type=int, default=20_000)
    parser.add_argument("--share", type=float, default=0.01)
    parser.add_argument("--pretrain-facts", type=int, default=600)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--cells", type=int, default=RouterConfig().num_cells)
    parser.add_argument("--sample", type=int, default=1000, help="untouched facts measured")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true", help="200 facts, 20 steps, 5% changed")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.num_facts, arguments.share, arguments.sample = 200, 0.05, 60
        arguments.pretrain_facts, arguments.steps = 60, 20
    return arguments


if __name__ == "__main__":
    main()
