"""What lies between the champion and the head snapshot, fact by fact; from files alone."""

import json
from dataclasses import dataclass

from flows.configuration.settings import Settings
from flows.home.champion import Champion, read_pointer
from flows.planning.decision import Situation
from flows.planning.recipe import recipe
from warehouse.errors import SnapshotDamagedError
from warehouse.snapshots import Changes, Snapshot, diff, open_snapshot


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
