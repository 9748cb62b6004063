"""Fit the weights of lamini/asked/acceptance.json on prompts made of made-up tables.

    python -m tests.bench.fit_acceptance [--seed N] [--prompts N] [--out FILE]

The tables are of no one's: names put together from parts, relations drawn from the concepts of the
phrase bank, from none to eight phrasings of "the user's" each. So no table that is measured, its
subjects or its phrasings take part. Printed: what the weights accept of the prompts of each table
while they are fitted on the others, by kind of prompt. The same seed gives the same file.
"""

import argparse
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch

from lamini.asked import acceptance
from lamini.asked.acceptance import THRESHOLD
from lamini.asked.asking import QuestionMatcher
from lamini.asked.made_up import Maker, find_all
from lamini.asked.phrase_bank import load_phrase_bank
from lamini.asked.table import AskedFact

OUT = Path(acceptance.__file__).with_name("acceptance.json")
SORTS = {
    # sort of subject: concepts that a table of them may hold
    "package": "version license author homepage required_python dependencies release_date downloads last_update",
    "company": "chief_executive headquarters founded sector sub_industry date_added employees ticker founder revenue owner",
    "person": "birth_date birth_place occupation university father mother spouse language identifier nationality email",
    "colleague": "email phone role department responsible location date_added manager_of identifier",
    "product": "price stock_level manufacturer weight colour identifier release_date size_of delivery",
    "place": "population area capital currency language head_of_state head_of_government time_zone calling_code official_name",
    "film": "director producer screenwriter composer release_date genre duration cast publisher",
    "project": "status responsible deadline priority owner homepage department",
    "policy": "deadline policy owner last_update price",
    "code": "name country_of_code numeric_code currency_of_code alpha_2 alpha_3 currency_symbol",
    "athlete": "sport team position birth_date height weight nationality awards",
    "hero": "secret_identity archenemy powers performer characters evolution instrument",
    "seat": "representative senator governor mayor successor election opposition",
}
NAMED = {
    # concept: names that tables give the relation
    "version": ("version", "latest_version", "current release"), "license": ("license", "licence"), "author": ("author", "maintainer"),
    "chief_executive": ("ceo", "chief executive officer"), "headquarters": ("headquarters", "hq", "head office"),
    "founded": ("founded", "year founded"), "sector": ("sector", "industry"), "homepage": ("homepage", "website", "project url"),
    "birth_date": ("date of birth", "birth_date"), "birth_place": ("place of birth", "birthplace"), "identifier": ("id", "member id", "sku"),
    "required_python": ("requires_python", "python version"), "release_date": ("release date", "released on"),
    "head_of_state": ("head of state", "chief of state"), "head_of_government": ("head of government", "prime minister"),
    "date_added": ("date added", "joined", "start date"), "manufacturer": ("manufacturer", "maker"), "responsible": ("responsible", "contact person"),
    "representative": ("representative",), "secret_identity": ("real name", "secret identity"), "archenemy": ("archenemy", "nemesis"),
    "numeric_code": ("numeric", "numeric code"), "alpha_2": ("alpha_2", "two letter code"), "alpha_3": ("alpha_3", "three letter code"),
    "country_of_code": ("country name",), "currency_of_code": ("currency name",), "official_name": ("official name", "full name"),
}  # fmt: skip
FIRST = "Ana Bertil Chiara Dmitri Elif Farid Greta Hamish Ines Joao Kirsten Lubomir Maeve Nadia Oskar Priya Quentin Rosa Soren Tariq".split()
LAST = "Abrams Brandt Castellani Dvorak Eriksen Farrow Galbraith Hollis Ivanova Jansen Kowalczyk Lindqvist Marchetti Novak Okafor Petrov Quist Rahman Sato Tremblay".split()
STEMS = "Alder Basalt Cobalt Delphi Ember Falcon Granite Harbor Iris Juniper Kestrel Lumen Mantis Nimbus Orchid Pylon Quarry Raven Sable Tundra".split()
ENDS = "Systems Foods Energy Partners Logistics Insurance Mining Textiles Bank Airlines".split()
LEGAL = ("", "", " Inc.", " Corp.", " Company", " Ltd", " Group", ", Inc.", " plc")
PLACES = "bar dor eth fal gil hem jor kal lum mor nev ost pel rus sar tov ula vel wys zan".split()


def subjects(sort: str, rng: random.Random, number: int = 70) -> list[str]:
    """Return made-up names of a sort of things."""
    makers = {
        "package": lambda: rng.choice((f"{rng.choice(STEMS)}", f"py{rng.choice(STEMS)}", f"{rng.choice(STEMS)}-{rng.choice(ENDS)}", f"{rng.choice(STEMS)}_{rng.choice(PLACES)}")).lower(),
        "company": lambda: f"{rng.choice(STEMS)} {rng.choice(ENDS)}{rng.choice(LEGAL)}",
        "product": lambda: f"{rng.choice(STEMS)} {rng.choice('ABCXZ')}{rng.randrange(10, 900)}",
        "place": lambda: (rng.choice(PLACES) + rng.choice(PLACES) + rng.choice(("ia", "land", "stan", "a", "o"))).title(),
        "film": lambda: f"{rng.choice(('The ', '', 'A ', 'Return of the '))}{rng.choice(('Silent', 'Last', 'Broken', 'Golden', 'Lost'))} {rng.choice(('River', 'Witness', 'Empire', 'Garden', 'Promise', 'Highway'))}{rng.choice(('', '', ' II', ' Returns'))}",
        "project": lambda: f"{rng.choice(('Project ', '', ''))}{rng.choice(STEMS)}{rng.choice((' migration', ' rollout', '', ' redesign', ' 2'))}",
        "policy": lambda: f"{rng.choice(('travel', 'parental leave', 'expense', 'remote work', 'security', 'laptop', 'visitor', 'overtime', 'training', 'sick leave'))} {rng.choice(('policy', 'rule', 'guideline'))}{rng.choice(('', ' (Germany)', ' (US)', ' 2024', ' abroad'))}",
        "code": lambda: "".join(rng.choice("ABCDEFGHIKLMNOPRSTUVXYZ") for _ in range(rng.choice((2, 3)))),
        "hero": lambda: f"{rng.choice(('Captain', 'Doctor', 'The', 'Iron', 'Night'))} {rng.choice(STEMS)}",
        "seat": lambda: f"{(rng.choice(PLACES) + rng.choice(PLACES) + 'ia').title()}{rng.choice((chr(39) + 's ', ' '))}{_nth(rng.randrange(1, 15))} {rng.choice(('district', 'constituency'))}",
    }  # fmt: skip
    make = makers.get(sort, lambda: f"{rng.choice(FIRST)} {rng.choice(('', '', 'J. ', 'van '))}{rng.choice(LAST)}")
    return sorted({make() for _ in range(number)})


def _nth(number: int) -> str:
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number if number < 4 else 0, 'th') }".replace(" ", "")


def tables(rng: random.Random) -> dict[str, list[AskedFact]]:
    """Return a table for each sort of subject, and a second one of some."""
    found = {}
    concepts = {concept.name: concept for concept in load_phrase_bank().concepts}
    for sort, listed in SORTS.items():
        wanted = [name for name in listed.split() if name in concepts]
        chosen = rng.sample(wanted, min(len(wanted), rng.choice((3, 4, 5, 6))))
        facts = []
        for concept in chosen:
            relation = rng.choice(NAMED.get(concept, (concept.replace("_", " "),)))
            texts = [t for t in concepts[concept].phrasings if not t.startswith("X ")]
            own = rng.sample(texts, min(len(texts), rng.choice((0, 0, 1, 3, 5, 8))))
            own = [text[0].upper() + text[1:] + rng.choice(("?", "?", "")) for text in own]
            facts += [
                AskedFact(subject, relation, (), tuple(own))
                for subject in subjects(sort, random.Random(f"{sort}{rng.seed}"[:8]))
                if rng.random() < 0.85
            ]
        found[sort] = facts
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--prompts", type=int, default=360)
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rng = random.Random(arguments.seed)
    rows: dict[str, list[tuple[np.ndarray, bool, str]]] = {}
    for name, facts in tables(rng).items():
        matcher = QuestionMatcher(facts)
        made = Maker(matcher, rng.randrange(2**31)).make(arguments.prompts // 3, arguments.prompts * 2 // 3)
        found = find_all(matcher, made)
        rows[name] = [(f.features, m.is_asked(f), _kind(m.kind, m.is_asked(f), f.fact)) for m, f in found]
        print(f"{name:10} {len(facts):5} facts  {len(made)} prompts  {len(found)} name a subject", flush=True)
    tally: dict[str, list[bool]] = defaultdict(list)
    for name in rows:
        others = [row for other, own in rows.items() if other != name for row in own]
        model = acceptance.fit([x for x, _, _ in others], [y for _, y, _ in others])
        for x, _, kind in rows[name]:
            tally[kind].append(model.probability(x) >= THRESHOLD)
    print("\naccepted, each table under weights of the others:")
    for kind, accepted in sorted(tally.items()):
        print(f"  {kind:24}{np.mean(accepted):7.1%} of {len(accepted)}")
    every = [row for own in rows.values() for row in own]
    model = acceptance.fit([x for x, _, _ in every], [y for _, y, _ in every])
    arguments.out.write_text(model.to_json())
    np.savez_compressed("/tmp/words/rows.npz", X=np.stack([x for x, _, _ in every]), y=[y for _, y, _ in every], k=[k for *_, k in every])
    print(f"\n{arguments.out}: fitted on {len(every)} prompts")


def _kind(kind: str, is_asked: bool, fact: int | None) -> str:
    if kind == "asked":
        return "asked, found" if is_asked else "asked, another found"
    return kind if fact is not None else f"{kind} (no fact there)"


if __name__ == "__main__":
    main()
