"""Where training sends its numbers; the caller decides what becomes of them."""

from typing import Protocol


class Recorder(Protocol):
    """Receives a step's numbers. Every rank calls it at the same points, so it may be a barrier."""

    def log(self, step: int, numbers: dict[str, float]) -> None:
        """Take the numbers of `step`."""


class SilentRecorder:
    """Keeps the numbers in a list, for tests and for runs without a tracker."""

    def __init__(self) -> None:
        self.history: list[tuple[int, dict[str, float]]] = []

    def log(self, step: int, numbers: dict[str, float]) -> None:
        self.history.append((step, numbers))
