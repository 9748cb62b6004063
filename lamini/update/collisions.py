"""Where prompts go once keys come and go: what an update must look at beyond what it tunes.

Shape suffixes: F facts   T keys of touched facts
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from lamini.bank.evidence import Words
from lamini.bank.group_table import GroupTable
from lamini.router.group_keys import Route
from lamini.training_data import TrainingFact
from lamini.tuning.capacity import contradictory_twins
from lamini.update.fact_changes import FactChanges

if TYPE_CHECKING:
    from lamini.model.memory_model import MemoryModel

_NEAR = 0.3
"""Cosine of two keys; a prompt within 0.8 of its own key is no nearer to a key that is further."""


def affected(model: "MemoryModel", changes: FactChanges) -> tuple[str, ...]:
    """Return the kept facts of which a prompt now reads the group of a fact with another key."""
    touched = {fact.group_index for fact in changes.to_key}
    if not touched:
        return ()
    rows = model.table.rows([model.table.row_of(group) for group in sorted(touched)])
    routed = _routed(model, changes.kept, rows)
    return tuple(dict.fromkeys(fact_id for fact_id, route in routed if route.group in touched))


def silent_after(model: "MemoryModel", changes: FactChanges, table: GroupTable) -> GroupTable:
    """Return the silent keys once the retired facts' keys are among them.

    Those of facts that are back go, and those to which a prompt of an added or rekeyed fact is
    nearest: it asks what was once asked of another fact, and is to be answered now.
    """
    gone = model.table.rows(sorted(map(model.table.row_of, changes.retired.values())))
    kept = model.silent.without({fact.fact_id for fact in changes.added})
    lowest = int(kept.group_index_G[0]) if len(kept) else 0
    silent = GroupTable.joined([gone.silenced(lowest), kept])
    if not (len(silent) and changes.to_key):
        return silent
    with model.keyed(table, silent):
        nearest = {route.nearest_group for _, route in _routed(model, changes.to_key, silent)}
    return silent.rows([r for r, g in enumerate(silent.group_index_G.tolist()) if g not in nearest])


def _routed(
    model: "MemoryModel", facts: Sequence[TrainingFact], keys: GroupTable
) -> Iterator[tuple[str, Route]]:
    """Yield where the facts' prompts go, by fact_id; those are left out that `keys` cannot win.

    Routed are the prompts that name a subject of `keys`; where a key has none to name, those of
    facts whose key is near it. A screen: a fact explains its own prompts whole, so another wins one
    only where its own key is no nearer to the prompt than the other.
    """
    subjects = {*keys.subjects} - {""}
    nameless = [row for row, subject in enumerate(keys.subjects) if not subject]
    own = [model.table.row_of(fact.group_index) for fact in facts]
    # Of last states a key holds those of one phrasing: others need not be near it.
    bound = float("-inf") if model.encoder.last_states else _NEAR
    near_FT = model.table.keys_GK[own] @ keys.keys_GK[nameless].T >= bound
    near = {fact.fact_id for fact, n in zip(facts, near_FT.any(1).tolist(), strict=True) if n}
    for cloze in (False, True):
        asked = [
            (fact.fact_id, prompt)
            for fact in facts
            if fact.cloze is cloze
            for prompt in fact.prompts
            if fact.fact_id in near or any(map(Words(prompt).name, subjects))
        ]
        routes = model.route([prompt for _, prompt in asked], cloze=cloze)
        yield from ((fact_id, route) for (fact_id, _), route in zip(asked, routes, strict=True))


def misrouted(
    model: "MemoryModel", tuned: Sequence[TrainingFact], facts: Sequence[TrainingFact]
) -> dict[str, str]:
    """Return the tuned facts whose first prompt does not read their own group, and why."""
    twins = contradictory_twins(facts) if tuned else {}
    reasons = {fact.fact_id: twins[fact.fact_id] for fact in tuned if fact.fact_id in twins}
    for cloze in (False, True):
        asked = [fact for fact in tuned if fact.cloze is cloze]
        routes = model.route([fact.prompts[0] for fact in asked], cloze=cloze)
        for fact, route in zip(asked, routes, strict=True):
            if route.group == fact.group_index:
                continue
            other = (
                None
                if route.group is None
                else model.table.fact_ids[model.table.row_of(route.group)]
            )
            reads = f"reads {other}" if other else "reads nothing"
            reasons.setdefault(fact.fact_id, f"collision: {fact.prompts[0][:60]!r} {reads}")
    return reasons
