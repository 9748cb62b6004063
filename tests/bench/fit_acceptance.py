"""Fit the weights of lamini/asked/acceptance.json on prompts made of made-up tables.

    python -m tests.bench.fit_acceptance [--seed N] [--prompts N] [--out FILE]

The tables are of no one's: names put together from parts, relations drawn from the concepts of the
phrase bank, from none to eight phrasings of "the user's" each. So no table that is measured, its
subjects or its phrasings take part. Printed: what the weights accept of the prompts of each table
while they are fitted on the others, by kind of prompt. The same seed gives the same file.
"""

import argparse
import json
import random
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from lamini.asked import acceptance
from lamini.asked.acceptance import THRESHOLD, Acceptance, fit
from lamini.asked.asking import QuestionMatcher
from lamini.asked.features import NAMES
from lamini.asked.made_up import Maker, find_all
from lamini.asked.phrase_bank import Concept, load_phrase_bank
from lamini.asked.table import AskedFact

OUT = Path(acceptance.__file__).with_name("acceptance.json")
_MADE_OF = tomllib.loads(Path(__file__).with_name("made_up_tables.toml").read_text())
_HOLE = re.compile(r"\{(\w+)\}")


def subjects(sort: str, rng: random.Random, number: int = 70) -> list[str]:
    """Return made-up names of a sort of things."""
    patterns = _MADE_OF["patterns"].get(sort, _MADE_OF["patterns"]["person"])

    def part(match: re.Match[str]) -> str:
        drawn = rng.choice(_MADE_OF["parts"][match.group(1).lower()].split())
        return drawn.title() if match.group(1)[0].isupper() else drawn

    names = [_HOLE.sub(part, rng.choice(patterns)) for _ in range(number)]
    return sorted({name.lower() if sort == "package" else name for name in names})


def tables(rng: random.Random) -> dict[str, list[AskedFact]]:
    """Return a table for each sort of subject."""
    concepts = {concept.name: concept for concept in load_phrase_bank().concepts}
    return {
        sort: _table(sort, listed.split(), concepts, rng)
        for sort, listed in _MADE_OF["sorts"].items()
    }


def _table(
    sort: str, wanted: list[str], concepts: dict[str, Concept], rng: random.Random
) -> list[AskedFact]:
    names = subjects(sort, rng)
    facts = []
    for concept in rng.sample(wanted, min(len(wanted), rng.choice((3, 4, 5, 6)))):
        relation = rng.choice(_MADE_OF["named"].get(concept, [concept.replace("_", " ")]))
        texts = [text for text in concepts[concept].phrasings if not text.startswith("X ")]
        own = rng.sample(texts, min(len(texts), rng.choice((0, 0, 1, 3, 5, 8))))
        own = [text[0].upper() + text[1:] + rng.choice(("?", "?", "")) for text in own]
        facts += [AskedFact(n, relation, (), tuple(own)) for n in names if rng.random() < 0.85]
    return facts


def main() -> None:
    """Make prompts of every table, say how each fares under weights of the others, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prompts", type=int, default=300, help="of each table")
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(arguments.seed)
    rows: dict[str, list[tuple[np.ndarray, bool, str]]] = {}
    for name, facts in tables(rng).items():
        maker = Maker(QuestionMatcher(facts), rng.randrange(2**31))
        made = maker.make(arguments.prompts // 3, arguments.prompts * 2 // 3)
        found = find_all(maker.matcher, made)
        rows[name] = [
            (f.features, m.is_asked(f), _kind(m.kind, m.is_asked(f), f.fact)) for m, f in found
        ]
        print(f"{name:10}{len(facts):5} facts{len(found):5} of {len(made)} prompts name a subject")
    tally: dict[str, list[bool]] = defaultdict(list)
    for name, own in rows.items():
        model = _fit([row for other, found in rows.items() if other != name for row in found])
        for x, _, kind in own:
            foreign = x[NAMES.index("near_foreign")] > 0
            tally[kind].append(not foreign and model.probability(x) >= THRESHOLD)
    print("\naccepted, each table under weights of the others:")
    for kind, accepted in sorted(tally.items()):
        print(f"  {kind:32}{np.mean(accepted):7.1%} of {len(accepted)}")
    model = _fit([row for own in rows.values() for row in own])
    arguments.out.write_text(json.dumps(model.to_dict(), indent=1) + "\n")
    print(f"\n{arguments.out.name}: fitted on {model.num_prompts} prompts")


def _fit(rows: list[tuple[np.ndarray, bool, str]]) -> Acceptance:
    return fit([x for x, _, _ in rows], [asked for _, asked, _ in rows])


def _kind(kind: str, is_asked: bool, fact: int | None) -> str:
    if kind == "asked":
        return "asked, found" if is_asked else "asked, another found"
    return kind if fact is not None else f"{kind} (no fact there)"


if __name__ == "__main__":
    main()
