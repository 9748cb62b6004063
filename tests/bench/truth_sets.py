"""Claims of made-up worlds whose truth is known: each one a way in which sources go wrong.

None of them is fitted to the method: flights with sites that copy, numbers edited by hundreds of
people, places by thousands of sites that say little each, and one world in which votes are best.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from warehouse.truth.discovery import SUPPORT


@dataclass(frozen=True)
class FusionSet:
    """Observations, support, and the right values of each slot."""

    name: str
    observations: pa.Table
    support: pa.Table
    right: frozenset[tuple[str, str]]
    """The right values, by slot."""
    general: frozenset[tuple[str, str]] = frozenset()
    """Values that are true but more general."""


def flights(seed: int = 0, num_slots: int = 1000, num_copiers: int = 12) -> FusionSet:
    """Departure times by 12 sites on their own and one bad site with its copies."""
    draw = np.random.default_rng(seed)
    right = draw.integers(0, 1440, num_slots)
    shown = [_site(draw, right, accuracy) for accuracy in draw.uniform(0.65, 0.97, 12)]
    bad = _site(draw, right, 0.45)
    shown.append(bad)
    for _ in range(num_copiers):
        own = _site(draw, right, 0.45)
        shown.append(np.where(draw.random(num_slots) < 0.95, bad, own))
    rows = [
        (f"flight {slot:04}", f"site {site:02}", f"{times[slot] // 60:02}:{times[slot] % 60:02}")
        for site, times in enumerate(shown)
        for slot in range(num_slots)
        if draw.random() < 0.6
    ]
    truth = {f"flight {slot:04}": f"{t // 60:02}:{t % 60:02}" for slot, t in enumerate(right)}
    return _set("flights, copying sites", rows, truth)


def populations(seed: int = 0, num_slots: int = 2000, num_editors: int = 600) -> FusionSet:
    """Populations of places by hundreds of editors with few edits; errors are old or mistyped."""
    draw = np.random.default_rng(seed)
    right = draw.integers(1_000, 5_000_000, num_slots)
    old = (right * draw.uniform(0.85, 0.98, num_slots)).astype(int)
    accuracy = draw.beta(3, 1.5, num_editors)
    weights = 1 / np.arange(1, num_editors + 1) ** 0.7
    rows = []
    for slot in range(num_slots):
        size = min(1 + draw.poisson(3), 12)
        editors = draw.choice(num_editors, size, replace=False, p=weights / weights.sum())
        for editor in editors:
            number = right[slot]
            if draw.random() > accuracy[editor]:
                wrong = int(right[slot] * draw.uniform(0.5, 1.5))
                number = old[slot] if draw.random() < 0.5 else wrong
            rows.append((f"town {slot:04}", f"editor {editor:03}", str(number)))
    return _set(
        "populations, many editors", rows, {f"town {i:04}": str(x) for i, x in enumerate(right)}
    )


def places(seed: int = 0, num_slots: int = 3000, num_sites: int = 3000) -> FusionSet:
    """Places by thousands of sites with few claims: cities, regions or countries, or wrong ones."""
    draw = np.random.default_rng(seed)
    popularity = 1 / np.arange(1, 401) ** 0.8
    city = draw.choice(400, num_slots, p=popularity / popularity.sum())
    accuracy = draw.beta(4, 2, num_sites)
    names: tuple[Callable[[int], str], ...] = (
        lambda c: f"city {c}",
        lambda c: f"region {c % 40}",
        lambda c: f"country {c % 8}",
    )
    vague = draw.beta(1, 3, num_sites)
    rows, general, support = [], set(), set()
    for slot in range(num_slots):
        said = set()
        for site in draw.choice(num_sites, 1 + draw.poisson(2.5), replace=False):
            where = city[slot]
            if draw.random() > accuracy[site]:
                where = draw.choice(400, p=popularity / popularity.sum())
            level = draw.choice(3, p=[1 - vague[site], vague[site] / 2, vague[site] / 2])
            said.add((where, level))
            rows.append((f"person {slot:04}", f"site {site:04}", names[level](where)))
        general |= {(f"person {slot:04}", name(city[slot])) for name in names}
        for one, high in said:
            for other, low in said:
                if low < high and names[high](one) == names[high](other):
                    pair = names[high](one), names[low](other)
                    support.add((f"person {slot:04}", *pair, 1.0))
    truth = {f"person {i:04}": f"city {c}" for i, c in enumerate(city)}
    made = _set("places, thousands of sites", rows, truth)
    return FusionSet(
        made.name, made.observations, _support(sorted(support)), made.right, frozenset(general)
    )


def places_without_hierarchy(seed: int = 0) -> FusionSet:
    """Give the same places, where nobody tells what lies in what."""
    made = places(seed)
    return FusionSet(
        "places, hierarchy untold",
        made.observations,
        SUPPORT.empty_table(),
        made.right,
        made.general,
    )


def equals(seed: int = 0, num_slots: int = 2000) -> FusionSet:
    """Give claims of 40 equally good sources that err at random: votes are the best method."""
    draw = np.random.default_rng(seed)
    right = draw.integers(0, 20, num_slots)
    rows = []
    for slot in range(num_slots):
        for source in draw.choice(40, 3 + draw.integers(0, 4), replace=False):
            wrong = (right[slot] + 1 + draw.integers(0, 19)) % 20
            value = right[slot] if draw.random() < 0.6 else wrong
            rows.append((f"slot {slot:04}", f"source {source:02}", f"value {value:02}"))
    return _set(
        "equal sources", rows, {f"slot {i:04}": f"value {x:02}" for i, x in enumerate(right)}
    )


def misled(seed: int = 0, num_slots: int = 1500) -> FusionSet:
    """Give many fair sources, and two diligent ones that often share an error of their own."""
    draw = np.random.default_rng(seed)
    rows = []
    for slot in range(num_slots):
        slip = draw.random() < 0.35
        for source in ("diligent a", "diligent b"):
            value = "error" if slip and draw.random() < 0.9 else "right"
            rows.append((f"slot {slot:04}", source, f"{value} {slot}"))
        for source in draw.choice(200, 5, replace=False):
            value = "right" if draw.random() < 0.75 else f"slip {draw.integers(0, 5)}"
            rows.append((f"slot {slot:04}", f"fair {source:03}", f"{value} {slot}"))
    return _set(
        "two that err together", rows, {f"slot {i:04}": f"right {i}" for i in range(num_slots)}
    )


def binary(seed: int = 0, num_slots: int = 2000) -> FusionSet:
    """Give yes or no by 60 sources between a coin and an expert."""
    draw = np.random.default_rng(seed)
    right = draw.random(num_slots) < 0.3
    accuracy = draw.uniform(0.5, 0.95, 60)
    rows = []
    for slot in range(num_slots):
        for source in draw.choice(60, 5, replace=False):
            said = right[slot] == (draw.random() < accuracy[source])
            rows.append((f"slot {slot:04}", f"source {source:02}", "yes" if said else "no"))
    return _set(
        "yes or no", rows, {f"slot {i:04}": "yes" if x else "no" for i, x in enumerate(right)}
    )


SETS: tuple[Callable[[int], FusionSet], ...] = (
    flights,
    populations,
    places,
    places_without_hierarchy,
    equals,
    misled,
    binary,
)


def _site(draw: np.random.Generator, right: np.ndarray, accuracy: float) -> np.ndarray:
    late = (right + draw.choice([-15, -10, -5, 5, 10, 15, 30, 45, 60], len(right))) % 1440
    return np.where(draw.random(len(right)) < accuracy, right, late)


def _set(name: str, rows: list[tuple[str, str, str]], right: dict[str, str]) -> FusionSet:
    columns = zip(*sorted(set(rows)), strict=True)
    names = ("slot", "source", "value")
    table = pa.table(dict(zip(names, map(list, columns), strict=True)))
    return FusionSet(name, table, SUPPORT.empty_table(), frozenset(right.items()))


def _support(rows: list[tuple[str, str, str, float]]) -> pa.Table:
    columns = dict(zip(SUPPORT.names, zip(*rows, strict=True), strict=True))
    return pa.table({name: list(column) for name, column in columns.items()})
