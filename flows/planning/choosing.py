"""Find the snapshot that is meant: by name, by hash, by date, or rebuilt for a pair of moments.

Reads: HOME/warehouse/HEAD.json and its snapshots, HOME/HEAD_CHECKPOINT.json; to rebuild one, the
catalogue. Writes: what is rebuilt, into HOME/warehouse/snapshots; the head stays.
"""

from datetime import UTC, date, datetime
from pathlib import Path

from flows.configuration.settings import Settings
from flows.errors import NothingYetError, SettingsError
from flows.home.champion import promoted
from flows.home.home import Home
from warehouse.errors import CatalogueLockedError
from warehouse.snapshots import Snapshot, head, open_snapshot, published_dates

PROMOTED = ("promoted", "champion")
NAMES = "head, promoted, the beginning of a snapshot's hash, or a date"


def chosen_snapshot(home: Home, name: str) -> Snapshot:
    """Return the snapshot that `name` means.

    A date means the one published with the latest as-of date up to it.

    Raises:
        SettingsError: no snapshot is meant by it, or several are.
        NoSnapshotError: nothing is published.
        NothingYetError: no checkpoint was promoted.
    """
    newest = head(home.warehouse)
    if name == "head":
        return newest
    if name in PROMOTED:
        return _of_checkpoint(home)
    try:
        day = date.fromisoformat(name)
    except ValueError:
        return _by_hash(home.snapshots, name)
    return _by_date(home, day)


def snapshot_of_moments(settings: Settings, known_at: str | None) -> Snapshot:
    """Rebuild the facts of `settings.as_of` as they were known at a moment (null: now).

    Raises:
        SettingsError: `known_at` is no moment.
        CatalogueLockedError: another process is writing; the message says what works meanwhile.
        NoSnapshotError: nothing is published.
    """
    from flows.planning.tokens import answer_counter
    from warehouse.catalogue import open_catalogue
    from warehouse.facts import ReconcileSettings, rebuild

    head(settings.home.warehouse)
    moments = ReconcileSettings(
        as_of=settings.as_of,
        known_at=_moment(known_at),
        count_tokens=answer_counter(settings.backbone),
        max_answer_tokens=settings.tuning.max_answer_tokens - 1,
    )
    try:
        with open_catalogue(settings.home.warehouse) as con:
            return rebuild(con, settings.home.warehouse, moments)
    except CatalogueLockedError as error:
        raise CatalogueLockedError(
            f"{error}; the facts of other moments are rebuilt from the catalogue, those of the "
            "head need no --as-of and no --known-at and never wait"
        ) from None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"known_at = {text!r} is no moment; give one such as 2026-01-31 or 2026-01-31T14:30, "
            "in UTC"
        ) from None
    if len(text) == len("2026-01-31"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _of_checkpoint(home: Home) -> Snapshot:
    found = promoted(home).champion.snapshot_hash
    folder = home.snapshot(found)
    if not folder.is_dir():
        raise NothingYetError(
            f"the promoted checkpoint was made from the snapshot {found[:16]}, "
            "which is not there any more"
        )
    return open_snapshot(folder)


def _by_hash(folder: Path, name: str) -> Snapshot:
    known = sorted(path.name for path in folder.iterdir() if path.is_dir())
    # Folders bear the first 16 digits of the hash.
    found = [each for each in known if name and each.startswith(name[:16].lower())]
    if len(found) != 1:
        what = f"may be {', '.join(found)}" if found else "is none"
        raise SettingsError(
            f"snapshot {name!r} {what}; give {NAMES}; there are: {', '.join(known)}"
        )
    return open_snapshot(folder / found[0])


def _by_date(home: Home, day: date) -> Snapshot:
    dates = published_dates(home.warehouse)
    until = [each for each in dates if each <= day.isoformat()]
    if not until:
        raise SettingsError(
            f"nothing was published as of {day} or before; there are: {', '.join(dates)}"
        )
    return open_snapshot(home.snapshot(dates[until[-1]]))
