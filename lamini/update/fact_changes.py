"""What changed between the facts that a bank was tuned on and the facts as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lamini.bank.group_table import GroupTable
from lamini.errors import BankError, ConfigError
from lamini.training_data import TrainingFact


@dataclass(frozen=True, kw_only=True)
class FactChanges:
    """What an update has to do; every fact with the group that it has or gets."""

    added: list[TrainingFact]
    changed: list[TrainingFact]
    kept: list[TrainingFact]
    retired: dict[str, int]
    """The group of each fact that is no more."""
    rekeyed: set[str]
    """Changed facts (by fact_id) whose key changes too: not their answer alone is another."""

    @property
    def to_tune(self) -> list[TrainingFact]:
        """The facts whose experts and keys are made anew."""
        return [*self.changed, *self.added]

    @property
    def to_key(self) -> list[TrainingFact]:
        """Those of them that get another key; the others keep theirs to the last bit."""
        return [*(fact for fact in self.changed if fact.fact_id in self.rekeyed), *self.added]


def compare_facts(held: GroupTable, facts: Sequence[TrainingFact], num_groups: int) -> FactChanges:
    """Return what is to be done to turn a bank that holds `held` into one that holds `facts`.

    A known fact keeps its group; an added one gets the group it names, or a free one where that is
    taken.

    Raises:
        ConfigError: two facts have one id.
        BankError: there are more facts than groups.
    """
    if len({fact.fact_id for fact in facts}) < len(facts):
        raise ConfigError(f"{len(facts)} facts have fewer ids; give each fact once")
    if len(facts) > num_groups:
        raise BankError(f"{len(facts)} facts do not fit into {num_groups} groups; use more experts")
    groups = held.group_index_G.tolist()
    hashes = zip(held.training_hashes, held.routing_hashes, strict=True)
    rows = zip(held.fact_ids, groups, hashes, strict=True)
    known = {fact_id: (group, made_of) for fact_id, group, made_of in rows}
    wanted = {fact.fact_id for fact in facts}
    retired = {fact_id: group for fact_id, (group, _) in known.items() if fact_id not in wanted}
    changes = FactChanges(added=[], changed=[], kept=[], retired=retired, rekeyed=set())
    taken = {group for fact_id, (group, _) in known.items() if fact_id in wanted}
    named = taken | {fact.group_index for fact in facts if fact.fact_id not in known}
    free = iter(group for group in range(num_groups) if group not in named)
    for fact in facts:
        if fact.fact_id not in known:
            in_bank = 0 <= fact.group_index < num_groups
            group = fact.group_index if in_bank and fact.group_index not in taken else next(free)
            taken.add(group)
            changes.added.append(replace(fact, group_index=group))
        else:
            group, (training_hash, routing_hash) = known[fact.fact_id]
            same = training_hash == fact.training_hash()
            place = changes.kept if same else changes.changed
            place.append(replace(fact, group_index=group))
            if not same and routing_hash != fact.routing_hash():
                changes.rekeyed.add(fact.fact_id)
    return changes
