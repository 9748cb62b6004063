"""Receipts between steps: what a step did, as JSON in the run's folder, whole or absent.

A step whose receipt is there and whose outputs still stand is not done again; the run key names
everything that the outputs depend on.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import failpoints
from flows.configuration.settings import Settings
from flows.home.current_run import note
from lamini.checkpoint import FORMAT_VERSION
from lamini.config import to_dict
from lamini.saved import write_json

_SECTIONS = ("memory", "router", "router_training", "tuning")


def recipe(settings: Settings, fingerprint: str) -> dict[str, Any]:
    """Return all that a router and its experts are made of besides the facts.

    `fingerprint` is that of the frozen models.
    """
    return {
        "backbone": fingerprint,
        "format_version": FORMAT_VERSION,
        **{name: to_dict(getattr(settings, name)) for name in _SECTIONS},
    }


def run_key(settings: Settings, training_hash: str, fingerprint: str) -> str:
    """Return the name of a full run: a hash of settings, facts, backbone and format version."""
    # The router's gradient is averaged over workers, so their number is part of what it is; none
    # is one: the job in this process.
    more = {"training_hash": training_hash, "num_workers": max(1, settings.num_workers)}
    return _hash({**recipe(settings, fingerprint), **more})


def update_key(base: str, training_hash: str, made_of: Mapping[str, Any]) -> str:
    """Return the name of the run that updates the champion of run `base` to these facts."""
    return _hash({**made_of, "base": base, "training_hash": training_hash})


def _hash(parts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where one run keeps its state: HOME/runs/<run key>."""

    path: Path

    @property
    def key(self) -> str:
        return self.path.name

    def receipt(self, step: str) -> dict[str, Any] | None:
        """Return a step's receipt; None when it has none (or a damaged one)."""
        try:
            found: dict[str, Any] = json.loads(self._file(step).read_text())
        except (OSError, json.JSONDecodeError):
            return None
        return found

    def once(self, step: str, output: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the step's receipt, doing the work only when it or its output is not there."""
        found = self.receipt(step)
        if found is not None and (self.path / output).exists():
            return {**found, "is_reused": True}
        home = self.path.parent.parent
        note(home, step=step)
        started = time.monotonic()
        receipt = {**work(), "seconds": round(time.monotonic() - started, 1)}
        failpoints.reach(f"{step}.before_receipt")
        write_json(self._file(step), receipt)
        return {**receipt, "is_reused": False}

    def forget(self, *steps: str) -> None:
        """Drop receipts, so that the steps are done again."""
        for step in steps:
            self._file(step).unlink(missing_ok=True)

    def _file(self, step: str) -> Path:
        return self.path / "receipts" / f"{step}.json"
