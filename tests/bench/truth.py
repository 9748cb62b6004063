"""How much of the truth votes, simple EM and truth discovery find, and how sure they may be.

python -m tests.bench.truth [--claims FOLDER] [--seeds 3]

FOLDER holds birthplaces.parquet and books.parquet (see the README of the data); the made-up sets
of `truth_sets` need nothing. `gold_object` and `match` are only read to count what is right.
Numbers are of two halves of the slots, by hash: settings are chosen by the first alone.
"""

import argparse
import time
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from tests.bench.truth_sets import SETS, FusionSet
from warehouse.truth import TruthConfig, discover_relations
from warehouse.truth.parts import Floats, Part, read_part
from warehouse.values.people import People
from warehouse.values.places import Place

EM_ROUNDS = 20

Numbers = dict[str, float]


def majority(part: Part) -> Floats:
    """Give the votes of each group."""
    return np.bincount(part.claim_choice, minlength=part.num_choices).astype(np.float64)


def simple_em(part: Part) -> Floats:
    """Give plain accuracy-weighted votes after twenty rounds."""
    accuracy = np.full(len(part.sources), 0.8)
    claims = np.bincount(part.claim_source, minlength=len(part.sources))
    for _ in range(EM_ROUNDS):
        vote = np.log(10 * accuracy / (1 - accuracy))[part.claim_source]
        score = np.bincount(part.claim_choice, vote, part.num_choices)
        top = np.full(part.num_slots, -np.inf)
        np.maximum.at(top, part.choice_slot, score)
        mass = np.exp(score - top[part.choice_slot])
        share = mass / np.bincount(part.choice_slot, mass)[part.choice_slot]
        right = np.bincount(part.claim_source, share[part.claim_choice], len(part.sources))
        accuracy = np.clip(right / claims, 0.01, 0.99)
    return score


def share_right(part: Part, score: Floats, right: np.ndarray, counted: np.ndarray) -> float:
    """Give the share of slots whose best value is right; of equals, each is taken as often."""
    top = np.full(part.num_slots, -np.inf)
    np.maximum.at(top, part.choice_slot, score)
    best = score >= top[part.choice_slot] - 1e-9
    good = np.bincount(part.choice_slot, best & right, part.num_slots)
    return float((good / np.bincount(part.choice_slot, best, part.num_slots))[counted].mean())


def measure(made: FusionSet, config: TruthConfig | None = None) -> dict[str, Numbers]:
    """Give, of each half, the shares right by each method, and how sure and how right ours is."""
    part = read_part(made.observations, made.support)
    began = time.perf_counter()
    truths = discover_relations(made.by_relation(), config)
    seconds = time.perf_counter() - began
    values = pa.concat_tables([truth.values for truth in truths.values()])
    values = values.sort_by([("slot", "ascending"), ("value", "ascending")])
    found = values["probability"].to_numpy()
    pairs = list(zip(values["slot"].to_pylist(), values["value"].to_pylist(), strict=True))
    right = np.array([pair in made.right for pair in pairs])
    true = right | np.array([pair in made.general for pair in pairs])
    top = np.zeros(part.num_slots)
    np.maximum.at(top, part.choice_slot, found)
    best = found >= top[part.choice_slot] - 1e-9
    told = {"majority": majority(part), "simple EM": simple_em(part), "ours": found}
    half = np.array([zlib.crc32(slot.encode()) % 2 for slot in part.slots.to_pylist()])
    possible = np.bincount(part.choice_slot, right, part.num_slots) > 0
    numbers: dict[str, Numbers] = {}
    for name, of_half in (("first half", half == 0), ("other half", half == 1)):
        sure = best & (found >= 0.95) & of_half[part.choice_slot]
        numbers[name] = {
            "slots": of_half.sum(),
            "possible": possible[of_half].mean(),
            **{who: share_right(part, score, right, of_half) for who, score in told.items()},
            **{
                f"{who}, general": share_right(part, score, true, of_half)
                for who, score in told.items()
                if made.general
            },
            "sure": sure.sum() / of_half.sum(),
            "right of sure": right[sure].mean() if sure.any() else np.nan,
            "calibration error": calibration_error(found, right, best & of_half[part.choice_slot]),
        }
    rounds = max(truth.num_rounds for truth in truths.values())
    return {**numbers, "cost": {"rounds": rounds, "seconds": seconds}}


def calibration_error(found: Floats, right: np.ndarray, chosen: np.ndarray) -> float:
    """Give the mean distance, over ten bins, of what was expected of the best values and was so."""
    expected, so = found[chosen], right[chosen]
    bins = np.minimum((expected * 10).astype(int), 9)
    apart = np.bincount(bins, expected - so, 10)
    return float(np.abs(apart).sum() / max(len(bins), 1))


def read_claims(path: Path, kind: Place | People) -> FusionSet:
    """Read a file of claims as values of a kind; right is what most claims of a value are."""
    rows = duckdb.sql(
        "select object_id, source, trim(claimed_object), match from read_parquet($path) "
        "where claimed_object is not null order by all",
        params={"path": str(path)},
    ).fetchall()
    keys = {text: kind.key(text) for text in {row[2] for row in rows}}
    slots: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for slot, source, text, match in rows:
        slots[slot].append((source, keys[text], text, match))
    claims, support, exact, general = set(), [], set(), set()
    for slot, said in slots.items():
        stands_for = kind.merged(Counter(key for _, key in {(s, k) for s, k, _, _ in said}))
        claims |= {(slot, source, stands_for[key]) for source, key, _, _ in said}
        for key in set(stands_for.values()):
            spelled = Counter((text, match) for _, other, text, match in said if other == key)
            match = max(spelled, key=lambda pair: (spelled[pair], pair))[1]
            if match == "exact":
                exact.add((slot, key))
            if match in ("exact", "ancestor"):
                general.add((slot, key))
            for other in set(stands_for.values()) - {key}:
                degree = kind.support(key, other)
                if degree > 0:
                    support.append((slot, key, other, degree))
    made = _table(sorted((*claim, "") for claim in claims), ("slot", "source", "value", "relation"))
    spoken = _table(sorted(support), ("slot", "value", "other", "support"))
    return FusionSet(path.stem, made, spoken, frozenset(exact), frozenset(general))


def main() -> None:
    """Print a line for each set."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--claims", type=Path, help="folder of birthplaces and books")
    options.add_argument("--seeds", type=int, default=1, help="worlds of each made-up kind")
    given = options.parse_args()
    sets = [make(seed) for make in SETS for seed in range(given.seeds)]
    for name, kind in (("birthplaces", Place()), ("books", People())):
        path = given.claims / f"{name}.parquet" if given.claims else None
        if path and path.exists():
            sets.insert(0, read_claims(path, kind))
        else:
            print(f"{name}: skipped, no --claims FOLDER with {name}.parquet")
    for made in sets:
        for name, numbers in measure(made).items():
            print(made.name, name, *(f"{who} {x:.4g}" for who, x in numbers.items()), sep=" | ")


def _table(rows: list[tuple], names: tuple[str, ...]) -> pa.Table:
    kinds = [pa.float64() if name == "support" else pa.string() for name in names]
    return pa.table(
        {
            name: pa.array([row[i] for row in rows], kind)
            for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
        }
    )


if __name__ == "__main__":
    main()
