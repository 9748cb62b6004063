"""Memory tuning against PEFT LoRA (r=32 on all linear layers) and full fine-tuning, in one run.

    python -m tests.bench.lora [--facts FACTS.parquet] [--epochs 100] [--seconds 600] [--quick]

Same facts, same prompts, same backbone, one thread; real short answers and random strings of 32
characters; the embedded backbone and a deeper one, or any that is named. Recall is free-running
greedy recall of the training prompts, ours with the fact's own group (the router is pretrained
once, for all facts to come, and is not in the time; finding a fact's key is). A baseline trains
until its recall equals ours, or `--epochs`, or `--seconds`; its learning rate, reached over the
first epoch and constant from then on, is the best of `--rates` after a few epochs, which are not in
its time. Where it does not get there, the ratio is "at least", at the epochs that it had and,
extrapolated from its time per epoch, at 100.

FLOPs: 2 x rows x in x out of every linear layer called, once more for the gradient of its input and
once more for that of its weight, as far as either is needed; attention products, experts and the
least squares of the closed form are not counted. The floor is that over the rate at which this
machine multiplies 1024 x 1024 matrices on one thread. Seconds are processor seconds of one thread:
on an idle machine those of the clock, on a shared one without what others take.
"""

import argparse
import copy
import gc
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pycountry
import torch
from peft import LoraConfig, get_peft_model
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence

from lamini.backbone.backbone import Backbone, load_backbone
from lamini.backbone.memory import attach, detach, pad_left, reading_of
from lamini.backbone.text import decode_answer, encode_answer, encode_prompt, normal_form
from lamini.config import MemoryConfig, RouterConfig, Tuning
from lamini.recorder import SilentRecorder
from lamini.router.query_encoder import QueryEncoder
from lamini.router.stream import encode
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory
from tests.bench.backbones import deep
from tests.bench.cloze_facts import experts_for, random_strings, read_cloze_facts

IGNORED = -100


@dataclass
class Run:
    """What one method cost, and what it knew in the end."""

    name: str
    recall: float = 0.0
    seconds: float = 0.0
    epochs: int = 0
    flops: int = 0
    trained_bytes: int = 0
    state_bytes: int = 0
    note: str = ""
    recall_by_epoch: list[float] = field(default_factory=list)


def main() -> None:
    """Run every method on every set of facts and backbone, and print a table for each."""
    arguments = _arguments()
    torch.set_num_threads(1)
    rate = multiply_rate()
    print(f"this machine multiplies at {rate / 1e9:.1f} GFLOPS on one thread")
    for backbone in _backbones(arguments):
        for answers in arguments.answers:
            facts = facts_of(arguments, backbone.tokenizer, answers)
            title = (
                f"{backbone.reference}, {len(backbone.layers)} layers, {len(facts)} facts, "
                f"{answers} answers"
            )
            ours = memory_tuning(backbone, facts)
            runs = [ours]
            for method in arguments.methods:
                runs.append(baseline(method, backbone, facts, ours, arguments))
            print_table(title, runs, rate)


def _backbones(arguments: argparse.Namespace) -> Iterator[Backbone]:
    if arguments.backbone:
        yield load_backbone(arguments.backbone)
        return
    for num_layers in arguments.layers:
        yield deep(num_layers) if num_layers > 6 else load_backbone()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=Path, help="default: codes of countries")
    parser.add_argument("--num-facts", type=int, default=500)
    parser.add_argument("--layers", type=int, nargs="+", default=[6, 12])
    parser.add_argument("--backbone", help="folder or name of a model, instead of --layers")
    parser.add_argument("--methods", nargs="*", default=["lora", "full"])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600.0, help="for each baseline")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--trial-epochs", type=int, default=8)
    parser.add_argument("--rates", type=float, nargs="+", default=[5e-4, 1e-3, 2e-3])
    parser.add_argument("--answers", nargs="+", default=["real", "random"])
    parser.add_argument("--quick", action="store_true", help="40 facts, 6 layers, 3 epochs")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.num_facts, arguments.layers = 40, [6]
        arguments.epochs, arguments.trial_epochs = 3, 1
    return arguments


def facts_of(arguments: argparse.Namespace, tokenizer: object, answers: str) -> list[TrainingFact]:
    """Return the facts; those with random answers have the prompts of the real ones."""
    if arguments.facts:
        read = read_cloze_facts(arguments.facts, tokenizer, limit=arguments.num_facts)
        facts = [replace(row.fact, prompts=row.fact.prompts[:1]) for row in read]
    else:
        facts = country_codes(tokenizer)[: arguments.num_facts]
    if answers == "real":
        return facts
    strings = random_strings(len(facts))
    return [
        replace(fact, answer=text, num_experts=experts_for(tokenizer, text))
        for fact, text in zip(facts, strings, strict=True)
    ]


def country_codes(tokenizer: object) -> list[TrainingFact]:
    """Return three codes of each country as facts."""
    asked = (("alpha_3", "The three-letter code of {} is"), ("numeric", "The ISO number of {} is"))
    facts: list[TrainingFact] = []
    for country in pycountry.countries:
        for name, template in (*asked, ("alpha_2", "The two-letter code of {} is")):
            answer = getattr(country, name)
            facts.append(
                TrainingFact(
                    fact_id=f"{name}-{country.alpha_2}",
                    subject=country.name,
                    prompts=(template.format(country.name),),
                    answer=answer,
                    cloze=True,
                    group_index=len(facts),
                    num_experts=experts_for(tokenizer, answer),
                    shard_index=0,
                )
            )
    return facts


def multiply_rate(size: int = 1024) -> float:
    """Return the FLOPs per second of a square product in fp32: the best of several."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(8):
        start = time.process_time()
        a @ b
        best = min(best, time.process_time() - start)
    return 2 * size**3 / best


@contextmanager
def counting(run: Run, model: nn.Module) -> Iterator[None]:
    """Add the FLOPs of the linear layers called inside the block to the run."""

    def count(layer: nn.Linear, given: tuple[torch.Tensor], output: torch.Tensor) -> None:
        needed = 1 + given[0].requires_grad + layer.weight.requires_grad
        needed = needed if torch.is_grad_enabled() else 1
        run.flops += 2 * output.numel() * layer.in_features * needed

    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    handles = [linear.register_forward_hook(count) for linear in linears]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def memory_tuning(backbone: Backbone, facts: Sequence[TrainingFact]) -> Run:
    """Tune the facts' own experts and measure."""
    attached, run = attach(backbone, MemoryConfig()), Run("memory tuning")
    router = QueryEncoder(attached.hidden_size, RouterConfig()).eval()
    tuning = Tuning(prompts_per_fact=1)
    with tempfile.TemporaryDirectory() as folder, counting(run, backbone.model):
        start = time.process_time()
        (result,) = tune_memory(attached, facts, tuning, Path(folder), SilentRecorder())
        with torch.no_grad():
            encode(attached, router, [fact.prompts[0] for fact in facts])
        run.seconds = time.process_time() - start
    run.epochs = result.num_steps
    run.trained_bytes = sum(weight.numel() * 4 for weight in result.weights)
    run.state_bytes = run.trained_bytes
    run.note = f"loss {result.loss_by_step[0]:.2g} to {result.loss_by_step[-1]:.2g}"
    shift_FAD = pad_sequence(result.weights, batch_first=True)

    def reading(rows: torch.Tensor, width: int) -> AbstractContextManager[None]:
        own = reading_of(
            shift_FAD[rows], range(len(rows)), [width - 1] * len(rows), torch.device("cpu")
        )
        return attached.reader.reading(own)

    run.recall = free_running(backbone, facts, reading)
    detach(attached)
    return run


@torch.no_grad()
def free_running(
    backbone: Backbone, facts: Sequence[TrainingFact], reading: Callable | None = None
) -> float:
    """Return the share of facts that greedy generation answers exactly."""
    tokenizer, right = backbone.tokenizer, 0
    order = sorted(range(len(facts)), key=lambda i: len(facts[i].prompts[0]))
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        prompts = [encode_prompt(tokenizer, facts[i].prompts[0], cloze=True) for i in rows]
        ids_BL, mask_BL = pad_left(prompts, backbone)
        longest = max(len(encode_answer(tokenizer, facts[i].answer)) for i in rows)
        generate = {"max_new_tokens": longest + 1, "do_sample": False}
        generate |= {"attention_mask": mask_BL, "pad_token_id": tokenizer.pad_token_id}
        if reading is None:
            out = backbone.model.generate(input_ids=ids_BL, **generate)
        else:
            with reading(torch.tensor(rows), ids_BL.shape[1]):
                out = backbone.model.generate(input_ids=ids_BL, **generate)
        new = out[:, ids_BL.shape[1] :].tolist()
        texts = [decode_answer(tokenizer, row) for row in new]
        right += sum(
            text == normal_form(facts[i].answer) for text, i in zip(texts, rows, strict=True)
        )
    return right / len(facts)


def baseline(
    method: str,
    backbone: Backbone,
    facts: Sequence[TrainingFact],
    ours: Run,
    arguments: argparse.Namespace,
) -> Run:
    """Train until recall equals ours, or the epochs or seconds are used up."""
    rates = arguments.rates
    examples = [
        (
            encode_prompt(backbone.tokenizer, fact.prompts[0], cloze=True),
            encode_answer(backbone.tokenizer, fact.answer),
        )
        for fact in facts
    ]
    best, chosen = float("inf"), rates[0]
    for rate in rates if len(rates) > 1 else ():
        model, optimizer, _ = _made(method, backbone, rate)
        losses = [
            _epoch(model, optimizer, examples, arguments.batch, epoch, backbone, rate)
            for epoch in range(arguments.trial_epochs)
        ]
        if losses[-1] < best:
            best, chosen = losses[-1], rate
        del model, optimizer
        gc.collect()
    model, optimizer, trained = _made(method, backbone, chosen)
    run = Run(method, trained_bytes=trained * 4, state_bytes=trained * 8)
    wanted = ours.recall
    while run.epochs < arguments.epochs and run.seconds < arguments.seconds:
        with counting(run, model):
            start = time.process_time()
            loss = _epoch(model, optimizer, examples, arguments.batch, run.epochs, backbone, chosen)
            run.seconds += time.process_time() - start
        run.epochs += 1
        run.recall_by_epoch.append(_decided(model, examples, arguments.batch, backbone))
        if run.recall_by_epoch[-1] >= wanted:
            break
    tuned = Backbone(model=model, tokenizer=backbone.tokenizer, reference=method)
    run.recall = free_running(tuned, facts)
    run.note = f"lr {chosen:g} of {rates}, last loss {loss:.3f}"
    return run


def _made(
    method: str, backbone: Backbone, rate: float
) -> tuple[nn.Module, torch.optim.Optimizer, int]:
    torch.manual_seed(0)
    model = copy.deepcopy(backbone.model)
    if method == "lora":
        targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        config = LoraConfig(r=32, lora_alpha=64, target_modules=targets, task_type="CAUSAL_LM")
        model = get_peft_model(model, config)
    else:
        model.requires_grad_(True)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=rate, weight_decay=0.0)
    return model, optimizer, sum(p.numel() for p in trained)


def _batches(
    examples: Sequence[tuple[list[int], list[int]]], size: int, seed: int, backbone: Backbone
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield ids, mask and labels of batches of like length, in random order."""
    rng = random.Random(seed)
    order = list(range(len(examples)))
    rng.shuffle(order)
    order.sort(key=lambda i: sum(map(len, examples[i])))
    starts = list(range(0, len(order), size))
    rng.shuffle(starts)
    pad = backbone.tokenizer.pad_token_id
    for start in starts:
        rows = [examples[i] for i in order[start : start + size]]
        width = max(len(prompt) + len(answer) for prompt, answer in rows)
        ids = torch.full((len(rows), width), pad)
        labels = torch.full((len(rows), width), IGNORED)
        mask = torch.zeros(len(rows), width, dtype=torch.int64)
        for b, (prompt, answer) in enumerate(rows):
            end = len(prompt) + len(answer)
            ids[b, :end] = torch.tensor(prompt + answer)
            labels[b, len(prompt) : end] = torch.tensor(answer)
            mask[b, :end] = 1
        yield ids, mask, labels


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    examples: Sequence[tuple[list[int], list[int]]],
    size: int,
    epoch: int,
    backbone: Backbone,
    rate: float,
) -> float:
    total, tokens = 0.0, 0
    model.train()
    num_batches = -(-len(examples) // size)
    for number, (ids, mask, labels) in enumerate(_batches(examples, size, epoch, backbone), 1):
        warm = rate if epoch else rate * number / num_batches
        optimizer.param_groups[0]["lr"] = warm
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        loss = cross_entropy(
            logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED
        )
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        scored = int((labels != IGNORED).sum())
        total, tokens = total + loss.item() * scored, tokens + scored
    return total / tokens


@torch.no_grad()
def _decided(
    model: nn.Module,
    examples: Sequence[tuple[list[int], list[int]]],
    size: int,
    backbone: Backbone,
) -> float:
    """Return the share whose every token is the most likely one: what greedy decoding then says."""
    right = 0
    model.eval()
    for ids, mask, labels in _batches(examples, size, 0, backbone):
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
        hits = (logits[:, :-1].argmax(-1) == labels[:, 1:]) | (labels[:, 1:] == IGNORED)
        right += int(hits.all(1).sum())
    return right / len(examples)


def print_table(title: str, runs: Sequence[Run], rate: float) -> None:
    """Print the runs side by side with what they are to ours."""
    ours = runs[0]
    print(f"\n{title}")
    print(
        f"{'method':14} {'passes':>6} {'recall':>7} {'seconds':>8} {'s/pass':>7} {'TFLOP':>7} "
        f"{'floor s':>7} {'of it':>6} {'MB trained':>10} {'MB state':>8} {'ratio':>9}  note"
    )
    for run in runs:
        floor = run.flops / rate
        there = run.recall >= ours.recall
        ratio = f"{'' if there else '>= '}{run.seconds / ours.seconds:.1f}x"
        print(
            f"{run.name:14} {run.epochs:6} {run.recall:7.1%} {run.seconds:8.1f} "
            f"{run.seconds / max(1, run.epochs):7.2f} {run.flops / 1e12:7.3f} {floor:7.1f} "
            f"{floor / run.seconds:6.0%} {run.trained_bytes / 1e6:10.1f} "
            f"{run.state_bytes / 1e6:8.1f} {ratio:>9}  {run.note}"
        )
        if run is not ours and not there:
            at_100 = run.seconds / run.epochs * 100
            print(
                f"  extrapolated: {run.seconds:.1f} s / {run.epochs} epochs x 100 = "
                f"{at_100:.0f} s: "
                f"{at_100 / ours.seconds:.1f}x if recall comes no earlier"
            )
        if run.recall_by_epoch:
            shown = [f"{e + 1}:{r:.0%}" for e, r in enumerate(run.recall_by_epoch)]
            every = max(1, len(shown) // 12)
            print("  recall by epoch " + " ".join([*shown[::every], shown[-1]]))


if __name__ == "__main__":
    main()
