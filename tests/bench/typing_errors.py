"""One typing error in a question that is understood without it: is its fact still read?

    python -m tests.bench.typing_errors [--data FOLDER]

Of the questions of tests/bench/natural that read their fact, one letter is lost, doubled, changed,
or two change places: in a word of four letters or more that asks, or in a name of six letters or
more. Where the slip makes another word or name of the table, the question is left out.
"""

import argparse
import random
import string
from pathlib import Path

import torch

from lamini.asked.asking import QuestionMatcher
from lamini.asked.surfaces import FUZZY
from lamini.asked.text import Token, tokens

from .natural_questions import load, natural_questions

IN_A_WORD, IN_A_NAME = 4, 6


def main() -> None:
    """Print a line for each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in ("demo", *(("sp500", "us_legislators", "relations") if arguments.data else ())):
        matcher = QuestionMatcher(load(name, arguments.data))
        shares = [f"in {where} {measured(matcher, name, where)}" for where in ("a word", "a name")]
        print(
            f"{name:16} read with one typing error: {', '.join(shares)} (target: 90%)", flush=True
        )


def measured(matcher: QuestionMatcher, name: str, where: str) -> str:
    """Return how many of the questions still read their fact, wrong ones named."""
    rng = random.Random(0)
    right = wrong = asked = 0
    for question in natural_questions(name):
        known = matcher.ask(question.prompt)
        if known.fact is None or (known.subject, known.relation) != (
            question.subject,
            question.relation,
        ):
            continue
        words = [
            w for w in tokens(question.prompt) if _may_slip(matcher, question.prompt, w, where)
        ]
        if not words:
            continue
        word = rng.choice(words)
        other = slip(word.raw, rng)
        if other == word.raw or matcher.names.words.is_ordinary(other.casefold()):
            continue
        said = matcher.ask(question.prompt[: word.start] + other + question.prompt[word.end :])
        asked += 1
        right += said.fact == known.fact
        wrong += said.fact not in (None, known.fact)
    return f"{right / max(1, asked):.1%} of {asked}, {wrong} wrong"


def _may_slip(matcher: QuestionMatcher, prompt: str, word: Token, where: str) -> bool:
    named = [m for m in matcher.names.mentions(prompt) if m.kind < FUZZY]
    in_a_name = any(m.start <= word.start and word.end <= m.end for m in named)
    if where == "a name":
        return in_a_name and word.raw.isalpha() and len(word.raw) >= IN_A_NAME
    return not in_a_name and word.raw.isalpha() and len(word.raw) >= IN_A_WORD


def slip(word: str, rng: random.Random) -> str:
    """Return the word with one typing error behind its first letter."""
    at = rng.randrange(1, len(word) - 1)
    return rng.choice(
        [
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + rng.choice(string.ascii_lowercase) + word[at + 1 :],
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        ]
    )


if __name__ == "__main__":
    main()
