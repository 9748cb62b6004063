"""Which run works on a home, how far it is, and how the last one ended: HOME/run.json.

Written by the run itself under the run lock, and read by anybody: the file names the very process,
so a run that was killed is told from one that works.
"""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from flows.home.home import Home
from flows.home.processes import Process, this_process
from flows.home.run_lock import RunLockedError, run_lock
from flows.home.steps import STEPS
from flows.home.told import Told
from warehouse.durable import write_json

RUNNING, KILLED, FAILED, DONE = "running", "killed", "failed", "done"


class RunRecord(Told):
    """What a run says of itself: its process, what it is about, and how it ended."""

    host: str
    pid: int
    pid_created: float
    state: str
    """running, failed or done: a run that is killed says nothing any more."""
    started_at: str
    ended_at: str | None = None
    step: str | None = None
    command: str = "lamini run"
    run_key: str | None = None
    mode: str | None = None
    decision: str | None = None
    mlflow_run_id: str | None = None
    why: str | None = None
    """Of a run that failed."""

    @property
    def process(self) -> Process:
        """The process that works, or did."""
        return Process(host=self.host, pid=self.pid, pid_created=self.pid_created)


@dataclass(frozen=True, kw_only=True)
class RunState:
    """The newest run: what it says of itself, what is so, what it has done and left."""

    state: str
    """running, killed, failed or done."""
    record: RunRecord
    done: tuple[str, ...]
    left: tuple[str, ...]
    advice: str | None

    def told(self) -> dict[str, Any]:
        """Return it as programs read it."""
        own = ("host", "pid_created", "state")
        shown = {name: value for name, value in self.record.told().items() if name not in own}
        more = {"done": self.done, "left": self.left, "advice": self.advice}
        return {"state": self.state, **shown, **more}


@contextlib.contextmanager
def recorded(home: Home) -> Iterator[None]:
    """Record that this process runs for the length of the block, and how it ended."""
    begun = asdict(this_process())
    _write(home, RunRecord(**begun, state=RUNNING, started_at=_now(), step="start"))
    try:
        yield
    except BaseException as error:
        why = str(error).splitlines() or [type(error).__name__]
        note(home, state=FAILED, ended_at=_now(), why=why[0][:500])
        raise
    note(home, state=DONE, ended_at=_now(), step=None)


def note(home: Home, **what: str | None) -> None:
    """Add to the record of this process's run; without one, nothing is written."""
    record = read_record(home)
    if record is not None and record.process == this_process():
        _write(home, record.model_copy(update=what))


def read_record(home: Home) -> RunRecord | None:
    """Return the record as it stands; null where there is none, or it is damaged."""
    try:
        return RunRecord(**json.loads(home.run_record.read_text(encoding="utf-8")))
    except (OSError, json.JSONDecodeError, TypeError, ValidationError):
        return None


def run_state(home: Home) -> RunState | None:
    """Return the newest run's state, process, step, and what it has done and left."""
    record = read_record(home)
    if record is None:
        return None
    state = record.state
    if state == RUNNING and (record.process.is_gone or not _is_held(home, record)):
        state = KILLED
    done, left = _steps(home, record)
    goes_on = f"`{record.command}` goes on where it was killed"
    advice = {KILLED: goes_on, FAILED: "see `why`"}.get(state)
    return RunState(state=state, record=record, done=done, left=left, advice=advice)


def _is_held(home: Home, record: RunRecord) -> bool:
    """Whether the run of another host still has its lock; its process cannot be seen from here."""
    if record.host == socket.gethostname():
        return True
    try:
        with run_lock(home):
            return False
    except RunLockedError:
        return True


def _steps(home: Home, record: RunRecord) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if record.decision == "nothing":
        return (), ()
    wanted = STEPS[record.mode or "full"]
    folder = home.run(record.run_key) / "receipts"
    done = tuple(step for step in wanted if (folder / f"{step}.json").is_file())
    return done, tuple(step for step in wanted if step not in done)


def _write(home: Home, record: RunRecord) -> None:
    write_json(record.told(), home.run_record)


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="seconds")
