"""Processor time of long prompts with memory beside the backbone's own, alternated.

    python -m tests.bench.long_prompts [--quick]

A backbone gets a router and a bank trained here on forty facts. A prompt is prose with one question
of a known fact at its end, its sentences of unequal length; of a terse one every sentence is two
words long, about the most there can be of them; an unbroken one is all one sentence. Facts are
found by the nearest key of each sentence or, where they have a relation, by what the last sentences
ask. Both sides get the same ids: `first token` is `generate` of one token (a prefill), `forward`
the logits of every token. One side routes (the whole and each sentence) and reads memory, the other
is a copy of the bare backbone. Seconds are of the process, of all its threads.
"""

import argparse
import copy
import json
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch

from lamini.backbone.backbone import Backbone, load_backbone
from lamini.backbone.text import encode_prompt
from lamini.model.memory_model import MemoryModel
from lamini.model.windows import windows
from tests.bench.backbones import wide
from tests.bench.generation import facts, trained
from tests.bench.measuring import alternated, conditions, ratios, resident_mib, show, spread

HEAD = (
    "backbone", "found by", "prompt", "call", "tokens", "windows", "routed", "backbone s",
    "memory s", "ratio",
)  # fmt: skip
PROSE = (
    "The office was closed on Monday because of the storm.",
    "Two parcels had been left at the door, and nobody knew who had signed for them.",
    "Marta wrote to the carrier.",
    "He promised to look into the matter by the end of the week, as soon as the roads that lead "
    "over the hills were open again and somebody could be sent out to ask the neighbours.",
    "It rained.",
    "What had been a quiet street became, within an hour, a river of leaves and paper.",
)
UNBROKEN = tuple(text.rstrip(".").lower() for text in PROSE)
TERSE = ("It rained.", "They left.", "Nobody knew.", "He wrote.")


def prompt_of(tokenizer: object, sentences: tuple[str, ...], tokens: int, question: str) -> str:
    """Return text of about so many tokens, with the question at its end."""
    rng, each = random.Random(0), 0.0
    for text in sentences:
        each += len(encode_prompt(tokenizer, text)) / len(sentences)
    chosen = rng.choices(sentences, k=round(tokens / (each - 1)))
    return " ".join([*chosen, question])


def sides(
    model: MemoryModel, bare: Backbone, ids: list[int]
) -> dict[str, list[Callable[[], object]]]:
    """Return the calls to compare: with memory, and without."""
    ids_1L = torch.tensor([ids])
    one = {"attention_mask": torch.ones_like(ids_1L), "max_new_tokens": 1, "do_sample": False}

    @torch.no_grad()
    def forward() -> object:
        return bare.model(input_ids=ids_1L, attention_mask=one["attention_mask"], use_cache=False)

    return {
        "first token": [
            lambda: model.generate(ids_1L, **one),
            lambda: bare.model.generate(input_ids=ids_1L, **one),
        ],
        "forward": [lambda: model(ids_1L, prompt_length=[len(ids)]), forward],
    }


def measure(
    name: str,
    backbone: Backbone,
    relation: str,
    texts: dict[str, tuple[str, ...]],
    rounds: dict[int, int],
) -> list[list[object]]:
    """Return the rows of one backbone; `rounds` says how often for each number of tokens."""
    by = "what is asked" if relation else "nearest key"
    bare = Backbone(
        model=copy.deepcopy(backbone.model), tokenizer=backbone.tokenizer, reference=name
    )
    bare.model.generation_config.pad_token_id = bare.tokenizer.pad_token_id
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        model = trained(backbone, Path(folder), relation)
        asked = facts()[3]
        for kind, sentences in texts.items():
            for tokens, times in rounds.items():
                prompt = prompt_of(bare.tokenizer, sentences, tokens, asked.prompts[0])
                ids = encode_prompt(bare.tokenizer, prompt)
                routed = model.route_prompts([ids])[0].group == asked.group_index
                for call, pair in sides(model, bare, ids).items():
                    memory, alone = alternated(pair, times)
                    row = [name, by, kind, call, len(ids), len(windows(prompt))]
                    row += ["yes" if routed else "NO"]
                    row += [spread(alone), spread(memory), spread(ratios(memory, alone), 2)]
                    print(json.dumps(row), flush=True)
                    rows.append(row)
    return rows


def main() -> None:
    """Measure every backbone and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    conditions()
    every = {2000: 1, 8000: 1} if quick else {2000: 7, 8000: 5}
    texts = {"prose": PROSE, "terse": TERSE, "unbroken": UNBROKEN}
    rows = measure("embedded", load_backbone(), "", texts, every)
    rows += measure("embedded", load_backbone(), "seat", texts, every)
    if not quick:
        rows += measure("512 wide, 16 layers", wide(), "", {"prose": PROSE}, {2000: 5})
    show("Long prompts: processor seconds, median (quartiles); memory over bare", HEAD, rows)
    print(f"resident now: {resident_mib():.0f} MiB")


if __name__ == "__main__":
    main()
