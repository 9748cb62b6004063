"""Decide between nothing, an update of the champion's bank, and a full run; say why.

A pure function of what is: the champion, what changed since it was trained, the settings. Pending
is the head snapshot minus the trained one; no event or clock has a say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.configuration.update_policy import UpdatePolicy
from flows.errors import SettingsError

NOTHING, INCREMENTAL, FULL = "nothing", "incremental", "full"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """All that a decision depends on."""

    recipe: Mapping[str, Any]
    """What router and experts are made of besides the facts (`flows.planning.recipe`)."""
    training_hash: str
    num_facts: int
    num_groups: int
    champion: Mapping[str, Any] | None = None
    """The pointer's entry; null where nothing was promoted."""
    unusable: str | None = None
    """Why the champion cannot be built upon, in words."""
    num_added: int = 0
    num_changed: int = 0
    num_retired: int = 0

    @property
    def num_pending(self) -> int:
        return self.num_added + self.num_changed + self.num_retired


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What is to be done, and why."""

    mode: str
    """nothing, incremental or full."""
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        return "; ".join(self.reasons)


def decide(
    situation: Situation, policy: UpdatePolicy, *, asked: str | None = None, force: bool = False
) -> Decision:
    """Decide; `asked` is full or incremental when a person wants it so, `force` trains in any case.

    Raises:
        SettingsError: an update was asked for that cannot be, or what was asked for is unknown.
    """
    if asked not in (None, FULL, INCREMENTAL):
        raise SettingsError(f"mode={asked!r} must be {FULL!r} or {INCREMENTAL!r}")
    if force and asked == INCREMENTAL:
        raise SettingsError("force trains everything anew: it goes with a full run only")
    hindrances = [*_hindrances(situation)]
    if asked == INCREMENTAL:
        if hindrances:
            raise SettingsError(f"an update is not possible: {'; '.join(hindrances)}")
        if situation.num_pending:
            return Decision(mode=INCREMENTAL, reasons=(f"asked for: {_pending(situation)}",))
        return Decision(mode=NOTHING, reasons=(_nothing(situation),))
    if force:
        return Decision(mode=FULL, reasons=("forced",))
    champion = situation.champion
    if hindrances:
        return Decision(mode=FULL, reasons=tuple(hindrances))
    assert champion is not None
    if asked == FULL:
        if not situation.num_pending and champion.get("mode", FULL) == FULL:
            reasons = (_nothing(situation), "it was a full run (--force trains it again)")
            return Decision(mode=NOTHING, reasons=reasons)
        return Decision(mode=FULL, reasons=("asked for",))
    if not situation.num_pending:
        return Decision(mode=NOTHING, reasons=(_nothing(situation),))
    if situation.training_hash in champion.get("rejected", ()):
        reason = (
            f"{_pending(situation)}, but a model of these very facts was rolled back; "
            "--full or --incremental makes one all the same"
        )
        return Decision(mode=NOTHING, reasons=(reason,))
    if outgrown := [*_outgrown(situation, policy)]:
        return Decision(mode=FULL, reasons=(_pending(situation), *outgrown))
    return Decision(mode=INCREMENTAL, reasons=(_pending(situation), *_warnings(situation, policy)))


def changed_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name what differs between two recipes, with both values."""
    found = []
    for name in sorted({*old, *new}):
        one, two = old.get(name), new.get(name)
        if isinstance(one, Mapping) and isinstance(two, Mapping):
            found += [
                f"{name}.{key} {one.get(key)} -> {two.get(key)}"
                for key in sorted({*one, *two})
                if one.get(key) != two.get(key)
            ]
        elif one != two:
            found.append(f"{name} {str(one)[:16]} -> {str(two)[:16]}")
    return found


def _hindrances(situation: Situation) -> list[str]:
    champion = situation.champion
    if champion is None:
        return ["nothing was promoted yet"]
    if situation.unusable:
        return [situation.unusable]
    if "recipe" not in champion:
        return ["the promoted checkpoint does not say with which settings it was made"]
    differing = changed_settings(champion["recipe"], situation.recipe)
    return [f"settings changed: {', '.join(differing)}"] if differing else []


def _outgrown(situation: Situation, policy: UpdatePolicy) -> list[str]:
    """Say why the frozen router no longer serves, if so."""
    found = []
    share = (situation.num_added + situation.num_changed) / max(1, situation.num_facts)
    if share > policy.max_changed_share:
        found.append(f"{share:.0%} of the facts are new, above {policy.max_changed_share:.0%}")
    champion = situation.champion or {}
    now, then = champion.get("agreement"), champion.get("agreement_when_full")
    if now is not None and then is not None and now < then - policy.max_agreement_loss:
        found.append(
            f"the frozen router agrees on {now:.1%} of the questions, {then:.1%} after the last "
            f"full run: more than {policy.max_agreement_loss:.0%} less"
        )
    collisions = champion.get("num_collisions", 0)
    if collisions > policy.max_collisions * situation.num_facts:
        found.append(
            f"{collisions} collisions since the last full run: so many facts are routed elsewhere, "
            f"above {policy.max_collisions:.1%} of all"
        )
    return found


def _warnings(situation: Situation, policy: UpdatePolicy) -> list[str]:
    fill = situation.num_facts / situation.num_groups
    if fill <= policy.max_bank_fill:
        return []
    return [
        f"the bank is nearly full: {situation.num_facts} facts in {situation.num_groups} groups; "
        "raise memory.num_experts, which takes a full run"
    ]


def _pending(situation: Situation) -> str:
    return (
        f"{situation.num_added} added, {situation.num_changed} changed, "
        f"{situation.num_retired} retired of {situation.num_facts} facts"
    )


def _nothing(situation: Situation) -> str:
    key = (situation.champion or {}).get("run_key")
    return f"run {key} of these very facts and settings is promoted"
