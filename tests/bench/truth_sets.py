"""Claims of made-up worlds whose truth is known: each one a way in which sources go wrong.

Flights with sites that copy, numbers edited by hundreds of people, places by thousands of sites
that say little each, a world in which votes are best, relations in which the many are wrong and
such in which they are right though some differ. Seed 0 was looked at while methods were made.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from warehouse.truth.discovery import SUPPORT
from warehouse.values.kinds import Kind
from warehouse.values.numbers import Number
from warehouse.values.people import People
from warehouse.values.places import Place


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

    def by_relation(self) -> dict[str, list[tuple[pa.Table, pa.Table]]]:
        """Give observations and support of each relation, in one part."""
        relation_of = dict(self.observations.select(["slot", "relation"]).to_pandas().values)
        spoken = pa.array(
            [relation_of[slot] for slot in self.support["slot"].to_pylist()], pa.string()
        )
        return {
            name: [
                (
                    self.observations.filter(pc.equal(self.observations["relation"], name)),
                    self.support.filter(pc.equal(spoken, name)),
                )
            ]
            for name in sorted(set(relation_of.values()))
        }


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


def airports(seed: int = 0, num_slots: int = 500) -> FusionSet:
    """Give six relations of flights by 38 sites, some of which copy; in one the many are wrong.

    Most sites say when a flight took off where it is asked when it left its gate. Whose record in
    the other relations is good seldom does.
    """
    draw = np.random.default_rng(seed)
    ability = draw.normal(1.2, 0.9, 38)
    ability[:4] = 3.5
    followed = np.full(38, -1)
    for first, size, quality in (
        (10, 5, 0.9),
        (15, 4, 0.1),
        (19, 3, 2.4),
        (22, 2, 2.6),
        (24, 2, 0.4),
    ):
        followed[first + 1 : first + size] = first
        ability[first : first + size] = quality
    takes_off = ability + draw.normal(0, 0.8, 38) < 2.0
    covered = draw.beta(1, 2.5, 38)
    rows, truth = [], {}
    for number, relation in enumerate(_OF_FLIGHTS):
        ease = (1.0, -0.3, 0.4, 1.0, -0.3, 0.4)[number]
        own = 1 / (1 + np.exp(-(ability + ease + draw.normal(0, 0.5, 38))))
        is_time = "gate" not in relation
        right = draw.integers(0, 1440 if is_time else 90, num_slots)
        late = (right + draw.integers(8, 25, num_slots)) % 1440
        gives = draw.random(38) < (0.95 if is_time else 0.6)
        shown = []
        for site in range(38):
            meant = right
            if relation == "actual departure" and takes_off[site]:
                meant = late
            slip = draw.choice([-30, -10, -5, 5, 10, 15, 30, 45], num_slots)
            wrong = (meant + slip) % 1440 if is_time else draw.integers(0, 90, num_slots)
            said = np.where(draw.random(num_slots) < own[site], meant, wrong)
            if followed[site] >= 0:
                said = np.where(draw.random(num_slots) < 0.95, shown[followed[site]], said)
            shown.append(said)
        for site in range(38):
            if gives[site]:
                for slot in np.flatnonzero(draw.random(num_slots) < covered[site]):
                    name = f"{relation} {slot:03}"
                    rows.append((name, f"site {site:02}", _shown(shown[site][slot], is_time)))
        for slot in range(num_slots):
            truth[f"{relation} {slot:03}"] = _shown(right[slot], is_time)
    return _set("airports, six relations", rows, truth, relation=lambda slot: slot[:-4])


def conventions(seed: int = 0, num_slots: int = 400) -> FusionSet:
    """Give four relations by 25 sites; in one a third of them, good and bad, mean another."""
    draw = np.random.default_rng(seed)
    ability = draw.normal(1.5, 0.9, 25)
    apart = draw.permutation(25) < 8
    rows, truth = [], {}
    for relation in ("weight", "length", "width", "height"):
        own = 1 / (1 + np.exp(-(ability + draw.normal(0, 0.4, 25))))
        right = draw.integers(100, 900, num_slots)
        for site in range(25):
            meant = right + 7 * (relation == "height" and apart[site])
            wrong = right + draw.choice([-9, -5, 3, 11, 20], num_slots)
            said = np.where(draw.random(num_slots) < own[site], meant, wrong)
            for slot in np.flatnonzero(draw.random(num_slots) < 0.4):
                rows.append((f"{relation} {slot:03}", f"site {site:02}", str(said[slot])))
        truth |= {f"{relation} {slot:03}": str(x) for slot, x in enumerate(right)}
    return _set("conventions of a third", rows, truth, relation=lambda slot: slot[:-4])


def heritages(seed: int = 0, num_slots: int = 785, num_sites: int = 1600) -> FusionSet:
    """Where heritage sites lie, by many that say little, and most no more than the country.

    A third of the truths are towns, the rest are regions; countries are known by name, and of the
    rest nothing is, so that regions are told from towns by who says them beside whom.
    """
    draw = np.random.default_rng(seed)
    country = draw.choice(len(_COUNTRIES), 120, p=_zipf(len(_COUNTRIES), 0.6))
    region = draw.choice(120, 700, p=_zipf(120, 0.5))
    town = draw.choice(700, num_slots, p=_zipf(700, 0.5))
    is_town = draw.random(num_slots) < 0.35
    accuracy = draw.beta(6, 1.5, num_sites)
    vague = draw.beta(1.2, 1.5, num_sites)
    popular = _zipf(num_sites, 0.8)
    rows, general = [], set()
    for slot in range(num_slots):
        name = f"heritage {slot:04}"
        for site in draw.choice(num_sites, 1 + draw.poisson(4.6), replace=False, p=popular):
            where = town[slot] if draw.random() < accuracy[site] else draw.integers(0, 700)
            names = [
                _COUNTRIES[country[region[where]]],
                f"Regia {region[where]}",
                f"Oppida {where}",
            ]
            if not is_town[slot]:
                names[2:] = [f"Vicus {where}"] if draw.random() < 0.1 else []
            level = 0 if draw.random() < vague[site] else draw.integers(1, len(names))
            rows.append((name, f"site {site:04}", names[level]))
        above = [_COUNTRIES[country[region[town[slot]]]], f"Regia {region[town[slot]]}"]
        general |= {(name, Place().key(one)) for one in above}
    truth = {
        f"heritage {i:04}": f"Oppida {t}" if is_town[i] else f"Regia {region[t]}"
        for i, t in enumerate(town)
    }
    return _kept("heritages, most say the country", rows, truth, Place(), frozenset(general))


def editors(seed: int = 0, num_slots: int = 1500) -> FusionSet:
    """Numbers by editors, most of whom say one thing: those who say much are right more often."""
    draw = np.random.default_rng(seed)
    edits = np.minimum(draw.zipf(1.7, 3000), 400)
    accuracy = 1 / (1 + np.exp(-(-0.9 + 0.45 * np.log(edits) + draw.normal(0, 0.7, len(edits)))))
    right = draw.integers(1_000, 500_000, num_slots)
    old = (right * draw.uniform(0.85, 0.98, num_slots)).astype(int)
    rows = []
    for slot in range(num_slots):
        for editor in draw.choice(len(edits), 1 + draw.poisson(1.8), False, edits / edits.sum()):
            number = right[slot]
            if draw.random() > accuracy[editor]:
                kind = draw.random()
                number = old[slot]
                if kind < 0.3:
                    number = int(right[slot] * draw.uniform(0.5, 1.5))
                elif kind < 0.5:
                    number = int(round(right[slot], -3))
            rows.append((f"town {slot:04}", f"editor {editor:04}", str(number)))
    truth = {f"town {i:04}": str(x) for i, x in enumerate(right)}
    return _kept("populations, most edit once", rows, truth, Number(tolerance=0.01))


def authors(seed: int = 0, num_slots: int = 500, num_sellers: int = 300) -> FusionSet:
    """Who wrote books, by sellers that leave out authors, each in its own way."""
    draw = np.random.default_rng(seed)
    leaves_out = draw.beta(1, 2, num_sellers)
    accuracy = draw.beta(12, 1, num_sellers)
    popular = _zipf(num_sellers, 0.9)
    rows, truth = [], {}
    for slot in range(num_slots):
        wrote = [
            f"{_GIVEN[g]} Name{n}"
            for g, n in zip(draw.integers(0, len(_GIVEN), 4), draw.integers(0, 900, 4), strict=True)
        ]
        wrote = wrote[: 1 + draw.choice(4, p=[0.35, 0.35, 0.2, 0.1])]
        truth[f"book {slot:03}"] = "; ".join(wrote)
        for seller in draw.choice(num_sellers, 2 + draw.poisson(8), replace=False, p=popular):
            said = wrote[:1] if draw.random() < leaves_out[seller] else wrote
            if draw.random() > accuracy[seller]:
                said = [*said[:-1], f"Ann Other{draw.integers(0, 3)}"]
            rows.append((f"book {slot:03}", f"seller {seller:03}", "; ".join(said)))
    return _kept("authors, some left out", rows, truth, People())


SETS: tuple[Callable[[int], FusionSet], ...] = (
    flights,
    populations,
    places,
    places_without_hierarchy,
    equals,
    misled,
    binary,
    airports,
    conventions,
    heritages,
    editors,
    authors,
)


def _site(draw: np.random.Generator, right: np.ndarray, accuracy: float) -> np.ndarray:
    late = (right + draw.choice([-15, -10, -5, 5, 10, 15, 30, 45, 60], len(right))) % 1440
    return np.where(draw.random(len(right)) < accuracy, right, late)


def _set(
    name: str,
    rows: list[tuple[str, str, str]],
    right: dict[str, str],
    relation: Callable[[str], str] = lambda slot: "",
) -> FusionSet:
    columns = zip(*sorted(set(rows)), strict=True)
    names = ("slot", "source", "value")
    table = pa.table(dict(zip(names, map(list, columns), strict=True)))
    relations = pa.array([relation(slot) for slot in table["slot"].to_pylist()])
    return FusionSet(
        name,
        table.append_column("relation", relations),
        SUPPORT.empty_table(),
        frozenset(right.items()),
    )


def _kept(
    name: str,
    rows: list[tuple[str, str, str]],
    right: dict[str, str],
    kind: Kind,
    general: frozenset[tuple[str, str]] = frozenset(),
) -> FusionSet:
    """Make a set of values that a kind reads: its keys, joined and supported within each slot."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    keyed = sorted({(slot, source, kind.key(value)) for slot, source, value in rows})
    for slot, _, key in keyed:
        said[slot][key] += 1
    stands = {slot: kind.merged(counted) for slot, counted in said.items()}
    found = [(slot, source, stands[slot][key]) for slot, source, key in keyed]
    support = [
        (slot, key, other, degree)
        for slot in sorted(said)
        for key, other in permutations(sorted(set(stands[slot].values())), 2)
        if (degree := kind.support(key, other)) > 0
    ]
    truth = {}
    for slot, value in right.items():
        key = kind.key(value)
        truth[slot] = stands.get(slot, {}).get(key, key)
    made = _set(name, found, truth)
    return FusionSet(name, made.observations, _support(support), made.right, general)


def _zipf(size: int, power: float) -> np.ndarray:
    weight = 1 / np.arange(1, size + 1) ** power
    return weight / weight.sum()


def _shown(number: int, is_time: bool) -> str:
    return (
        f"{number // 60:02}:{number % 60:02}" if is_time else f"{'ABC'[number // 30]}{number % 30}"
    )


_OF_FLIGHTS = (
    "scheduled departure", "actual departure", "departure gate",
    "scheduled arrival", "actual arrival", "arrival gate",
)  # fmt: skip
_COUNTRIES = (
    "Italy", "France", "Germany", "Spain", "India", "China", "Mexico", "Brazil", "Japan", "Iran",
    "Greece", "Turkey", "Peru", "Kenya", "Egypt", "Norway", "Poland", "Canada", "Australia", "Cuba",
)  # fmt: skip
_GIVEN = ("Ann", "Bo", "Cy", "Dora", "Eve", "Finn", "Gil", "Hana")


def _support(rows: list[tuple[str, str, str, float]]) -> pa.Table:
    columns = dict(zip(SUPPORT.names, zip(*rows, strict=True), strict=True))
    return pa.table({name: list(column) for name, column in columns.items()})
