"""Cost per fact of memory tuning: flat in the number of experts, linear in the number of facts.

    python -m tests.bench.tuning_cost [--facts 1000 3000 10000 30000] [--quick]

Generated facts with short answers of letters and digits. Seconds are processor seconds of one
thread. The runs with 1 k, 32 k and 1 M addressable experts are alternated and their ratios to the
smallest are medians with their spread; the exponent is that of a least-squares line through
log seconds over log facts.
"""

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from lamini.backbone.backbone import Backbone, load_backbone
from lamini.backbone.memory import attach, detach
from lamini.config import MemoryConfig, Tuning
from lamini.recorder import SilentRecorder
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory
from tests.bench.cloze_facts import experts_for, random_strings

_NAMES = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath", "inlet", "jetty")
_SIZES = (32 * 6**2, 32 * 32**2, 32 * 181**2)
"""About 1 k, 32 k and 1 M."""


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--facts", type=int, nargs="+", default=[1000, 3000, 10_000, 30_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-shard", type=int, default=1000, help="facts of one shard")
    parser.add_argument("--quick", action="store_true", help="at most 300 facts, 3 rounds")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.facts, arguments.rounds = [75, 150, 300], 3
    torch.set_num_threads(1)
    backbone = load_backbone()
    by_experts(backbone, arguments.rounds)
    by_facts(backbone, arguments.facts, arguments.in_shard)


def generated(backbone: Backbone, number: int, in_shard: int) -> list[TrainingFact]:
    """Return facts of a made-up depot: a place and its code of four characters."""
    rng, codes = random.Random(0), random_strings(number, length=4)
    facts = []
    for i, code in enumerate(codes):
        place = f"{rng.choice(_NAMES)} {rng.choice(_NAMES)} {i}"
        prompts = (f"The code of {place} is", f"Code of {place}:")
        facts.append(
            TrainingFact(
                fact_id=f"depot-{i}",
                subject=place,
                prompts=prompts,
                answer=code,
                cloze=True,
                group_index=i,
                num_experts=experts_for(backbone.tokenizer, code),
                shard_index=i // in_shard,
            )
        )
    return facts


def tuned(
    backbone: Backbone, facts: Sequence[TrainingFact], num_experts: int
) -> tuple[float, int, int]:
    """Return seconds, steps of the slowest shard and facts that would not go."""
    attached = attach(backbone, MemoryConfig(num_experts=num_experts))
    start = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        results = tune_memory(attached, facts, Tuning(), Path(folder), SilentRecorder())
    seconds = time.process_time() - start
    detach(attached)
    undecided = sum(len(result.undecided) for result in results)
    return seconds, max(result.num_steps for result in results), undecided


def by_experts(backbone: Backbone, rounds: int) -> None:
    """Print what 32 facts cost at each number of addressable experts."""
    sizes, sets = _SIZES, {}
    for size in sizes:
        rng, groups = random.Random(size), size // 32
        chosen = rng.sample(range(groups), 32)
        facts = generated(backbone, 32, 10**9)
        sets[size] = [replace(f, group_index=group) for f, group in zip(facts, chosen, strict=True)]
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    tuned(backbone, sets[sizes[0]], sizes[0])
    for _ in range(rounds):
        for size in sizes:
            seconds[size].append(tuned(backbone, sets[size], size)[0])
    print(f"{'addressable experts':>19} {'ms a fact':>10} {'ratio':>6} {'spread':>14}")
    for size in sizes:
        pairs = zip(seconds[size], seconds[sizes[0]], strict=True)
        ratios = sorted(one / base for one, base in pairs)
        print(
            f"{size:19,} {statistics.median(seconds[size]) / 32 * 1e3:10.1f} "
            f"{statistics.median(ratios):6.3f} {ratios[0]:6.3f}..{ratios[-1]:.3f}"
        )


def by_facts(backbone: Backbone, numbers: Sequence[int], in_shard: int) -> None:
    """Print what ever more facts cost, and the exponent."""
    print(f"{'facts':>7} {'seconds':>8} {'ms a fact':>10} {'steps':>6} {'left':>5} {'peak MB':>8}")
    measured = []
    for number in numbers:
        facts = generated(backbone, number, in_shard)
        seconds, passes, left = tuned(backbone, facts, 32 * 256**2)
        measured.append(seconds)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{number:7,} {seconds:8.1f} {seconds / number * 1e3:10.2f} {passes:6} {left:5} "
            f"{peak:8.0f}"
        )
    if len(numbers) > 1:
        exponent = np.polyfit(np.log(numbers), np.log(measured), 1)[0]
        print(f"fitted exponent {exponent:.3f}")


if __name__ == "__main__":
    main()
