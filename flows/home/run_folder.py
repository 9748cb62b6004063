"""The folder of one run, with a receipt for each step: JSON, whole or absent.

A step whose receipt is there and whose outputs still stand is not done again; the run key names
everything that the outputs depend on.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from flows import failpoints
from flows.home.current_run import note
from flows.home.home import Home
from flows.home.receipts import (
    Judged,
    Measured,
    Promoted,
    Receipt,
    Receipts,
    Trained,
    Updated,
    Written,
)
from lamini.saved import write_json
from warehouse.errors import OutsideHomeError
from warehouse.within import within

Kind = TypeVar("Kind", bound=Receipt)


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Where one run keeps its state: HOME/runs/<run key>."""

    path: Path

    @property
    def run_key(self) -> str:
        return self.path.name

    def read(self, kind: type[Kind]) -> Kind | None:
        """Return a step's receipt; None when it has none (or a damaged one)."""
        told = self.told(kind.step)
        try:
            return None if told is None else kind(**told)
        except ValidationError:
            return None

    def told(self, step: str) -> dict[str, Any] | None:
        """Return a step's receipt as it stands in its file, for those who show it."""
        try:
            found: dict[str, Any] = json.loads(self._file(step).read_text())
        except (OSError, json.JSONDecodeError):
            return None
        return found

    def receipts(self) -> Receipts:
        """Return what all steps left."""
        return Receipts(
            trained=self.read(Trained),
            updated=self.read(Updated),
            written=self.read(Written),
            measured=self.read(Measured),
            judged=self.read(Judged),
            promoted=self.read(Promoted),
        )

    def leave(self, receipt: Receipt) -> None:
        """Write a receipt, whole or not at all."""
        write_json(self._file(receipt.step), receipt.told())

    def once(self, kind: type[Kind], output: str, work: Callable[[], Kind]) -> Kind:
        """Return the step's receipt, doing the work only when it or its output is not there.

        A receipt whose file lies elsewhere is of a home that was moved, or of somebody else's.
        """
        home = Home(self.path.parents[1])
        found = self.read(kind)
        if found is not None and (self.path / output).exists() and _is_within(home, found):
            return found
        note(home, step=kind.step)
        started = time.monotonic()
        done = work()
        receipt = done.model_copy(update={"seconds": round(time.monotonic() - started, 1)})
        failpoints.reach(f"{kind.step}.before_receipt")
        self.leave(receipt)
        return receipt

    def drop(self, *steps: str) -> None:
        """Drop receipts, so that the steps are done again."""
        for step in steps:
            self._file(step).unlink(missing_ok=True)

    def _file(self, step: str) -> Path:
        return self.path / "receipts" / f"{step}.json"


def _is_within(home: Home, receipt: Receipt) -> bool:
    try:
        within(home.path, str(getattr(receipt, "path", "")))
    except OutsideHomeError:
        return False
    return True
