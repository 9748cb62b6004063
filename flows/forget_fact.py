"""Forget a fact on request: out of what is decided, out of the model, proved, and for good.

    lamini forget --subject SUBJECT --relation RELATION [--purge]

Reads: the catalogue, HOME/same_as.toml, the champion. Writes: a tombstone, a snapshot without the
fact, and a champion without it (an update, judged by the gate like any other). Killed anywhere, the
same command goes on.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from prefect import flow
from prefect.logging.handlers import APILogWorker

from flows import failpoints
from flows.configuration.settings import Settings
from flows.errors import GateError, SettingsError
from flows.forgetting.forgotten import Forgotten, Lifted, ModelWithout, NoModel, Silence
from flows.forgetting.holdings import holdings, other_files
from flows.forgetting.purge import purge_slot, read_journal
from flows.forgetting.slot import Slot, names
from flows.home.champion import Champion, changing, promoted, read_pointer
from flows.home.current_run import note
from flows.home.decided import Decided
from flows.home.receipts import Measured, Proof, Updated
from flows.home.run_folder import RunFolder
from flows.home.run_lock import run_lock
from flows.home.turn import turn
from flows.memorize import assigned_facts, candidate_run
from flows.planning.decision import INCREMENTAL, decide_update
from flows.planning.recipe import fingerprint_of, update_key
from flows.planning.survey import Survey, survey
from flows.reconcile_facts import reconcile_and_publish, reconcile_by
from flows.servers.services import Services
from flows.tracking.open_flow_runs import remember_flow_run, settle_flow_runs
from flows.tracking.orphans import settle_tracking
from flows.tracking.run_records import open_tracked
from flows.update_run import update_champion
from warehouse import tombstones
from warehouse.catalogue import open_catalogue
from warehouse.explanations import explain
from warehouse.snapshots import head, open_snapshot, published_dates


def forget(
    settings: Settings,
    subject: str,
    relation: str,
    *,
    reason: str = tombstones.DEFAULT_REASON,
    purge: bool = False,
) -> Forgotten:
    """Forget the fact; give what was done, the proof, and what still holds it.

    Raises:
        SettingsError: no claim is about it, or the champion cannot be updated.
        GateError: the update failed; the champion still holds the fact, the tombstone stands.
    """
    home = settings.home
    with turn(home):
        command = f"lamini forget{' --purge' * purge}"
        note(home, step="forget", mode=INCREMENTAL, command=command)
        settings = settings.model_copy(update={"as_of": _head_date(settings)})
        slot = _bury(settings, subject, relation, reason)
        journal = read_journal(settings, slot)
        decided = publish(settings)
        failpoints.reach("forget.after_publishing")
        _out_of_the_model(settings, slot, decided, reason, bring_up=purge)
        model, purged = _without(settings, slot, journal.prompts), None
        if purge:
            with changing(home):
                purged = purge_slot(settings, slot, journal, lambda: publish(settings))
            # The place of its questions is gone too, so they may be nearest to another fact now.
            if isinstance(model, ModelWithout):
                model = replace(model, silence=_silence(settings, journal.prompts))
        # The catalogue's text is what --undo brings back.
        held = holdings(home, slot.fact_ids)
        return Forgotten(
            subject=slot.subjects[0],
            other_names=slot.subjects[1:],
            relation=slot.relation,
            reason=slot.tombstones[0].reason,
            forgotten_at=slot.tombstones[0].recorded_at.isoformat(timespec="seconds"),
            counts=None if decided is None else decided.counts,
            model=model,
            asserted_by=journal.asserted_by,
            purge=purged,
            still_held=[*held, *other_files(home, held, journal.texts)],
        )


def lift(settings: Settings, subject: str, relation: str) -> Lifted:
    """Take the tombstone away, so that the claims count again; training is the next run's.

    Raises:
        SettingsError: there is none.
    """
    with run_lock(settings.home):
        settings = settings.model_copy(update={"as_of": _head_date(settings)})
        subjects = names(settings.home, subject)
        with open_catalogue(settings.home.warehouse) as con:
            standing = tombstones.standing(con, subjects, relation)
            if not standing:
                raise SettingsError(
                    f"({subject!r}, {relation!r}) is not forgotten: no tombstone stands for "
                    f"{', '.join(map(repr, subjects))}; `lamini why` tells what became of a claim"
                )
            tombstones.lift(con, standing)
            tombstones.publish_tombstones(con, settings.home.warehouse)
        decided = publish(settings)
    return Lifted(
        subject=subjects[0],
        relation=relation,
        lifted=len(standing),
        was_purged=any(tombstone.purged_at is not None for tombstone in standing),
        counts=None if decided is None else decided.counts,
    )


def publish(settings: Settings) -> Decided | None:
    """Decide anew as of the head's date and publish; null where nothing was ever published."""
    if not settings.home.head.is_file():
        return None
    return reconcile_by(settings, reconcile_and_publish.fn)


def _head_date(settings: Settings) -> date:
    # Forgetting is no reason for facts of another day.
    if not settings.home.head.is_file():
        return settings.as_of
    name = head(settings.home.warehouse).path.name
    dates = [
        day
        for day, snapshot in published_dates(settings.home.warehouse).items()
        if snapshot == name
    ]
    return date.fromisoformat(dates[-1]) if dates else settings.as_of


def _bury(settings: Settings, subject: str, relation: str, reason: str) -> Slot:
    subjects = names(settings.home, subject)
    with open_catalogue(settings.home.warehouse) as con:
        standing = tombstones.standing(con, subjects, relation)
        if not standing and not tombstones.is_claimed(con, subjects, relation):
            raise SettingsError(_unknown(settings, subject, relation))
        standing = tombstones.add(con, subjects, relation, reason)
        tombstones.publish_tombstones(con, settings.home.warehouse)
    return Slot(subjects=tuple(subjects), relation=relation, tombstones=tuple(standing))


def _unknown(settings: Settings, subject: str, relation: str) -> str:
    near: list[str] = []
    if settings.home.head.is_file():
        found = explain(head(settings.home.warehouse), subject, relation)
        near = [*found.nearest_subjects, *found.nearest_relations]
    return (
        f"no claim about ({subject!r}, {relation!r}), so there is nothing to forget; "
        f"near: {', '.join(map(repr, near)) or 'nothing'}"
    )


def _out_of_the_model(
    settings: Settings, slot: Slot, decided: Decided | None, reason: str, *, bring_up: bool
) -> None:
    """Update the champion if it holds the fact; `bring_up`: also if it is behind in anything."""
    if decided is None or read_pointer(settings.home) is None:
        return
    snapshot = open_snapshot(decided.path)
    found = survey(settings, fingerprint_of(settings), snapshot)
    if not holds_any(settings, slot.fact_ids) and not (bring_up and found.situation.num_pending):
        return
    try:
        decision = decide_update(found.situation)
    except SettingsError as error:
        raise SettingsError(
            f"the tombstone stands, so no later run learns the fact, but the promoted model still "
            f"holds it: {error}. Train one without it: lamini run --full"
        ) from None
    with Services(settings.home.path) as services:
        services.wait_ready()
        settle_flow_runs(settings.home)
        try:
            forget_fact(settings, found, decision.champion, decided, reason)
        finally:
            # The last lines go out in batches, and would find the server gone.
            APILogWorker.drain_all(timeout=10)


@flow(validate_parameters=False, flow_run_name="forget a fact")  # its name would stay
def forget_fact(
    settings: Settings, found: Survey, base: Champion, decided: Decided, reason: str
) -> None:
    """Make the next champion one without the fact; the gate judges it as any update."""
    remember_flow_run(settings.home)
    settle_tracking(settings.home)
    assigned = assigned_facts(settings, found.snapshot.path)
    made_of = found.situation.recipe
    key = update_key(base.run_key, found.situation.training_hash, made_of)
    folder = RunFolder(path=settings.home.run(key))
    tracked = open_tracked(settings, key, decided, INCREMENTAL, f"a fact is forgotten: {reason}")
    update_champion(candidate_run(settings, tracked, folder, assigned, found), base)


def holds_any(settings: Settings, fact_ids: Sequence[str]) -> bool:
    """Whether the promoted checkpoint answers with one of these facts."""
    from lamini.checkpoint.held_facts import held_facts

    pointer = read_pointer(settings.home)
    if pointer is None:
        return False
    return bool(held_facts(settings.home.checkpoint(pointer.champion.path)) & {*fact_ids})


def _without(settings: Settings, slot: Slot, prompts: Sequence[str]) -> ModelWithout | NoModel:
    """Show that the champion is without the fact, and what the update compared on the way."""
    pointer = read_pointer(settings.home)
    if pointer is None:
        return NoModel()
    key = pointer.champion.run_key
    if holds_any(settings, slot.fact_ids):
        raise GateError(f"run {key} still holds the fact; forget it again")
    folder = RunFolder(path=settings.home.run(key))
    updated, measured = folder.read(Updated) or Updated(), folder.read(Measured) or Measured()
    by_this_run = bool({*updated.retired} & {*slot.fact_ids})
    return ModelWithout(
        run_key=key,
        removed_by_this_run=by_this_run,
        groups=updated.groups if by_this_run else (),
        proof=measured.proof if by_this_run else Proof(),
        silence=_silence(settings, prompts),
    )


def _silence(settings: Settings, prompts: Sequence[str]) -> Silence:
    """Ask the champion the fact's own prompts, as questions and as unfinished statements."""
    from lamini.backbone.backbone import load_backbone
    from lamini.model.loading import load
    from lamini.proof.untouched import compare_silence
    from lamini.workers import fix_arithmetic

    fix_arithmetic()
    folder = settings.home.checkpoint(promoted(settings.home).champion.path)
    model = load(folder, backbone=load_backbone(settings.backbone))
    asked = [compare_silence(model, prompts, cloze=cloze) for cloze in (False, True) if prompts]
    differing = [prompt for part in asked for prompt in part.differing]
    if differing:
        raise GateError(
            f"{len(differing)} prompts of the fact read no expert and yet differ from the backbone"
        )
    return Silence(
        prompts_asked=sum(part.num_prompts for part in asked),
        prompts_as_the_backbone=sum(part.num_prompts - len(part.reading) for part in asked),
        prompts_that_read_another_fact=tuple(sorted({p for part in asked for p in part.reading})),
    )
