"""Count foreign questions answered from memory: real questions of people, none about the facts.

    python -m tests.bench.foreign CHECKPOINT FOLDER [--limit N]

FOLDER holds Parquet files with a column `question` (Natural Questions, WebQuestions). A question
that names a known subject and asks for a known relation is to be dropped by hand: all that were
taken are listed.
"""

import argparse
from pathlib import Path

import pyarrow.parquet as pq

import lamini


def main() -> None:
    """Route every question and print the share that reads memory, and which."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, default=10**9)
    arguments = parser.parse_args()
    model = lamini.load(arguments.checkpoint)
    for path in sorted(arguments.folder.glob("*.parquet")):
        questions = pq.read_table(path, columns=["question"])["question"].to_pylist()
        questions = questions[: arguments.limit]
        routes = model.route(questions)
        taken = [
            (q, r.score) for q, r in zip(questions, routes, strict=True) if r.group is not None
        ]
        print(f"{path.name}: {len(taken)} of {len(questions)} = {len(taken) / len(questions):.2%}")
        for question, score in sorted(taken, key=lambda pair: -pair[1]):
            print(f"  {score:.3f} {question}")


if __name__ == "__main__":
    main()
