"""What a run is about, known before its work: RUN/about.json, for whoever tells of it later."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from flows.home.champion import read_pointer
from flows.home.home import Home
from flows.home.told import Told
from warehouse.durable import write_json

_FILE = "about.json"


class ChampionBefore(Told):
    """The champion that a run found; empty where nothing was promoted."""

    run_key: str | None = None
    path: str | None = None
    snapshot_hash: str | None = None
    as_of: str | None = None
    mode: str | None = None
    num_facts: int | None = None


class About(Told):
    """Why a run was begun, of which facts, with which settings, and where its pages are."""

    mode: str = ""
    why: str = ""
    as_of: str | None = None
    num_facts: int = 0
    snapshot_hash: str = ""
    settings: Mapping[str, object] = {}
    """One level of names and plain values."""
    mlflow_run_id: str = ""
    mlflow_url: str = ""
    prefect_url: str = ""
    prepared_seconds: float | None = None
    run_key: str = ""
    started_at: str | None = None
    champion_before: ChampionBefore = ChampionBefore()


def write_about(home: Home, key: str, about: About) -> None:
    """Keep what the run of `key` is about, beside the champion that it found.

    A run that goes on after a kill keeps its beginning and the champion that it found first.
    """
    path = home.run(key) / _FILE
    known = read_about(path.parent)
    before = _champion(home)
    if known.run_key and before.run_key == key:
        before = known.champion_before
    started = known.started_at or datetime.now(tz=UTC).isoformat(timespec="seconds")
    more = {"run_key": key, "started_at": started, "champion_before": before}
    write_json(about.model_copy(update=more).told(), path)


def read_about(folder: Path) -> About:
    """Return what the run in `folder` is about; empty where it did not say, or it is damaged."""
    try:
        return About(**json.loads((folder / _FILE).read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, TypeError, ValidationError):
        return About()


def _champion(home: Home) -> ChampionBefore:
    pointer = read_pointer(home)
    if pointer is None:
        return ChampionBefore()
    told = pointer.champion.told()
    return ChampionBefore(**{name: told.get(name) for name in ChampionBefore.model_fields})
