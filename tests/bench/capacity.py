"""Bits memorized per trained expert parameter: ever fewer experts per random string.

    python -m tests.bench.capacity [--num-facts 40] [--passes 200] [--quick]

Random strings of 32 characters A-Z0-9 carry 165 bits each, of which the backbone knows nothing. The
closed form writes one expert a token; with fewer experts the passes of gradient steps must do it.
Bits memorized are those of the strings that every token of is decided, over all parameters trained.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from math import log2
from pathlib import Path

import torch

from lamini.backbone import load_backbone
from lamini.capacity import capacity_of
from lamini.config import MemoryConfig, Tuning
from lamini.memory import attach, detach
from lamini.memory_tuning import tune_memory
from lamini.recorder import SilentRecorder
from tests.bench.cloze_facts import random_strings
from tests.bench.lora import country_codes

LENGTH = 32


def main() -> None:
    """Tune the same strings with fewer and fewer experts and print what they held."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-facts", type=int, default=40)
    parser.add_argument("--passes", type=int, default=200)
    parser.add_argument("--experts", type=int, nargs="+", default=[32, 16, 8, 4, 2, 1])
    parser.add_argument("--learning-rate", type=float, default=1e-2)
    parser.add_argument("--quick", action="store_true", help="6 facts, 32 and 8 experts, 30 passes")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.num_facts, arguments.passes, arguments.experts = 6, 30, [32, 8]
    torch.set_num_threads(1)
    backbone = load_backbone()
    strings = random_strings(arguments.num_facts)
    facts = [
        replace(fact, answer=text)
        for fact, text in zip(country_codes(backbone.tokenizer), strings, strict=False)
    ]
    tuning = Tuning(
        prompts_per_fact=1, max_passes=arguments.passes, learning_rate=arguments.learning_rate
    )
    print(
        f"{'layers':>6} {'experts':>7} {'parameters':>10} {'memorized':>9} {'passes':>6} "
        f"{'seconds':>8} {'bits/parameter':>14} {'needed':>7}  alarm"
    )
    for num_layers in (2, 1):
        for experts in arguments.experts:
            config = MemoryConfig(num_memory_layers=num_layers)
            attached = attach(backbone, config)
            given = [replace(fact, num_experts=experts) for fact in facts]
            start = time.process_time()
            with tempfile.TemporaryDirectory() as folder:
                (result,) = tune_memory(attached, given, tuning, Path(folder), SilentRecorder())
            seconds = time.process_time() - start
            detach(attached)
            width = 2 * num_layers * attached.hidden_size
            memorized = len(facts) - len(result.undecided)
            bits = memorized * LENGTH * log2(36) / (len(facts) * experts * width)
            capacity = capacity_of(given, backbone.tokenizer, width)
            print(
                f"{num_layers:6} {experts:7} {experts * width:10} {memorized / len(facts):9.1%} "
                f"{result.num_passes:6} {seconds:8.1f} {bits:14.4f} "
                f"{capacity.bits_per_parameter:7.4f}  {'yes' if capacity.alarm else 'no'}"
            )


if __name__ == "__main__":
    main()
