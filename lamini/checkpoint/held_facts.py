"""Tell which facts a checkpoint's bank holds, from its table of keys alone: no model, no torch.

Apart from `lamini.checkpoint.checkpoint`, whose imports take longer than all else that a rollback
does.
"""

from pathlib import Path

import lance

from lamini.errors import CheckpointError
from lamini.saved import read_sealed


def held_facts(folder: Path) -> frozenset[str]:
    """Return the facts (by fact_id) that the checkpoint answers with.

    Raises:
        CheckpointError: it is no checkpoint, damaged, or its bank is not there.
    """
    try:
        manifest = read_sealed(folder / "checkpoint.json")
        return _of_version(folder, int(manifest["bank"]["keys"]))
    except (CheckpointError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder} does not tell which facts it holds: {error}") from error


def held_versions(folder: Path) -> dict[int, frozenset[str]]:
    """Return the facts that every version of the bank holds, by version."""
    known = [int(entry["version"]) for entry in lance.dataset(_keys(folder)).versions()]
    return {version: _of_version(folder, version) for version in known}


def _of_version(folder: Path, version: int) -> frozenset[str]:
    keys = lance.dataset(_keys(folder), version=version)
    # Numbers below zero are silent keys: facts that are held no more.
    held = keys.to_table(columns=["fact_id"], filter="group_index >= 0")
    return frozenset(held["fact_id"].to_pylist())


def _keys(folder: Path) -> str:
    return str(folder / "bank" / "keys.lance")
