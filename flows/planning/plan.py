"""What is pending and what a run would do about it, read from files alone: nothing is written.

Pending is the head snapshot minus the one that the champion was trained on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flows.configuration.settings import Settings
from flows.home.champion import Champion, read_pointer
from flows.planning.decision import FULL, Situation, Update, decide
from flows.planning.estimate import Estimate, estimate
from flows.planning.recipe import recipe
from warehouse.assignment import num_experts_for
from warehouse.errors import SnapshotDamagedError
from warehouse.reference.names import other_names
from warehouse.snapshots import Changes, Snapshot, diff, head, open_snapshot

if TYPE_CHECKING:
    from lamini.training_data import TrainingFact
    from lamini.update.update import UpdatePlan


@dataclass(frozen=True, kw_only=True)
class Survey:
    """The champion, the head snapshot, and what lies between them."""

    snapshot: Snapshot
    trained: Snapshot | None
    """What the champion was trained on; null where there is no champion to build upon."""
    changes: Changes
    champion: Champion | None
    situation: Situation


def survey(settings: Settings, fingerprint: str, snapshot: Snapshot) -> Survey:
    """Look at what lies between the champion and `snapshot`.

    `fingerprint` is that of the settings' frozen models.
    """
    pointer = read_pointer(settings.home)
    champion = None if pointer is None else pointer.champion
    trained, unusable = _trained(settings, champion)
    changes = diff(trained, snapshot)
    situation = Situation(
        recipe=json.loads(json.dumps(recipe(settings, fingerprint))),
        training_hash=snapshot.training_hash,
        num_facts=int(snapshot.manifest["num_facts"]),
        num_groups=settings.memory.num_groups,
        champion=champion,
        rejected=() if pointer is None else pointer.rejected,
        unusable=unusable,
        num_added=len(changes.added),
        num_changed=len(changes.changed),
        num_retired=len(changes.retired),
    )
    return Survey(
        snapshot=snapshot,
        trained=trained,
        changes=changes,
        champion=champion,
        situation=situation,
    )


def _trained(settings: Settings, champion: Champion | None) -> tuple[Snapshot | None, str | None]:
    """Return the champion's snapshot, or why it cannot be built upon."""
    if champion is None:
        return None, None
    folder = settings.home.checkpoint(champion.path)
    if not (folder / "checkpoint.json").is_file():
        return None, f"the promoted checkpoint {folder} is gone"
    known = champion.snapshot_hash
    try:
        return open_snapshot(settings.home.snapshot(known)), None
    except SnapshotDamagedError:
        return None, f"the snapshot {known[:16]} that the champion was trained on is gone"


@dataclass(frozen=True, kw_only=True)
class ChangedFact:
    """A fact that differs from what the champion was trained on."""

    op: str
    """added, changed or retired."""
    fact_id: str
    subject: str
    relation: str
    old_answer: str | None
    """Null where there was none."""
    new_answer: str | None
    """Null where there is none."""


@dataclass(frozen=True, kw_only=True)
class NamedFact:
    """A fact by its identifier and its slot."""

    fact_id: str
    subject: str
    relation: str


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


def changed_facts(found: Survey) -> tuple[ChangedFact, ...]:
    """List what changed, each with its old and its new answer; a null where there is none."""
    old = _by_id(found.trained)
    new = _by_id(found.snapshot)
    changes = found.changes
    ops = (("added", changes.added), ("changed", changes.changed), ("retired", changes.retired))
    return tuple(
        ChangedFact(
            op=op,
            fact_id=fact_id,
            subject=(new.get(fact_id) or old[fact_id]).subject,
            relation=(new.get(fact_id) or old[fact_id]).relation,
            old_answer=old[fact_id].answer if fact_id in old else None,
            new_answer=new[fact_id].answer if fact_id in new else None,
        )
        for op, fact_ids in ops
        for fact_id in fact_ids
    )


@dataclass(frozen=True, kw_only=True)
class _Answered(NamedFact):
    answer: str


def _by_id(snapshot: Snapshot | None) -> dict[str, _Answered]:
    if snapshot is None:
        return {}
    columns = ["fact_id", "subject", "relation", "answer"]
    rows = snapshot.facts().select(columns).to_pylist()
    return {row["fact_id"]: _Answered(**row) for row in rows}


def fingerprint_of(settings: Settings, backbone: Any = None) -> str:
    """Return what tells the weights of the frozen models from any other's.

    They are the backbone's, loaded where it is not given, and a sentence encoder's.
    """
    from lamini.backbone.backbone import load_backbone
    from lamini.backbone.sentences import load_sentences

    weights = (backbone or load_backbone(settings.backbone)).fingerprint()
    named = settings.router.sentence_encoder
    return f"{weights} {load_sentences(named).fingerprint()}" if named else weights


def plan(settings: Settings, *, asked: str | None = None, force: bool = False) -> Forecast:
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
    planned = None
    if isinstance(decision, Update):
        planned = _planned(settings, decision.champion, backbone, facts)
    everything = found.situation.num_facts if decision.mode == FULL else 0
    affected = () if planned is None else _affected(found, planned)
    capacity = capacity_of(facts, backbone.tokenizer, backbone.hidden_size)
    return Forecast(
        decision=decision.mode,
        reasons=decision.reasons,
        champion=None if found.champion is None else found.champion.run_key,
        snapshot_hash=found.snapshot.snapshot_hash,
        num_added=found.situation.num_added,
        num_changed=found.situation.num_changed,
        num_retired=found.situation.num_retired,
        num_groups_touched=everything if planned is None else len(planned.groups),
        num_experts_touched=_num_experts(everything) if planned is None else planned.num_experts,
        affected=affected,
        collisions={} if planned is None else planned.collisions,
        bits_per_parameter=round(capacity.bits_per_parameter, 4),
        capacity_alarm=capacity.alarm,
        estimate=estimate(settings.home.runs, decision.mode, found.situation, len(affected)),
        facts=() if found.trained is None else changed_facts(found),
    )


def _num_experts(everything: int) -> int | None:
    return None if everything else 0


def _planned(
    settings: Settings, champion: Champion, backbone: Any, facts: Sequence["TrainingFact"]
) -> "UpdatePlan":
    from lamini.model.loading import load
    from lamini.update.update import plan_update

    model = load(settings.home.checkpoint(champion.path), backbone=backbone)
    return plan_update(model, facts)


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


def _affected(found: Survey, planned: "UpdatePlan") -> tuple[NamedFact, ...]:
    """Return the facts that the update touches without being changed themselves."""
    columns = ["fact_id", "subject", "relation"]
    rows = found.snapshot.facts().select(columns).to_pylist()
    facts = {row["fact_id"]: NamedFact(**row) for row in rows}
    return tuple(facts[fact_id] for fact_id in planned.affected)
