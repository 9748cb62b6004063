"""Time per generated token with memory and without, alternated, on backbones of several depths.

    python -m tests.bench.generation [--quick]

Each backbone gets a router and a bank trained here on forty facts. Both sides generate the same
number of tokens (the end of text is not allowed to stop them) from the same prompts with the same
`generate`: one through the memory model, every prompt routed to a fact, the other through a copy of
the bare backbone. `per token` is a whole call over its tokens, routing and reading the bank
included; `per step` is the slope between two lengths: what one more token costs. The last column is
a call in which no prompt matches a fact.
"""

import argparse
import copy
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from lamini.backbone.backbone import Backbone
from lamini.backbone.memory import attach, detach, pad_left
from lamini.backbone.text import encode_prompt
from lamini.checkpoint.checkpoint import build_checkpoint
from lamini.config import MemoryConfig, RouterConfig, RouterTraining, Tuning
from lamini.model.loading import load
from lamini.model.memory_model import MemoryModel
from lamini.recorder import SilentRecorder
from lamini.router.training import pretrain_router
from lamini.training_data import TrainingFact
from lamini.tuning.memory_tuning import tune_memory
from tests.bench.backbones import deep, wide
from tests.bench.measuring import alternated, conditions, ratios, show, spread

SHORT, LONG = 8, 40
HEAD = (
    "backbone", "batch", "routed", "bare ms/token", "memory ms/token", "ratio per token",
    "ratio per step", "ratio, silent",
)  # fmt: skip
TEMPLATES = (
    "What is the seat of {}?", "Tell me the seat of {}.", "{} has its seat in which town?",
    "seat of {}", "Which town is the seat of {}?", "The province {} is governed from where?",
)  # fmt: skip
FOREIGN = [
    f"{verb} {thing}"
    for verb in ("How long is", "Who invented", "Where can I buy", "What does it cost to paint")
    for thing in ("a bicycle?", "the river?", "a loaf of bread?", "the violin?", "a lighthouse?")
]


def facts(relation: str = "") -> list[TrainingFact]:
    """Return forty invented facts: found by the nearest key, or by what is asked of a relation."""
    first, last = (
        ("Ar", "Bel", "Cor", "Dal", "Els", "Farn", "Gor", "Hal"),
        ("via", "port", "mere", "tow", "holm"),
    )
    subjects = [a + b for a in first for b in last]
    return [
        TrainingFact(
            fact_id=f"fact-{i}", subject=subject,
            prompts=tuple(t.format(subject) for t in TEMPLATES),
            answer=f"{subject[::-1].capitalize()} Bay", cloze=False, group_index=3 * i,
            num_experts=16, shard_index=0, relation=relation,
        )
        for i, subject in enumerate(subjects)
    ]  # fmt: skip


def trained(backbone: Backbone, folder: Path, relation: str = "") -> MemoryModel:
    """Return a memory model of the facts, and the share of them that it decides."""
    memory = MemoryConfig(num_experts=32 * 256, group_size=32)
    attached = attach(backbone, memory)
    training = RouterTraining(num_steps=30, batch_facts=40, batch_negatives=16)
    router, recorder = RouterConfig(), SilentRecorder()
    known = facts(relation)
    pretrain_router(attached, known, FOREIGN, router, training, folder / "router", recorder)
    tune_memory(attached, known, Tuning(), folder / "tuning", recorder)
    detach(attached)
    build_checkpoint(
        folder / "checkpoint", backbone=backbone, memory=memory, hidden_size=attached.hidden_size,
        facts=known, router_folder=folder / "router", tuning_folder=folder / "tuning",
        snapshot_hash="", training_hash="",
    )  # fmt: skip
    return load(folder / "checkpoint", backbone=backbone)


def call(
    generate: Callable[..., torch.Tensor], backbone: Backbone, prompts: list[str], number: int
) -> Callable[[], torch.Tensor]:
    """Return a call that generates exactly `number` tokens after each prompt."""
    ids_BL, mask_BL = pad_left([encode_prompt(backbone.tokenizer, p) for p in prompts], backbone)
    return lambda: generate(
        input_ids=ids_BL, attention_mask=mask_BL, do_sample=False, min_new_tokens=number,
        max_new_tokens=number,
    )  # fmt: skip


def measure(name: str, backbone: Backbone, rounds: int) -> list[list[object]]:
    """Return the rows of one backbone."""
    bare = Backbone(
        model=copy.deepcopy(backbone.model), tokenizer=backbone.tokenizer, reference=name
    )
    bare.model.generation_config.pad_token_id = bare.tokenizer.pad_token_id
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        model = trained(backbone, Path(folder))
        asked = [fact.prompts[0] for fact in facts()]
        routes = model.route(asked)
        known = [p for p, route in zip(asked, routes, strict=True) if route.group is not None]
        for batch in (1, 16):
            some = (known * 16)[:batch]
            silent = call(model.generate, backbone, (FOREIGN * 16)[:batch], LONG)
            bare_too = call(bare.model.generate, bare, (FOREIGN * 16)[:batch], LONG)
            sides = [
                call(generate, on, some, number)
                for number in (SHORT, LONG)
                for generate, on in ((model.generate, backbone), (bare.model.generate, bare))
            ]
            times = alternated([*sides, silent, bare_too], rounds)
            memory_short, bare_short, memory_long, bare_long, quiet, quiet_bare = times
            steps = [
                (m - s) / (b - t)
                for m, s, b, t in zip(memory_long, memory_short, bare_long, bare_short, strict=True)
            ]
            rows.append(
                [
                    name, batch, f"{len(known)}/{len(asked)}",
                    spread([1e3 * t / LONG for t in bare_long], 2),
                    spread([1e3 * t / LONG for t in memory_long], 2),
                    spread(ratios(memory_long, bare_long)), spread(steps),
                    spread(ratios(quiet, quiet_bare)),
                ]
            )  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
    return rows


def main() -> None:
    """Measure every backbone and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    conditions()
    makers = {"embedded, 6 layers": lambda: deep(6), "expanded, 12 layers": lambda: deep(12)}
    if not arguments.quick:
        makers |= {"expanded, 24 layers": lambda: deep(24), "512 wide, 16 layers": wide}
    rows = []
    for name, make in makers.items():
        rows += measure(name, make(), 5 if arguments.quick else 15)
    show(f"Generation: {LONG} tokens; ratios are memory over bare, round by round", HEAD, rows)


if __name__ == "__main__":
    main()
