"""What flows raises, and the exit code of every error that reaches the command line.

All of them take one message, so that they pickle (Ray and Prefect ship exceptions); what programs
want of it lies beside it.
"""

import sys
from dataclasses import asdict

from warehouse.errors import (
    ContractError,
    NoSnapshotError,
    RetryableError,
    WarehouseError,
    Where,
)

UNEXPECTED = 1
USAGE = 2
BAD_INPUT = 3
RETRYABLE = 4
CHECK_FAILED = 5
NOTHING_YET = 6
INTERRUPTED = 130


class FlowsError(Exception):
    """Base of every error this package raises on purpose."""

    def __init__(self, message: object = "", *, where: Where | None = None) -> None:
        super().__init__(message)
        self.where = where or Where()


class SettingsError(FlowsError, ValueError):
    """A setting is unknown, of the wrong type or out of range; the message says where it stands."""


class ServiceError(FlowsError):
    """A server did not come up; the message ends with the tail of its log."""


class GateError(FlowsError):
    """A check that must pass did not; what it guards was left as it was."""


class PointerDamagedError(FlowsError):
    """The file that names the champion cannot be followed; the message says why, and what to do."""


class DatabaseDamagedError(FlowsError):
    """MLflow's or Prefect's database of a home cannot be read; the message says what heals it."""


class JobFailedError(FlowsError):
    """Work on a cluster failed, as nobody foresaw; the message has the end of its log."""


class NothingYetError(FlowsError):
    """An earlier step has not run yet; the message names its command."""


def exit_code(error: BaseException) -> int | None:
    """Return the exit code of an error raised on purpose; null for one that nobody foresaw."""
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    if isinstance(error, RetryableError):
        return RETRYABLE
    if isinstance(error, NoSnapshotError | NothingYetError):
        return NOTHING_YET
    if isinstance(error, GateError | ServiceError | ContractError):
        return CHECK_FAILED
    if isinstance(error, JobFailedError):
        return UNEXPECTED
    # An OSError says itself which file, and what is wrong with it.
    if isinstance(error, WarehouseError | FlowsError | _lamini_error() | OSError):
        return BAD_INPUT
    return None


def told(error: BaseException) -> dict[str, object]:
    """Return an error as programs read it: its kind, its message, and what is known of its place.

    An OSError says itself which file it is about.
    """
    where = getattr(error, "where", None) or Where(file=getattr(error, "filename", None))
    known = {name: value for name, value in asdict(where).items() if value is not None}
    what = {"error": type(error).__name__, "message": str(error) or "interrupted"}
    return {**what, "exit_code": exit_code(error), **known}


def _lamini_error() -> type[Exception]:
    # lamini is slow to import; what was never imported has raised nothing.
    found = getattr(sys.modules.get("lamini.errors"), "LaminiError", FlowsError)
    assert issubclass(found, Exception)
    return found
