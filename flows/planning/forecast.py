"""What a run would do about the head snapshot, read from files alone: nothing is written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.configuration.settings import Settings
from flows.home.champion import Champion
from flows.planning.decision import FULL, Update, decide
from flows.planning.estimate import Estimate, estimate
from flows.planning.recipe import fingerprint_of
from flows.planning.survey import ChangedFact, NamedFact, Survey, changed_facts, survey
from warehouse.assignment import num_experts_for
from warehouse.reference.names import other_names
from warehouse.snapshots import Snapshot, head

if TYPE_CHECKING:
    from lamini.training_data import TrainingFact
    from lamini.update.update import UpdateForecast


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What a run would do about the head snapshot, and why."""

    decision: str
    reasons: tuple[str, ...]
    champion: str | None
    """The run of the promoted checkpoint."""
    snapshot_hash: str
    num_added: int
    num_changed: int
    num_retired: int
    num_groups_touched: int
    num_experts_touched: int | None
    """Null: all of them."""
    affected: tuple[NamedFact, ...]
    collisions: Mapping[str, str]
    """By fact_id: which key takes its phrasing."""
    bits_per_parameter: float
    capacity_alarm: str | None
    estimate: Estimate
    facts: tuple[ChangedFact, ...]
    unread: tuple[str, ...] = ()
    """Sources whose files were written to after the facts were published."""


def forecast(settings: Settings, *, asked: str | None = None, force: bool = False) -> Forecast:
    """Say what `lamini run` would do about the head snapshot, and why; nothing is written.

    Raises:
        NoSnapshotError: nothing is published.
        SettingsError: an update was asked for that cannot be.
    """
    from lamini.backbone.backbone import load_backbone
    from lamini.tuning.capacity import capacity_of

    backbone = load_backbone(settings.backbone)
    fingerprint = fingerprint_of(settings, backbone)
    found = survey(settings, fingerprint, head(settings.home.warehouse))
    decision = decide(found.situation, settings.update, asked=asked, force=force)
    facts = _training_facts(found.snapshot, settings)
    update = None
    if isinstance(decision, Update):
        update = _update_forecast(settings, decision.champion, backbone, facts)
    everything = found.situation.num_facts if decision.mode == FULL else 0
    affected = () if update is None else _affected(found, update)
    capacity = capacity_of(facts, backbone.tokenizer, backbone.hidden_size)
    return Forecast(
        decision=decision.mode,
        reasons=decision.reasons,
        champion=None if found.champion is None else found.champion.run_key,
        snapshot_hash=found.snapshot.snapshot_hash,
        num_added=found.situation.num_added,
        num_changed=found.situation.num_changed,
        num_retired=found.situation.num_retired,
        num_groups_touched=everything if update is None else len(update.groups),
        num_experts_touched=_num_experts(everything) if update is None else update.num_experts,
        affected=affected,
        collisions={} if update is None else update.collisions,
        bits_per_parameter=round(capacity.bits_per_parameter, 4),
        capacity_alarm=capacity.alarm,
        estimate=estimate(settings.home.runs, decision.mode, found.situation, len(affected)),
        facts=() if found.trained is None else changed_facts(found),
    )


def _num_experts(everything: int) -> int | None:
    return None if everything else 0


def _update_forecast(
    settings: Settings, champion: Champion, backbone: Any, facts: Sequence["TrainingFact"]
) -> "UpdateForecast":
    from lamini.model.loading import load
    from lamini.update.update import forecast_update

    model = load(settings.home.checkpoint(champion.path), backbone=backbone)
    return forecast_update(model, facts)


def _training_facts(snapshot: Snapshot, settings: Settings) -> list["TrainingFact"]:
    """Return the facts as training will read them, but for their groups and shards."""
    from flows.planning.tokens import answer_counter
    from lamini.training_data import TrainingFact

    rows = snapshot.facts().to_pylist()
    names = other_names({row["subject"] for row in rows})
    counts = answer_counter(settings.backbone)([row["answer"] for row in rows])
    size = settings.memory.group_size
    return [
        TrainingFact(
            fact_id=row["fact_id"],
            subject=row["subject"],
            prompts=tuple(row["prompts"]),
            answer=row["answer"],
            cloze=row["prompt_kind"] == "cloze",
            group_index=-1,  # a known fact keeps its group, another gets a free one
            num_experts=num_experts_for(count + 1, size),
            shard_index=0,
            relation=row["relation"],
            names=names.get(row["subject"], ()),
        )
        for row, count in zip(rows, counts, strict=True)
    ]


def _affected(found: Survey, update: "UpdateForecast") -> tuple[NamedFact, ...]:
    """Return the facts that the update touches without being changed themselves."""
    columns = ["fact_id", "subject", "relation"]
    rows = found.snapshot.facts().select(columns).to_pylist()
    facts = {row["fact_id"]: NamedFact(**row) for row in rows}
    return tuple(facts[fact_id] for fact_id in update.affected)
