"""Estimate whom to believe in each of several relations, from all of them together.

Rounds alternate between the truth of every slot and the accuracy of every source, in all relations
at once: what a source is in one lets expect what it is in another (`records`). Who copies is judged
over all relations, too. A relation in which the record elsewhere says nothing of the record here is
also estimated from the other side, where those are right who seemed to err, and the side with the
better record elsewhere is taken.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial as given
from typing import Any, Protocol

import numpy as np

from warehouse.truth.counts import (
    Counts,
    Names,
    bind,
    combine_links,
    combine_names,
    count_links,
    count_names,
    find_copies,
)
from warehouse.truth.estimates import Estimates, Totals, combine, turned_around
from warehouse.truth.parts import Floats, Ints, Part
from warehouse.truth.records import Record, deviations, is_foretold, speaks_for
from warehouse.truth.rounds import first_partial, partial
from warehouse.truth.scores import Layout, lay_out
from warehouse.truth.settings import TruthConfig
from warehouse.truth.state import TruthState


class Each(Protocol):
    """How a function is applied to every part: here, or somewhere else at the same time."""

    def __call__(
        self, function: Callable[[Any], Any], items: Iterable[Any], *, keep: bool = False
    ) -> list[Any]:
        """Return the results in order; with `keep` they may stay where they are, as handles."""


def each_here(
    function: Callable[[Any], Any], items: Iterable[Any], *, keep: bool = False
) -> list[Any]:
    """Apply a function to every part, one after the other."""
    return [function(item) for item in items]


def estimate(
    parts: Mapping[str, Sequence[Any]], config: TruthConfig, each: Each = each_here
) -> dict[str, TruthState]:
    """Estimate the accuracies of all sources over all parts of all relations."""
    everyone = _first_look(parts, config, each)
    num_rounds = everyone.settle()
    if everyone.reverse():
        num_rounds += everyone.settle()
    return {
        name: TruthState(counts=one.counts, estimates=one.beliefs, num_rounds=num_rounds)
        for name, one in zip(parts, everyone.relations, strict=True)
    }


def arrange(part: Part, counts: Counts, config: TruthConfig) -> Layout:
    """Lay a part out for rounds under these counts."""
    return lay_out(bind(part, counts.names), counts, config)


@dataclass(kw_only=True)
class _Relation:
    counts: Counts
    layouts: list[Any]
    numbers: Ints
    """Of each source: its number among the sources of all relations."""
    found: Record
    beliefs: Estimates


@dataclass(kw_only=True)
class _Everyone:
    relations: list[_Relation]
    units: Ints
    """Of each source of all relations: who stands by itself; who copy from each other are one."""
    config: TruthConfig
    each: Each

    def settle(self) -> int:
        """Estimate until no accuracy moves; return the rounds that it took."""
        for num_rounds in range(1, self.config.max_rounds + 1):  # noqa: B007
            before = [one.beliefs.accuracy for one in self.relations]
            self._adjust([self._pass(one) for one in self.relations])
            after = [one.beliefs.accuracy for one in self.relations]
            moved = [np.abs(x - y).max(initial=0.0) for x, y in zip(before, after, strict=True)]
            if max(moved, default=0.0) < self.config.tolerance:
                break
        return num_rounds

    def reverse(self) -> bool:
        """Judge relations from the other side where that has the better record; say if any is."""
        reversed_any = False
        for index, one in enumerate(self.relations):
            deviation = self._elsewhere()[index]
            if is_foretold(one.found, deviation, self.units, self.config):
                continue
            beliefs, found = one.beliefs, one.found
            one.beliefs = turned_around(one.beliefs, one.counts)
            for _ in range(_ROUNDS_OF_A_TRIAL):
                total = self._pass(one)
                one.beliefs = combine(total, one.counts, self.config, deviation)
            one.found = total.record(one.counts, one.numbers)
            speaks = speaks_for(one.found, found, deviation, self.units, self.config)
            if speaks >= self.config.reversal:
                reversed_any = True
            else:
                one.beliefs, one.found = beliefs, found
        return reversed_any

    def _adjust(self, totals: list[Totals]) -> None:
        for one, total in zip(self.relations, totals, strict=True):
            one.found = total.record(one.counts, one.numbers)
        elsewhere = self._elsewhere()
        for one, total, deviation in zip(self.relations, totals, elsewhere, strict=True):
            one.beliefs = combine(total, one.counts, self.config, deviation)

    def _pass(self, one: _Relation) -> Totals:
        one_pass = given(partial, counts=one.counts, estimates=one.beliefs, config=self.config)
        return Totals.of(self.each(one_pass, one.layouts))

    def _elsewhere(self) -> list[Floats]:
        found = [one.found for one in self.relations]
        return deviations(found, len(self.units), self.config)


_ROUNDS_OF_A_TRIAL = 5


def _first_look(parts: Mapping[str, Sequence[Any]], config: TruthConfig, each: Each) -> _Everyone:
    linked = []
    for own in parts.values():
        names = combine_names(each(count_names, own))
        links = each(given(_links, names=names, config=config), own)
        linked.append((links, combine_links(links, names, config)))
    everyone = find_copies(linked, config)
    layouts, totals, found = [], [], []
    for own, counts, numbers in zip(parts.values(), everyone.counts, everyone.numbers, strict=True):
        layouts.append(each(given(arrange, counts=counts, config=config), own, keep=True))
        totals.append(Totals.of(each(given(first_partial, counts=counts), layouts[-1])))
        found.append(totals[-1].record(counts, numbers))
    elsewhere = deviations(found, len(everyone.units), config)
    relations = [
        _Relation(
            counts=counts,
            layouts=layouts[i],
            numbers=everyone.numbers[i],
            found=found[i],
            beliefs=combine(totals[i], counts, config, elsewhere[i]),
        )
        for i, counts in enumerate(everyone.counts)
    ]
    return _Everyone(relations=relations, units=everyone.units, config=config, each=each)


def _links(part: Part, names: Names, config: TruthConfig) -> Any:
    return count_links(bind(part, names), names, config)
