"""What changed between the facts that a bank was tuned on and the facts as they are now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lamini.bank import GroupKey
from lamini.errors import BankError, ConfigError
from lamini.training_data import TrainingFact


@dataclass(frozen=True, kw_only=True)
class FactChanges:
    """What an update has to do; every fact with the group that it has or gets."""

    added: list[TrainingFact]
    changed: list[TrainingFact]
    kept: list[TrainingFact]
    retired: list[GroupKey]

    @property
    def to_tune(self) -> list[TrainingFact]:
        """The facts whose experts and keys are made anew."""
        return [*self.changed, *self.added]


def compare_facts(
    held: Sequence[GroupKey], facts: Sequence[TrainingFact], num_groups: int
) -> FactChanges:
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
    key_of = {key.fact_id: key for key in held}
    wanted = {fact.fact_id for fact in facts}
    changes = FactChanges(
        added=[], changed=[], kept=[], retired=[key for key in held if key.fact_id not in wanted]
    )
    taken = {key.group_index for key in held if key.fact_id in wanted}
    named = taken | {fact.group_index for fact in facts if fact.fact_id not in key_of}
    free = iter(group for group in range(num_groups) if group not in named)
    for fact in facts:
        key = key_of.get(fact.fact_id)
        if key is None:
            in_bank = 0 <= fact.group_index < num_groups
            group = fact.group_index if in_bank and fact.group_index not in taken else next(free)
            taken.add(group)
            changes.added.append(replace(fact, group_index=group))
        else:
            same = key.training_hash == fact.training_hash()
            place = changes.kept if same else changes.changed
            place.append(replace(fact, group_index=key.group_index))
    return changes
