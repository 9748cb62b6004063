"""Decide between nothing, an update of the champion's bank, and a full run; say why.

A pure function of what is: the champion, what changed since it was trained, the settings. Pending
is the head snapshot minus the trained one; no event or clock has a say.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from flows.configuration.update_policy import UpdatePolicy
from flows.errors import SettingsError
from flows.home.champion import Champion

_ALWAYS_RETIRED = 10
"""Fewer facts than so many are retired without a brake: of a small table, a third is soon gone."""
NOTHING, INCREMENTAL, FULL = "nothing", "incremental", "full"


@dataclass(frozen=True, kw_only=True)
class Situation:
    """All that a decision depends on."""

    recipe: Mapping[str, Any]
    """What router and experts are made of besides the facts (`flows.planning.recipe`)."""
    training_hash: str
    num_facts: int
    num_groups: int
    champion: Champion | None = None
    """Null where nothing was promoted."""
    rejected: tuple[str, ...] = ()
    """Training hashes of facts whose model was rolled back."""
    unusable: str | None = None
    """Why the champion cannot be built upon, in words."""
    num_added: int = 0
    num_changed: int = 0
    num_retired: int = 0

    @property
    def num_pending(self) -> int:
        return self.num_added + self.num_changed + self.num_retired


@dataclass(frozen=True, kw_only=True)
class _Reasoned:
    reasons: tuple[str, ...]

    @property
    def why(self) -> str:
        return "; ".join(self.reasons)


@dataclass(frozen=True, kw_only=True)
class Nothing(_Reasoned):
    """Nothing is to be done: the champion stands for the facts as they are."""

    champion: Champion
    is_braked: bool = False
    """Whether what is pending looks like a loss, so that a person is to ask for it."""
    mode: ClassVar[str] = NOTHING


@dataclass(frozen=True, kw_only=True)
class Update(_Reasoned):
    """The champion can be updated to the facts, and is to be."""

    champion: Champion
    mode: ClassVar[str] = INCREMENTAL


@dataclass(frozen=True, kw_only=True)
class Full(_Reasoned):
    """Everything is to be trained."""

    mode: ClassVar[str] = FULL


Decision = Nothing | Update | Full


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
    if asked == INCREMENTAL:
        return decide_update(situation)
    if force:
        return Full(reasons=("forced",))
    if asked is None and situation.champion and (braked := _brake(situation, policy)):
        reasons = (_pending(situation), braked)
        return Nothing(champion=situation.champion, reasons=reasons, is_braked=True)
    champion, hindrances = _base(situation)
    if champion is None:
        return Full(reasons=hindrances)
    nothing = _nothing(champion)
    if asked == FULL:
        if not situation.num_pending and champion.mode == FULL:
            reasons = (nothing, "it was a full run (--force trains it again)")
            return Nothing(champion=champion, reasons=reasons)
        return Full(reasons=("asked for",))
    if not situation.num_pending:
        return Nothing(champion=champion, reasons=(nothing,))
    if situation.training_hash in situation.rejected:
        reason = (
            f"{_pending(situation)}, but a model of these very facts was rolled back; "
            "--full or --incremental makes one all the same"
        )
        return Nothing(champion=champion, reasons=(reason,))
    if outgrown := [*_outgrown(situation, champion, policy)]:
        return Full(reasons=(_pending(situation), *outgrown))
    return Update(champion=champion, reasons=(_pending(situation), *_warnings(situation, policy)))


def decide_update(situation: Situation) -> Update | Nothing:
    """Decide where a person wants an update and nothing else.

    Raises:
        SettingsError: there is no champion that could be updated; the message says why.
    """
    champion, hindrances = _base(situation)
    if champion is None:
        raise SettingsError(f"an update is not possible: {'; '.join(hindrances)}")
    if situation.num_pending:
        return Update(champion=champion, reasons=(f"asked for: {_pending(situation)}",))
    return Nothing(champion=champion, reasons=(_nothing(champion),))


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
        elif isinstance(one, Mapping) or isinstance(two, Mapping):
            found.append(f"{name} {'is new' if one is None else 'is gone'}")
        elif one != two:
            found.append(f"{name} {_short(one)} -> {_short(two)}")
    return found


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 16 else f"{text[:16]}..."


def _base(situation: Situation) -> tuple[Champion | None, tuple[str, ...]]:
    """Return the champion that can be built upon, or what keeps us from it."""
    champion = situation.champion
    if champion is None:
        return None, ("nothing was promoted yet",)
    if situation.unusable:
        return None, (situation.unusable,)
    if champion.recipe is None:
        return None, ("the promoted checkpoint does not say with which settings it was made",)
    if differing := changed_settings(champion.recipe, situation.recipe):
        return None, (f"settings changed: {', '.join(differing)}",)
    return champion, ()


def _outgrown(situation: Situation, champion: Champion, policy: UpdatePolicy) -> list[str]:
    """Say why the frozen router no longer serves, if so."""
    found = []
    share = (situation.num_added + situation.num_changed) / max(1, situation.num_facts)
    if share > policy.max_changed_share:
        found.append(f"{share:.0%} of the facts are new, above {policy.max_changed_share:.0%}")
    now, then = champion.agreement, champion.agreement_when_full
    if now is not None and then is not None and now < then - policy.max_agreement_loss:
        found.append(
            f"the frozen router agrees on {now:.1%} of the questions, {then:.1%} after the last "
            f"full run: more than {policy.max_agreement_loss:.0%} less"
        )
    collisions = champion.num_collisions
    if collisions > policy.max_collisions * situation.num_facts:
        found.append(
            f"{collisions} collisions since the last full run: so many facts are routed elsewhere, "
            f"above {policy.max_collisions:.1%} of all"
        )
    return found


def _brake(situation: Situation, policy: UpdatePolicy) -> str:
    """Say why so many retired facts look like a loss, if they do."""
    held = situation.num_facts - situation.num_added + situation.num_retired
    share = situation.num_retired / max(1, held)
    if situation.num_retired < _ALWAYS_RETIRED or share <= policy.max_retired_share:
        return ""
    return (
        f"{share:.0%} of the champion's facts would be forgotten, above max_retired_share = "
        f"{policy.max_retired_share:.0%}: look whether a source was lost (lamini sources, lamini "
        "diff promoted head); --full or --incremental does it all the same"
    )


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


def _nothing(champion: Champion) -> str:
    return f"run {champion.run_key} of these very facts and settings is promoted"
