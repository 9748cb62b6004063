"""Purge a forgotten fact: nothing under the home holds it any more; every file is searched.

Writes: HOME/forgetting-<hash>.json while it works (what is looked for; removed when nothing is
left), the catalogue, a snapshot, every kept checkpoint anew, the pointer; removes checkpoints,
snapshots and assignments that hold the fact; cleans recall tables, reports, the databases of MLflow
and Prefect, logs. Killed anywhere, the same command goes on.
"""

import json
import shutil
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flows import failpoints
from flows.configuration.settings import Settings
from flows.errors import GateError
from flows.forgetting.holdings import files_with, in_tables, mentions
from flows.forgetting.scrub import files_of, holds, scrub
from flows.forgetting.slot import Slot
from flows.home.champion import Champion, Pointer, read_pointer
from flows.home.home import Home
from lamini.checkpoint.checkpoint import read_manifest
from lamini.checkpoint.held_facts import held_versions
from lamini.checkpoint.rewriting import finish_rewriting, rewrite_checkpoint
from warehouse import tombstones
from warehouse.catalogue import open_catalogue, rewrite_catalogue
from warehouse.durable import write_json
from warehouse.snapshots import Snapshot, drop_dates, head
from warehouse.tombstones import SlotTexts

MIN_BYTES = 6
"""A shorter value stands by chance in any file: it is not looked for."""
_BACKBONE = ("tokenizer", "vocab", "merges", "special_tokens", "added_tokens", "config.json")
"""Files of a checkpoint that are the backbone's: its vocabulary is no memory of the fact."""
_OURS = ("runs", "mlflow", "logs", "prefect", "warehouse/recall")
_WORDS = "single words of its phrasings, whose rarity the frozen router keeps until a full run"


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What is to be looked for, kept in the home until nothing is left."""

    asserted_by: Sequence[Mapping[str, object]] = ()
    """The rows of the sources that assert it: source, file, row."""
    values: Sequence[str] = ()
    prompts: Sequence[str] = ()
    texts: Sequence[str] = ()
    """Values that tell the fact from any other."""
    keys: Sequence[str] = ()
    """Its fact_ids and prompts."""
    not_looked_for: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Left:
    """A file in which the fact still stands."""

    path: str
    """From the home."""
    why: str


@dataclass(frozen=True, kw_only=True)
class LookedFor:
    """How much was looked for in every file."""

    texts: int
    ids_and_prompts: int


@dataclass(frozen=True, kw_only=True)
class Purged:
    """What a purge wrote anew, removed and cleaned, and what is left."""

    rewritten_checkpoints: Sequence[str]
    dropped_champions: Sequence[str]
    removed: Sequence[str]
    cleaned: Sequence[str]
    catalogue_shrank_by_bytes: int
    looked_for: LookedFor
    not_looked_for: Sequence[str]
    pictures_not_read: int
    left: Sequence[Left]


def purge_slot(
    settings: Settings, slot: Slot, journal: Journal, publish: Callable[[], object]
) -> Purged:
    """Purge what the journal tells to look for; give what was done, and what is left.

    `publish` decides anew what the catalogue then says, and makes it the head.

    Raises:
        GateError: the champion does not hold the published facts; nothing was removed.
    """
    from flows.tracking.registry import drop_versions  # slow

    home = settings.home
    # Once the catalogue is purged, nobody else knows what to look for.
    write_json(asdict(journal), _journal_path(home, slot))
    texts, keys = journal.texts, journal.keys
    _purge_catalogue(settings, slot, journal)
    publish()
    published = head(settings.home.warehouse)
    failpoints.reach("purge.after_catalogue")
    kept, dropped = _sort_out(settings, slot, published)
    anew = None if kept is None else _rewrite(settings, slot, kept, published)
    failpoints.reach("purge.after_rewriting")
    if anew is not None:
        anew.write(home)
    failpoints.reach("purge.after_pointer")
    stay = [] if kept is None else [one.run_key for one in (kept.champion, *kept.history)]
    removed = _remove_runs(settings, slot, stay, [*texts, *keys])
    removed += _remove_published(settings, slot, published)
    drop_versions(home, {*dropped, *(path.removeprefix("runs/") for path in removed)})
    cleaned, refused = _scrub_all(home, texts, keys)
    failpoints.reach("purge.after_scrubbing")
    shrunk = rewrite_catalogue(settings.home.warehouse)
    left = [path for path in files_with(home.path, [*texts, *keys]) if _counts(home, path)]
    left = [
        path for path in left if path.parent != home.path or not path.name.startswith("forgetting-")
    ]
    if not left:
        _journal_path(home, slot).unlink()
    return Purged(
        rewritten_checkpoints=stay,
        dropped_champions=dropped,
        removed=removed,
        cleaned=cleaned,
        catalogue_shrank_by_bytes=shrunk,
        looked_for=LookedFor(texts=len(texts), ids_and_prompts=len(keys)),
        not_looked_for=journal.not_looked_for,
        pictures_not_read=sum(path.suffix == ".png" for path in files_of(home.path)),
        left=[
            Left(
                path=str(path.relative_to(home.path)),
                why=refused.get(path, "not a file of ours"),
            )
            for path in left
        ],
    )


def _journal_path(home: Home, slot: Slot) -> Path:
    return home.journal(slot.tombstones[0].purged_id)


def read_journal(settings: Settings, slot: Slot) -> Journal:
    """Return all that is known of the fact: by the catalogue, and by a purge that was killed."""
    path = _journal_path(settings.home, slot)
    known = Journal(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else Journal()
    with open_catalogue(settings.home.warehouse) as con:
        found = tombstones.texts_of(con, slot.fact_ids)
        asserted = tombstones.origins_of(con, slot.fact_ids)
    sought = _sought(slot, found)
    return Journal(
        asserted_by=asserted or known.asserted_by,
        values=sorted({*known.values, *sought.values}),
        prompts=sorted({*known.prompts, *sought.prompts}),
        texts=sorted({*known.texts, *sought.texts}),
        keys=sorted({*known.keys, *sought.keys}),
        not_looked_for=sorted({*known.not_looked_for, *sought.not_looked_for}),
    )


def _sought(slot: Slot, found: SlotTexts) -> Journal:
    short = [value for value in found.values if len(value.encode()) < MIN_BYTES]
    vague = {*short, *found.shared}
    return Journal(
        values=found.values,
        prompts=found.prompts,
        texts=[value for value in found.values if value not in vague],
        keys=[*slot.fact_ids, *(text for text in found.prompts if text not in vague)],
        not_looked_for=[
            _WORDS,
            *(f"a value of fewer than {MIN_BYTES} bytes" for _ in short[:1]),
            *("texts that claims about other facts hold too" for _ in found.shared[:1]),
        ],
    )


def _purge_catalogue(settings: Settings, slot: Slot, journal: Journal) -> None:
    with open_catalogue(settings.home.warehouse) as con:
        tombstones.purge(con, slot.tombstones, slot.subjects, journal.values, journal.texts)
        tombstones.publish_tombstones(con, settings.home.warehouse)


def _sort_out(
    settings: Settings, slot: Slot, published: Snapshot
) -> tuple[Pointer | None, list[str]]:
    """Return the pointer with those that stay, and the runs that go."""
    pointer = read_pointer(settings.home)
    if pointer is None:
        return None, []
    champion = pointer.champion
    if champion.training_hash != published.training_hash:
        raise GateError(
            f"the champion, run {champion.run_key}, was trained on other facts than those that "
            "are published, so its snapshot cannot be replaced; lamini run, then purge again"
        )
    stays = tuple(one for one in pointer.history if not _is_stained(settings, slot, one))
    gone = [one.run_key for one in pointer.history if one not in stays]
    return replace(pointer, history=stays), gone


def _is_stained(settings: Settings, slot: Slot, one: Champion) -> bool:
    folder = settings.home.checkpoint(one.path)
    snapshot = settings.home.snapshot(one.snapshot_hash)
    if not (folder / "checkpoint.json").is_file() or not snapshot.is_dir():
        return True
    now = held_versions(folder).get(int(read_manifest(folder)["bank"]["keys"]), frozenset())
    return bool(now & {*slot.fact_ids}) or mentions(snapshot, slot.fact_ids)


def _rewrite(settings: Settings, slot: Slot, kept: Pointer, published: Snapshot) -> Pointer:
    """Write every kept checkpoint anew; give the pointer with their bank versions."""

    def rewritten(one: Champion, changed: Mapping[str, str]) -> Champion:
        folder = settings.home.checkpoint(one.path)
        finish_rewriting(folder)
        bank = asdict(rewrite_checkpoint(folder, changed, without=slot.fact_ids))
        return one.model_copy(update={"bank": bank, **changed})

    now = {"snapshot_hash": published.snapshot_hash}
    champion = rewritten(kept.champion, now)
    history = tuple(rewritten(one, {}) for one in kept.history)
    return replace(kept, champion=champion, history=history)


def _remove_runs(
    settings: Settings, slot: Slot, stay: Sequence[str], texts: Sequence[str]
) -> list[str]:
    """Remove the runs that hold the fact and are not kept; give their keys."""
    removed = []
    for folder in sorted(settings.home.runs.glob("[!.]*")):
        if folder.name in stay or not folder.is_dir():
            continue
        assignment = folder / "assignment.parquet"
        if in_tables([assignment], frozenset(slot.fact_ids)) or files_with(folder, texts):
            folder.rename(folder.with_name(f".gone-{folder.name}"))
            removed.append(folder.name)
            failpoints.reach("purge.while_removing")
    for folder in settings.home.runs.glob(".gone-*"):
        shutil.rmtree(folder)
    return [f"runs/{name}" for name in removed]


def _remove_published(settings: Settings, slot: Slot, published: Snapshot) -> list[str]:
    """Remove snapshots and assignments with a row about the slot; give their paths."""
    home = settings.home
    snapshots = [
        path
        for path in sorted(home.snapshots.glob("*"))
        if path != published.path and mentions(path, slot.fact_ids)
    ]
    assignments = [
        path
        for path in sorted(home.assignments.glob("*.parquet"))
        if in_tables([path], frozenset(slot.fact_ids))
    ]
    drop_dates(home.warehouse, {path.name for path in snapshots})
    for path in snapshots:
        shutil.rmtree(path)
    for path in assignments:
        path.unlink()
    return [str(path.relative_to(settings.home.path)) for path in (*snapshots, *assignments)]


def _scrub_all(
    home: Home, texts: Sequence[str], keys: Sequence[str]
) -> tuple[list[str], dict[Path, str]]:
    """Take the texts out of every file of ours; give those cleaned, and why others were not."""
    cleaned, refused = [], {}
    for name in _OURS:
        for path in files_of(home.path / name):
            if not _counts(home, path) or not holds(path, [*texts, *keys]):
                continue
            try:
                if not scrub(path, texts, keys):
                    refused[path] = "of a kind that cannot be cleaned"
                    continue
            except (OSError, ValueError, sqlite3.Error) as error:
                refused[path] = f"{error}; stop the servers, then run the same command again"
                continue
            cleaned.append(str(path.relative_to(home.path)))
    return cleaned, refused


def _counts(home: Home, path: Path) -> bool:
    return not (path.parent.name == "checkpoint" and path.name.startswith(_BACKBONE))
