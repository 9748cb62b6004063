"""Receipts between steps: what a step did, as JSON in the run's folder, whole or absent.

A step whose receipt is there and whose outputs still stand is not done again; the run key names
everything that the outputs depend on.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows import failpoints
from flows.home.current_run import note
from flows.home.home import Home
from lamini.saved import write_json
from warehouse.errors import OutsideHomeError
from warehouse.within import within


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
        """Return the step's receipt, doing the work only when it or its output is not there.

        A receipt whose file lies elsewhere is of a home that was moved, or of somebody else's.
        """
        home = Home(self.path.parents[1])
        found = self.receipt(step)
        if found is not None and (self.path / output).exists() and _is_within(home, found):
            return {**found, "is_reused": True}
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


def _is_within(home: Home, receipt: Mapping[str, Any]) -> bool:
    try:
        within(home.path, str(receipt.get("path", "")))
    except OutsideHomeError:
        return False
    return True
