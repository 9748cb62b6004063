"""Write a checkpoint anew with nothing but what it says now: no older versions, no deleted rows.

Lance keeps every version of a bank, and marks deleted experts in a file beside those that hold
them. A new bank of the rows that the open version reads has none of it. The folder is replaced as a
whole, and no other checkpoint shares a file of the new bank.
"""

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import lance

from lamini.bank.bank import BankVersion
from lamini.bank.checksums import keys_sha256
from lamini.checkpoint.checkpoint import link_checkpoint, put_in_place, read_manifest
from lamini.saved import write_json, write_sealed


def rewrite_checkpoint(
    folder: Path, changed: Mapping[str, Any] | None = None, *, without: Collection[str] = ()
) -> BankVersion:
    """Replace the checkpoint by one with the open bank version alone; give that version.

    `changed` are entries of the manifest that become others. Silent keys of the facts `without` do
    not come along: their questions are then nearest to some other fact, or to none. Killed
    anywhere, `finish_rewriting` or the same call ends it.

    Raises:
        CheckpointError: the folder is no checkpoint.
    """
    finish_rewriting(folder)
    manifest = read_manifest(folder)
    staging = folder.with_name(f".{folder.name}.rewritten")
    shutil.rmtree(staging, ignore_errors=True)
    link_checkpoint(folder, staging)
    shutil.rmtree(staging / "bank")
    (staging / "checkpoint.json").unlink()  # until it is done, the folder is no checkpoint
    kept = {"experts": None, "keys": _others_than(without)}
    copies = {
        name: _copied(folder, staging, name, manifest["bank"][name], kept[name]) for name in kept
    }
    bank = BankVersion(
        experts=copies["experts"].version,
        keys=copies["keys"].version,
        keys_sha256=keys_sha256(copies["keys"]),
    )
    _settle_update(staging / "update.json", bank)
    told = {**manifest, **(changed or {}), "bank": asdict(bank)}
    write_sealed(staging / "checkpoint.json", told)
    put_in_place(staging, folder)
    return bank


def finish_rewriting(folder: Path) -> None:
    """Put a finished copy in place that a kill left aside, and remove what else it left."""
    staging = folder.with_name(f".{folder.name}.rewritten")
    if not folder.exists() and (staging / "checkpoint.json").is_file():
        staging.rename(folder)
    if folder.exists():
        for name in ("rewritten", "retired", "staging"):
            shutil.rmtree(folder.with_name(f".{folder.name}.{name}"), ignore_errors=True)


def _copied(
    source: Path, target: Path, name: str, version: int, kept: str | None
) -> lance.LanceDataset:
    old = lance.dataset(str(source / "bank" / f"{name}.lance"), version=version)
    rows = old.scanner(filter=kept).to_reader()
    return lance.write_dataset(rows, str(target / "bank" / f"{name}.lance"))


def _others_than(fact_ids: Collection[str]) -> str | None:
    if not fact_ids:
        return None
    quoted = ["'" + fact_id.replace("'", "''") + "'" for fact_id in sorted(fact_ids)]
    return f"group_index >= 0 or fact_id not in ({', '.join(quoted)})"


def _settle_update(path: Path, bank: BankVersion) -> None:
    """Let what the update says name the bank that there is; the one before it is no more."""
    if path.is_file():
        told = json.loads(path.read_text())
        write_json(path, {**told, "bank": asdict(bank), "previous": asdict(bank)})
