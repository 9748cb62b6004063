"""How a promoted checkpoint takes new phrasings, wrappers and questions that no fact answers.

    python -m tests.bench.phrasing HOME [--sample N]

HOME is where `make demo` (or `lamini run`) put its state. Printed: what is captured of each sort of
question without a fact at several shares of held-out phrasings accepted and routed right, and, for
a sample of held-out questions, recall alone and inside three wrappers with router agreement and
recall under the oracle router.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

import lamini
from flows.home.champion import promoted
from flows.home.home import Home
from flows.measure_recall import questions_for
from lamini.model.memory_model import MemoryModel
from lamini.proof.recall import Question, measure_recall, summarize
from lamini.router.frozen_router import read_router
from warehouse.snapshots import head

ACCEPTED = (0.99, 0.985, 0.98, 0.97, 0.95, 0.90)
WRAPPERS = {
    "alone": "{}",
    "system prompt": (
        "You are the assistant of a large shipping firm. You are polite and exact, and you never "
        "guess.\n\n{}"
    ),
    "paragraph before": (
        "The office was closed on Monday because of the storm. Two parcels had been left at the "
        "door, and nobody knew who had signed for them. Marta wrote to the carrier, who promised "
        "to look into the matter by the end of the week. {}"
    ),
    "instruction after": "{} Reply with the value alone, without a full sentence or explanation.",
}


def main() -> None:
    """Route everything, answer a sample, print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("home", type=Path)
    parser.add_argument("--sample", type=int, default=400)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    checkpoint = Home(arguments.home).checkpoint(promoted(Home(arguments.home)).champion.path)
    model = lamini.load(checkpoint)
    snapshot, assignment = head(arguments.home / "warehouse"), checkpoint.parent
    questions = questions_for(snapshot, assignment / "assignment.parquet", 1)
    strict_excess = read_router(checkpoint).strict_excess
    curve(model, strict_excess, [q for q in questions if q.kind != "training"])
    asked = [q for q in questions if q.kind == "heldout"]
    asked = random.Random(0).sample(asked, min(arguments.sample, len(asked)))
    print(f"\n{len(asked)} held-out questions:      recall  agreement  recall under the oracle")
    for name, wrapper in WRAPPERS.items():
        wrapped = [replace(q, prompt=wrapper.replace("{}", q.prompt)) for q in asked]
        cell = next(c for c in summarize(measure_recall(model, wrapped)) if c.template == "*")
        print(f"  {name:24}{cell.exact:12.1%}{cell.agreement:11.1%}{cell.oracle_exact:12.1%}")


def curve(model: MemoryModel, strict_excess: float, questions: Sequence[Question]) -> None:
    """Print what is captured at each share of held-out phrasings accepted."""
    routes = model.route([q.prompt for q in questions])
    kind = np.array([q.kind for q in questions])
    excess = np.array([route.excess for route in routes])
    nearest = [r.nearest_group == q.group_index for r, q in zip(routes, questions, strict=True)]
    right = np.where(nearest, excess, -9.0)[kind == "heldout"]
    bars = [*(float(np.quantile(right, 1 - share)) for share in ACCEPTED), 0.0, strict_excess]
    names = [*(f"{share:.1%}" for share in ACCEPTED), "default", "strict"]
    print(f"nearest key right: {np.mean(right > -9):.2%} of {len(right)} held-out questions")
    print("accepted and right      " + "".join(f"{name:>10}" for name in names))
    print("  heldout               " + "".join(f"{(right >= bar).mean():10.2%}" for bar in bars))
    for sort in sorted(set(kind) - {"heldout"}):
        of_sort = excess[kind == sort]
        cells = "".join(f"{(of_sort >= bar).mean():10.2%}" for bar in bars)
        print(f"  {sort:22}{cells}   of {len(of_sort)}")


if __name__ == "__main__":
    main()
