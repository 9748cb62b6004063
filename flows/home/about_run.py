"""What a run is about, known before its work: RUN/about.json, for whoever tells of it later."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.home.champion import read_pointer
from flows.home.home import Home
from warehouse.durable import write_json

_FILE = "about.json"


def write_about(home: Home, key: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what the run of `key` is about, beside the champion that it found; give all of it.

    A run that goes on after a kill keeps its beginning and the champion that it found first.
    """
    path = home.run(key) / _FILE
    known = read_about(path.parent)
    champion = _champion(home)
    if known and champion.get("run_key") == key:
        champion = known.get("champion_before", {})
    started = known.get("started_at") or datetime.now(tz=UTC).isoformat(timespec="seconds")
    values = {**about, "run_key": key, "started_at": started, "champion_before": champion}
    write_json(values, path)
    return values


def read_about(folder: Path) -> dict[str, Any]:
    """Return what the run in `folder` is about; empty where it did not say, or it is damaged."""
    try:
        found: dict[str, Any] = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return {}
    return found


def _champion(home: Home) -> dict[str, Any]:
    pointer = read_pointer(home)
    told = {} if pointer is None else pointer.champion.told()
    names = ("run_key", "path", "snapshot_hash", "as_of", "mode", "num_facts")
    return {name: told.get(name) for name in names} if told else {}
