"""Tune facts into a backbone of Llama-3-8B's shape, beside LoRA: speed, memory, matrix rate.

    python -m tests.bench.gpu [--layers 32] [--facts 512] [--rounds 3] [--device cuda] [--tiny]

Weights and facts are random: what is measured is cost, not recall. A round tunes all facts until
decided, then trains one epoch of PEFT LoRA (rank 32, all linear layers) on the same examples.
`--tiny` (also `--quick`) takes a shape that ends within a minute on a CPU.
"""

import argparse
import random
import statistics
import string
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from lamini.backbone.backbone import Backbone, freeze, load_backbone
from lamini.backbone.memory import attach, detach, pad_right
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.config import MemoryConfig, Tuning
from lamini.recorder import SilentRecorder
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory

SHAPE = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "rope_theta": 500000.0,
}
TINY = SHAPE | {
    "hidden_size": 64,
    "intermediate_size": 224,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 4096,
    # At this width and the usual 0.02 the head's rows are too short for any token to be decided.
    "initializer_range": 0.3,
}
LORA_RANK = 32  # the paper's
LORA_RATE = 1e-4
PHRASINGS = ("What is the code of {}?", "code of {}", "Tell me the code of {}.", "{}: its code?")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one side of a round took."""

    seconds: float
    peak_gigabytes: float | None
    num_undecided: int = 0


def random_backbone(shape: dict, dtype: torch.dtype, device: str) -> Backbone:
    """Return a random Llama made on the device, with the embedded tokenizer."""
    tokenizer = load_backbone().tokenizer
    torch.manual_seed(0)
    config = LlamaConfig(**shape, bos_token_id=0, eos_token_id=1, pad_token_id=2)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device(device):
            model = LlamaForCausalLM(config)
    finally:
        torch.set_default_dtype(before)
    return freeze(model, tokenizer, "random")


def random_facts(number: int, group_size: int) -> list[TrainingFact]:
    """Return facts with short random codes as answers."""
    rng = random.Random(0)
    facts = []
    for i in range(number):
        name = "".join(rng.choices(string.ascii_uppercase, k=6)).title()
        facts.append(
            TrainingFact(
                fact_id=f"fact-{i}",
                subject=name,
                prompts=tuple(text.format(name) for text in PHRASINGS),
                answer="".join(rng.choices(string.ascii_uppercase + string.digits, k=4)),
                cloze=False,
                group_index=i,
                num_experts=group_size,
                shard_index=0,
            )
        )
    return facts


def synchronize(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def measured(device: str, work) -> Cost:
    """Run `work`, which gives how many facts it left undecided."""
    synchronize(device)
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    num_undecided = work()
    synchronize(device)
    seconds = time.perf_counter() - started
    peak = torch.cuda.max_memory_allocated() / 2**30 if device == "cuda" else None
    return Cost(seconds=seconds, peak_gigabytes=peak, num_undecided=num_undecided)


def tune(backbone: Backbone, memory: MemoryConfig, facts: list[TrainingFact]) -> int:
    attached = attach(backbone, memory)
    try:
        with tempfile.TemporaryDirectory() as folder:
            results = tune_memory(attached, facts, Tuning(), Path(folder), SilentRecorder())
    finally:
        detach(attached)
    return sum(len(result.undecided) for result in results)


def lora_epoch(backbone: Backbone, facts: list[TrainingFact], batch_rows: int) -> int:
    """Train one epoch on every phrasing of every fact, loss on the answers alone."""
    from peft import LoraConfig, get_peft_model

    lora = LoraConfig(r=LORA_RANK, lora_alpha=2 * LORA_RANK, target_modules="all-linear")
    model = get_peft_model(backbone.model, lora)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=LORA_RATE)
    rows = [
        (encode_prompt(backbone.tokenizer, prompt), encode_answer(backbone.tokenizer, fact.answer))
        for fact in facts
        for prompt in fact.prompts
    ]
    for start in range(0, len(rows), batch_rows):
        part = rows[start : start + batch_rows]
        ids_BL, mask_BL = pad_right([prompt + answer for prompt, answer in part], backbone)
        labels_BL = ids_BL.masked_fill(mask_BL == 0, -100)
        for row, (prompt, _) in enumerate(part):
            labels_BL[row, : len(prompt)] = -100
        loss = model(input_ids=ids_BL, attention_mask=mask_BL, labels=labels_BL).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.unload()
    backbone.model.requires_grad_(False)
    return 0


def matrix_rate(dtype: torch.dtype, device: str) -> float:
    """Return the operations per second of one large product of two matrices, the best of five."""
    side = 8192 if device == "cuda" else 768
    a, b = (torch.randn(side, side, dtype=dtype, device=device) for _ in range(2))
    product = a @ b

    def multiply() -> int:
        torch.matmul(a, b, out=product)
        return 0

    return 2 * side**3 / min(measured(device, multiply).seconds for _ in range(5))


def spread(numbers: list[float]) -> str:
    return f"{statistics.median(numbers):.3g} ({min(numbers):.3g} to {max(numbers):.3g})"


def gigabytes(cost: Cost) -> str:
    return "-" if cost.peak_gigabytes is None else f"{cost.peak_gigabytes:.1f} GB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layers", type=int)
    parser.add_argument("--facts", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--batch-rows", type=int, default=32, help="LoRA's rows in a step")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--tiny", "--quick", action="store_true")
    args = parser.parse_args()
    shape = dict(TINY if args.tiny else SHAPE)
    shape["num_hidden_layers"] = args.layers or shape["num_hidden_layers"]
    backbone = random_backbone(shape, torch.bfloat16, args.device)
    facts = random_facts(args.facts or (8 if args.tiny else 512), 8)
    memory = MemoryConfig(num_experts=8 * 256**2, group_size=8)

    with FlopCounterMode(display=False) as counter:  # also warms up
        tune(backbone, memory, facts)
    lora_epoch(backbone, facts[: args.batch_rows], args.batch_rows)
    rounds = [
        (
            measured(args.device, lambda: tune(backbone, memory, facts)),
            measured(args.device, lambda: lora_epoch(backbone, facts, args.batch_rows)),
        )
        for _ in range(args.rounds or (2 if args.tiny else 3))
    ]
    rate = matrix_rate(backbone.dtype, args.device)
    tuned, lora = zip(*rounds, strict=True)
    flops = counter.get_total_flops()
    parameters = sum(p.numel() for p in backbone.model.parameters())
    print(f"{parameters / 1e9:.3g} G parameters, {backbone.dtype}, {len(facts)} facts")
    print("one round              median (least to most)")
    print(f"facts tuned per second {spread([len(facts) / c.seconds for c in tuned])}")
    print(f"undecided facts        {tuned[-1].num_undecided}")
    print(f"LoRA seconds per epoch {spread([c.seconds for c in lora])}")
    ratios = [b.seconds / a.seconds for a, b in rounds]
    print(f"LoRA epoch / tuning    {spread(ratios)}")
    print(f"peak memory            tuning {gigabytes(tuned[-1])}, LoRA {gigabytes(lora[-1])}")
    print(f"matrix rate            {rate / 1e12:.3g} TFLOP/s")
    share = [flops / c.seconds / rate for c in tuned]
    print(f"of it used by tuning   {spread(share)}")


if __name__ == "__main__":
    main()
