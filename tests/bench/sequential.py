"""Sequential updates without revisiting: batch after batch of facts under one frozen router.

    python -m tests.bench.sequential FACTS.parquet [--passages TEXT.parquet] [--quick]

The router is pretrained on OTHER rows of the file (behind the first NUM_FACTS), which the first
update retires; the value to memorize is a row's first wrong answer. After the last batch: recall
of all facts free-running and teacher-forced, recall of their paraphrases (never trained on), logits
of prompts that read no touched expert against those before, perplexity of general text against the
backbone's; then a tenth of the facts is forgotten.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
import torch
from torch.nn.functional import cross_entropy

from lamini.backbone.backbone import Backbone, load_backbone
from lamini.backbone.memory import attach, detach, full_logits, pad_right
from lamini.backbone.text import encode_answer, encode_prompt, normal_form
from lamini.checkpoint.checkpoint import build_checkpoint
from lamini.config import MemoryConfig, RouterConfig, RouterTraining, Tuning
from lamini.model.loading import load
from lamini.model.memory_model import MemoryModel
from lamini.recorder import SilentRecorder
from lamini.router.training import pretrain_router
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory
from lamini.update.update import update_model
from tests.bench.cloze_facts import ClozeFact, read_cloze_facts
from tests.bench.measuring import teacher_forced

PROMPT_TOKENS = 32
PASSAGE_TOKENS = 192


def main() -> None:
    """Run all batches, measure, forget, measure again."""
    arguments = _arguments()
    torch.set_num_threads(1)
    backbone = load_backbone()
    facts = read_cloze_facts(arguments.facts, backbone.tokenizer, limit=arguments.num_facts)
    others = read_cloze_facts(
        arguments.facts,
        backbone.tokenizer,
        start=arguments.num_facts,
        limit=arguments.pretrain_facts,
        paraphrased=True,
    )
    with tempfile.TemporaryDirectory() as home:
        model = pretrained(backbone, others, Path(home), arguments.steps, arguments.cells)
        watched = [f.fact.prompts[0] for f in facts[: arguments.batch : 2]]
        watched += [text for other in others[:100] for text in other.locality]
        in_batches(model, [fact.fact for fact in facts], watched, arguments.batch)
        report_recall(model, facts)
        if arguments.passages:
            report_perplexity(model, arguments.passages, arguments.num_passages)
        forget_tenth(model, facts)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("facts", type=Path)
    parser.add_argument("--passages", type=Path)
    parser.add_argument("--num-passages", type=int, default=300)
    parser.add_argument("--num-facts", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--pretrain-facts", type=int, default=600)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--cells", type=int, default=RouterConfig().num_cells)
    parser.add_argument("--quick", action="store_true", help="60 facts in 3 batches, 20 steps")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.num_facts, arguments.batch, arguments.num_passages = 60, 20, 20
        arguments.pretrain_facts, arguments.steps = 60, 20
    return arguments


def pretrained(
    backbone: Backbone,
    others: Sequence[ClozeFact],
    home: Path,
    num_steps: int,
    num_cells: int,
    memory: MemoryConfig | None = None,
) -> MemoryModel:
    """Return a checkpoint of the other facts: its router is frozen from now on."""
    start, facts = time.perf_counter(), [other.fact for other in others]
    memory = memory or MemoryConfig()
    attached = attach(backbone, memory)
    negatives = [text for other in others for text in other.locality]
    training = RouterTraining(num_steps=num_steps)
    recorder = SilentRecorder()
    receipt = pretrain_router(
        attached,
        facts,
        negatives,
        RouterConfig(num_cells=num_cells),
        training,
        home / "router",
        recorder,
    )
    tune_memory(attached, facts, Tuning(), home / "tuning", recorder)
    build_checkpoint(
        home / "checkpoint",
        backbone=backbone,
        memory=memory,
        hidden_size=attached.hidden_size,
        facts=facts,
        router_folder=home / "router",
        tuning_folder=home / "tuning",
        snapshot_hash="",
        training_hash="",
    )
    detach(attached)
    print(
        f"router pretrained on {len(facts)} other facts ({time.perf_counter() - start:.0f} s);"
        f" threshold {receipt.threshold:.3f}, unnamed {receipt.unnamed_threshold:.3f}"
    )
    return load(home / "checkpoint", backbone=backbone)


def in_batches(
    model: MemoryModel, facts: Sequence[TrainingFact], watched: Sequence[str], size: int
) -> None:
    """Update batch by batch and print what each cost and what it moved."""
    print(
        f"{'facts':>6} {'seconds':>8} {'passes':>7} {'would not':>9} {'affected':>8} {'moved':>6}"
    )
    seen: dict[int, tuple[int | None, torch.Tensor]] = {}
    rerouted, moved, undecided, affected, seconds = 0, 0, [], [], 0.0
    for end in range(size, len(facts) + size, size):
        start = time.perf_counter()
        receipt = update_model(model, facts[:end])
        took = time.perf_counter() - start
        seconds += took
        undecided += receipt.would_not_go
        affected += receipt.affected
        now = logits_of(model, watched)
        if seen:
            for i, (group, logits) in now.items():
                same_set = seen[i][0] == group
                rerouted += not same_set
                moved += same_set and not torch.equal(seen[i][1], logits)
        seen = now
        print(
            f"{min(end, len(facts)):6} {took:8.2f} {receipt.num_steps:7} "
            f"{len(receipt.would_not_go):9} {len(receipt.affected):8} {moved:6}"
        )
    print(f"all batches: {seconds:.1f} s, {seconds / len(facts) * 1e3:.1f} ms a fact")
    print(
        f"watched prompts: {len(watched)}; rerouted by new keys {rerouted}, moved otherwise {moved}"
    )
    print(f"would not go: {undecided or 'none'}; affected: {len(set(affected))}")


def logits_of(
    model: MemoryModel, prompts: Sequence[str]
) -> dict[int, tuple[int | None, torch.Tensor]]:
    """Return each prompt's group and its logits after four fixed tokens."""
    ids = [encode_prompt(model.tokenizer, prompt, cloze=True) for prompt in prompts]
    groups = [route.group for route in model.route_prompts(ids)]
    found = {}
    for first in range(0, len(ids), 64):
        rows = ids[first : first + 64]
        ids_BL, mask_BL = pad_right(
            [[*row, 50, 51, 52, 53] for row in rows], model.attached.backbone
        )
        logits = model(ids_BL, mask_BL, prompt_length=[len(row) for row in rows])
        found |= {
            first + b: (groups[first + b], logits[b, len(row) - 1 : len(row) + 4].clone())
            for b, row in enumerate(rows)
        }
    return found


def report_recall(model: MemoryModel, facts: Sequence[ClozeFact]) -> None:
    """Print recall free-running and teacher-forced, of the prompts and of the paraphrases."""
    group_of = dict(zip(model.table.fact_ids, model.table.group_index_G.tolist(), strict=True))
    print(f"{'':22} {'free':>7} {'teacher':>8} {'agree':>7} {'oracle':>7} {'memory':>7}")
    own = [(f.fact, f.fact.prompts[0]) for f in facts]
    held_out = [(f.fact, text) for f in facts for text in f.paraphrases]
    for name, asked in (("training prompt", own), ("paraphrase, unseen", held_out)):
        prompts = [prompt for _, prompt in asked]
        answers = ask(model, prompts)
        exact = [a.text == normal_form(f.answer) for (f, _), a in zip(asked, answers, strict=True)]
        groups = [group_of[f.fact_id] for f, _ in asked]
        agrees = [a.group == g for a, g in zip(answers, groups, strict=True)]
        oracle = ask(model, prompts, groups)
        right = [a.text == normal_form(f.answer) for (f, _), a in zip(asked, oracle, strict=True)]
        forced = decided(model, asked, [answer.group for answer in answers])
        memory = [answer.from_memory for answer in answers]
        shares = [sum(x) / len(asked) for x in (exact, forced, agrees, right, memory)]
        print(f"{name:22} " + " ".join(f"{share:7.2%}" for share in shares))
        if name == "training prompt":
            texts = {}
            for f, prompt in asked:
                texts.setdefault(prompt, set()).add(f.answer)
            twins = sum(len(texts[prompt]) > 1 for prompt in prompts)
            missed = [f.fact_id for (f, _), ok in zip(asked, exact, strict=True) if not ok]
            print(
                f"  one prompt with two answers: {twins} facts; missed: {len(missed)} {missed[:12]}"
            )


def ask(model: MemoryModel, prompts: Sequence[str], groups: Sequence[int] | None = None) -> list:
    """Return greedy answers in batches of like length."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    answers = {}
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        given = None if groups is None else [groups[i] for i in rows]
        texts = [prompts[i] for i in rows]
        found = model.answer(texts, cloze=True, groups=given, max_answer_tokens=16)
        answers.update(zip(rows, found, strict=True))
    return [answers[i] for i in range(len(prompts))]


@torch.no_grad()
def decided(
    model: MemoryModel,
    asked: Sequence[tuple[TrainingFact, str]],
    groups: Sequence[int | None],
) -> list[bool]:
    """Return whether every answer token is the most likely one given those before it."""
    right = []
    for start in range(0, len(asked), 256):
        rows = asked[start : start + 256]
        prompts = [encode_prompt(model.tokenizer, prompt, cloze=True) for _, prompt in rows]
        answers = [encode_answer(model.tokenizer, fact.answer) for fact, _ in rows]
        own = groups[start : start + 256]
        shifts = [
            torch.zeros(0, model.bank.hidden_size) if g is None else model.bank.read([g])[0]
            for g in own
        ]
        exact, _ = teacher_forced(model.attached, prompts, answers, shifts)
        right += exact
    return right


@torch.no_grad()
def report_perplexity(model: MemoryModel, path: Path, limit: int) -> None:
    """Print perplexity behind the first tokens of each passage, with memory and without."""
    tokenizer, backbone = model.tokenizer, model.attached.backbone
    lines = [
        line.strip()
        for text in pq.read_table(path)["text"].to_pylist()
        for line in text.split("\n")
    ]
    ids = [encode_prompt(tokenizer, line, cloze=True) for line in lines if len(line.split()) >= 60]
    ids = [row[:PASSAGE_TOKENS] for row in ids if len(row) > 2 * PROMPT_TOKENS][:limit]
    read, moved, with_memory, without = 0, 0, 0.0, 0.0
    for start in range(0, len(ids), 16):
        rows = ids[start : start + 16]
        groups = [
            route.group for route in model.route_prompts([row[:PROMPT_TOKENS] for row in rows])
        ]
        ids_BL, mask_BL = pad_right(rows, backbone)
        bare = full_logits(model.attached, ids_BL, mask_BL, None)
        given = model(ids_BL, mask_BL, prompt_length=[PROMPT_TOKENS] * len(rows))
        for b, group in enumerate(groups):
            read += group is not None
            moved += group is None and not torch.equal(given[b], bare[b])
        with_memory, without = with_memory + _nll(given, rows), without + _nll(bare, rows)
    tokens = sum(len(row) - PROMPT_TOKENS for row in ids)
    print(
        f"{len(ids)} passages: {read} read memory ({read / len(ids):.2%}); {moved} others differ "
        f"from the backbone in any bit; perplexity {math.exp(with_memory / tokens):.6f}, "
        f"backbone {math.exp(without / tokens):.6f}"
    )


def _nll(logits_BLV: torch.Tensor, rows: Sequence[list[int]]) -> float:
    return sum(
        float(
            cross_entropy(
                logits_BLV[b, PROMPT_TOKENS - 1 : len(row) - 1],
                torch.tensor(row[PROMPT_TOKENS:]),
                reduction="sum",
            )
        )
        for b, row in enumerate(rows)
    )


def forget_tenth(model: MemoryModel, facts: Sequence[ClozeFact]) -> None:
    """Retire every tenth fact and print what is left of it, and whether others moved."""
    gone, kept = facts[::10], [fact for i, fact in enumerate(facts) if i % 10]
    watched = [fact.fact.prompts[0] for fact in kept[::3]]
    before = logits_of(model, watched)
    bare = ask(model, [fact.fact.prompts[0] for fact in gone], [None] * len(gone))
    start = time.perf_counter()
    receipt = update_model(model, [fact.fact for fact in kept])
    seconds = time.perf_counter() - start
    answers = ask(model, [fact.fact.prompts[0] for fact in gone])
    still = sum(a.text == normal_form(f.fact.answer) for f, a in zip(gone, answers, strict=True))
    known = sum(a.text == normal_form(f.fact.answer) for f, a in zip(gone, bare, strict=True))
    experts = model.bank.read(receipt.groups)
    left = int(experts.count_nonzero())
    after = logits_of(model, watched)
    same = [i for i in before if before[i][0] == after[i][0]]
    moved = sum(not torch.equal(before[i][1], after[i][1]) for i in same)
    print(
        f"forgot {len(gone)} facts in {seconds:.1f} s: recall {still / len(gone):.2%} (backbone "
        f"{known / len(gone):.2%}), {sum(a.from_memory for a in answers)} of their prompts read "
        f"other facts, {left} numbers of their experts left; of {len(watched)} others' logits "
        f"{moved} moved, {len(watched) - len(same)} rerouted (a key that had captured them is gone)"
    )


if __name__ == "__main__":
    main()
