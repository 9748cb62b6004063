"""Find the smallest changes that would decide a slot otherwise, by deciding it again with each.

For every value that lost (and one that nobody named): more sources, a higher authority, a later
observation; against the winner: what its sources withdraw. Nothing is said that was not tried.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from warehouse.claims import RelationRule
from warehouse.explanations import phrases
from warehouse.explanations.odds import Odds
from warehouse.explanations.supposing import Said, Standing, Supposition, decide

MAX_RIVALS = 3
"""Values tried against the winner, the strongest first."""
MAX_SOURCES = 20
"""Sources added or withdrawn at most."""
NEW_VALUE = "(a value that no source names)"
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the claims, and what it would do."""

    kind: str
    """sources, authority, observation, withdrawal, release or claim."""
    value: str | None
    """The value that it is about; null: one that no source names."""
    effect: str
    """wins, ties, joins or leaves (a set), or none: no answer would be left."""
    new_answer: str | None
    """What the answer would then be; null: there would be none."""
    num_claims: int
    """How many claims would have to be made or withdrawn."""
    is_estimate: bool
    """The odds of a new claim were taken from the sources' accuracy, not learned anew."""
    text: str
    """The change in words."""


@dataclass(frozen=True, kw_only=True)
class _Trial:
    kind: str
    rival: str | None
    size: int
    supposition: Supposition
    words: str


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What is needed to decide a slot again."""

    relation: str
    rule: RelationRule
    claims: tuple[Said, ...]
    """Those that take part."""
    held_back: tuple[Said, ...] = ()
    """Those taken for a bad import."""
    odds: Odds


def changes(slot: Slot, answer: str | None) -> list[Change]:
    """List what would change the decision, the smallest change first.

    Empty where deciding again does not give `answer` (null: none): then a rule is in force that
    was not published, and nothing can be said.
    """
    [standings] = decide(slot.relation, slot.rule, [_supposed(slot, slot.claims, {})])
    if _answer(standings) != answer:
        return []
    trials = list(_trials(slot, standings))
    after = decide(slot.relation, slot.rule, [trial.supposition for trial in trials])
    found = []
    for trial, new in zip(trials, after, strict=True):
        effect = _effect(trial, standings, new)
        if effect is not None:
            found.append(_change(slot, trial, effect, _answer(new)))
    return _smallest(found)


def _trials(slot: Slot, standings: Sequence[Standing]) -> Iterator[_Trial]:
    leaders = [s for s in standings if s.outcome in ("winner", "member", "tie")]
    said = {s.value: [c for c in slot.claims if c.value in s.spellings] for s in standings}
    if slot.rule.slot == "multi_valued" or not leaders:
        yield _any_claim(slot)
    else:
        best = max((c for s in leaders for c in said[s.value]), key=_strength)
        rivals = [s for s in standings if s.outcome in ("beaten", "tie")][:MAX_RIVALS]
        for rival in rivals:
            others = [c for s in leaders if s.value != rival.value for c in said[s.value]]
            yield from _for_rival(slot, rival.value, said[rival.value], others)
        if not rivals:
            yield from _for_rival(
                slot, None, [replace(best, value=NEW_VALUE)], said[leaders[0].value]
            )
    for leader in leaders:
        yield from _withdrawals(slot, leader, said[leader.value])
    for claim in slot.held_back:
        words = phrases.released(claim.value, claim.source)
        yield _Trial(
            kind="release",
            rival=claim.value,
            size=1,
            supposition=_supposed(slot, (*slot.claims, claim), {claim.value: 1}),
            words=words,
        )


def _for_rival(
    slot: Slot, rival: str | None, said: Sequence[Said], others: Sequence[Said]
) -> Iterator[_Trial]:
    """Try, for one value, more claims like its strongest, then stronger and later ones."""
    criteria = slot.rule.criteria
    like = max(said, key=_strength)
    # Ties are settled against all the others; a beaten value competes with the winner alone.
    best = max(others, key=_strength, default=like)
    for number in range(1, _most_sources(criteria, others) + 1):
        yield _made(slot, "sources", rival, [like] * number, phrases.sources(rival, like, number))
    stronger = replace(like, authority=best.authority + 1)
    later = _dated(slot.rule, like, best.since)
    if "authority" in criteria:
        words = phrases.authority(rival, best.authority)
        yield _made(slot, "authority", rival, [stronger], words)
    if "recency" in criteria and later is not None:
        before = criteria[: criteria.index("recency")]
        power = like.authority if "authority" in before else None
        words = phrases.observation(rival, best.since, power)
        yield _made(slot, "observation", rival, [later], words)
        if "authority" in before and like.authority < best.authority:
            words = phrases.observation(rival, best.since, best.authority)
            equal = replace(later, authority=best.authority)
            yield _made(slot, "observation", rival, [equal], words)


def _most_sources(criteria: Sequence[str], others: Sequence[Said]) -> int:
    if "truth" in criteria:
        return MAX_SOURCES
    return min(len({c.source for c in others}) + 1, MAX_SOURCES) if "agreement" in criteria else 1


def _dated(rule: RelationRule, like: Said, latest: date) -> Said | None:
    if latest > date.max - 2 * _DAY:
        return None
    if rule.slot == "time_varying":
        return replace(like, observed_at=latest + _DAY, valid_from=None)
    return replace(like, observed_at=latest + _DAY)


def _made(slot: Slot, kind: str, rival: str | None, new: Sequence[Said], words: str) -> _Trial:
    value = new[0].value
    named = [replace(c, source=f"\x00new source {i}") for i, c in enumerate(new)]
    return _Trial(
        kind=kind,
        rival=rival,
        size=len(new),
        supposition=_supposed(slot, (*slot.claims, *named), {value: len(new)}),
        words=words,
    )


def _any_claim(slot: Slot) -> _Trial:
    return _made(slot, "claim", None, [Said(value=NEW_VALUE, source="")], phrases.any_claim())


def _withdrawals(slot: Slot, leader: Standing, said: Sequence[Said]) -> Iterator[_Trial]:
    """Try without each source of a value, and without its strongest two, three and so on."""
    strongest = sorted(sorted(said, key=lambda c: c.source), key=_strength, reverse=True)
    sources = list(dict.fromkeys(claim.source for claim in strongest))[:MAX_SOURCES]
    sets = [[source] for source in sources]
    sets += [sources[:number] for number in range(2, len(sources) + 1)]
    for withdrawn in sets:
        left = tuple(
            c for c in slot.claims if c.source not in withdrawn or c.value not in leader.spellings
        )
        yield _Trial(
            kind="withdrawal",
            rival=leader.value,
            size=len(slot.claims) - len(left),
            supposition=_supposed(slot, left, {leader.value: 0}, withdrawn),
            words=phrases.withdrawal(leader.value, withdrawn),
        )


def _strength(claim: Said) -> tuple[float, date, date]:
    return claim.strength


def _supposed(
    slot: Slot,
    claims: tuple[Said, ...],
    added: Mapping[str, int],
    withdrawn: Sequence[str] = (),
) -> Supposition:
    probabilities = (
        slot.odds.after({c.value for c in claims}, added, withdrawn)
        if "truth" in slot.rule.criteria
        else {}
    )
    return Supposition(claims=claims, probabilities=probabilities)


def _effect(trial: _Trial, before: Sequence[Standing], after: Sequence[Standing]) -> str | None:
    old, new = _answer(before), _answer(after)
    value = NEW_VALUE if trial.rival is None else trial.rival
    mine = next((s.outcome for s in after if value in s.spellings), None)
    if old == new and not any(s.outcome == "tie" for s in before):
        return None
    if mine == "member":
        return "joins"
    if any(s.outcome == "member" for s in before):
        return "leaves" if after else "none"
    if new is not None:
        return "wins" if new != old else None
    if any(s.outcome == "tie" for s in after):
        same = {s.value for s in before if s.outcome == "tie"}
        return "ties" if {s.value for s in after if s.outcome == "tie"} != same else None
    return "none"


def _answer(standings: Sequence[Standing]) -> str | None:
    held = sorted(s.value for s in standings if s.outcome in ("winner", "member"))
    return "; ".join(held) or None


def _change(slot: Slot, trial: _Trial, effect: str, new_answer: str | None) -> Change:
    shown = None if new_answer is None else new_answer.replace(NEW_VALUE, phrases.UNNAMED)
    is_estimate = "truth" in slot.rule.criteria and trial.kind in ("sources", "withdrawal")
    return Change(
        kind=trial.kind,
        value=trial.rival,
        effect=effect,
        new_answer=shown,
        num_claims=trial.size,
        is_estimate=is_estimate,
        text=phrases.sentence(trial.words, trial.kind, trial.rival, effect, shown)
        + (" (estimated)" if is_estimate else ""),
    )


def _smallest(found: Sequence[Change]) -> list[Change]:
    """Keep, of each way to the same effect, the one with the fewest claims; smallest first."""
    best: dict[tuple[object, ...], Change] = {}
    for change in found:
        whose = change.new_answer if change.kind == "withdrawal" else None
        way = (change.kind, change.value, change.effect, whose)
        if way not in best or change.num_claims < best[way].num_claims:
            best[way] = change
    return sorted(best.values(), key=lambda change: change.num_claims)
