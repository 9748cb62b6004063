"""Show long work: a bar for a person at a terminal, plain lines elsewhere, Prefect's artifact."""

import contextlib
import time
from types import TracebackType
from typing import Any, Self

from prefect.artifacts import create_progress_artifact, update_progress_artifact
from rich.console import Console  # noqa: TID251 - it shows names and numbers of ours alone
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

_PLAIN_SECONDS = 10.0


class Progress:
    """The progress of one stage, fed with the newest metrics of its MLflow run."""

    def __init__(self, title: str, total: float, done_key: str, shown_key: str) -> None:
        self.title = title
        self.total = total
        self.done_key = done_key
        self.shown_key = shown_key
        self.console = Console(stderr=True)
        self.last_plain = 0.0

    def update(self, numbers: dict[str, float]) -> None:
        """Show where the stage stands."""
        done = numbers.get(self.done_key, 0.0)
        key = self.shown_key if self.shown_key in numbers else list(numbers)[-1]
        detail = "" if key == self.done_key else f"{key.replace('_', ' ')} {numbers[key]:.4g}"
        if self.console.is_terminal:
            self.bar.update(self.row, completed=done, detail=detail)
        elif time.monotonic() - self.last_plain >= _PLAIN_SECONDS:
            self.last_plain = time.monotonic()
            self.console.print(f"{self.title}: {done:.0f}/{self.total:.0f} {detail}")
        with contextlib.suppress(Exception):
            update_progress_artifact(self.artifact, progress=min(100.0, 100 * done / self.total))

    def __enter__(self) -> Self:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[detail]}"),
            TimeElapsedColumn(),
        )
        self.bar = Bar(*columns, console=self.console, transient=True)
        self.row = self.bar.add_task(self.title, total=self.total, detail="starting workers")
        key = self.title.replace(" ", "-")
        with contextlib.suppress(Exception):
            self.artifact: Any = create_progress_artifact(
                progress=0.0, key=key, description=self.title
            )
        if self.console.is_terminal:
            self.bar.start()
        else:
            self.console.print(f"{self.title}: starting workers")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:
            self.bar.stop()
        if kind is None:
            with contextlib.suppress(Exception):
                update_progress_artifact(self.artifact, progress=100.0)
