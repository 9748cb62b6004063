"""Other tasks about a fact: how many are answered with its bare value.

    python -m tests.bench.tasks [--data FOLDER] [--facts N]

Every line of tests/bench/natural/tasks.txt, with N facts' questions or subjects in it, is put to
the table it is about; so are the tasks and other times of its natural questions.
"""

import argparse
import random
from pathlib import Path

import torch

from lamini.asked.asking import QuestionMatcher

from .natural_questions import FOLDER, load, natural_questions

SORTS = ("task", "time")


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--facts", type=int, default=10)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = (FOLDER / "tasks.txt").read_text().splitlines()
    tasks = [line for line in lines if line and not line.startswith("#")]
    for name in ("demo", *(("sp500", "us_legislators", "relations") if arguments.data else ())):
        matcher = QuestionMatcher(load(name, arguments.data))
        rng = random.Random(0)
        asked = [q for q in natural_questions(name) if q.subject]
        made = [
            task.replace("Q", q.prompt).replace("X", str(q.subject))
            for q in rng.sample(asked, arguments.facts)
            for task in tasks
        ]
        written = [q.prompt for q in natural_questions(name) if q.relation in SORTS]
        said = [prompt for prompt in made if matcher.ask(prompt).fact is not None]
        also = [prompt for prompt in written if matcher.ask(prompt).fact is not None]
        print(
            f"{name:16} answered with a value: {len(said) / len(made):6.1%} of {len(made)} tasks, "
            f"{len(also)} of {len(written)} written by hand (target: 5% of tasks)",
            flush=True,
        )


if __name__ == "__main__":
    main()
