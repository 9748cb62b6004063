"""Which run works on a home, how far it is, and how the last one ended: HOME/run.json.

Written by the run itself under the run lock, and read by anybody: the file names the very process,
so a run that was killed is told from one that works.
"""

import contextlib
import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flows.home.home import Home
from flows.home.processes import is_gone, this_process
from flows.home.run_lock import RunLockedError, run_lock
from flows.home.steps import STEPS
from warehouse.durable import write_json

RUNNING, KILLED, FAILED, DONE = "running", "killed", "failed", "done"


@contextlib.contextmanager
def recorded(home: Home) -> Iterator[None]:
    """Record that this process runs for the length of the block, and how it ended."""
    _write(home, {**this_process(), "state": RUNNING, "started_at": _now(), "step": "start"})
    try:
        yield
    except BaseException as error:
        why = str(error).splitlines() or [type(error).__name__]
        note(home, state=FAILED, ended_at=_now(), why=why[0][:500])
        raise
    note(home, state=DONE, ended_at=_now(), step=None)


def note(home: Home, **what: object) -> None:
    """Add to the record of this process's run; without one, nothing is written."""
    record = read_record(home)
    if record is not None and {k: record.get(k) for k in this_process()} == this_process():
        _write(home, {**record, **what})


def read_record(home: Home) -> dict[str, Any] | None:
    """Return the record as it stands; null where there is none."""
    try:
        found: dict[str, Any] = json.loads((home.run_record).read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return found


def run_state(home: Home) -> dict[str, Any] | None:
    """Return the newest run's state, process, step, and what it has done and left."""
    record = read_record(home)
    if record is None:
        return None
    state = record["state"]
    if state == RUNNING and (is_gone(record) or not _is_held(home, record)):
        state = KILLED
    done, left = _steps(home, record)
    shown = {k: v for k, v in record.items() if k not in ("host", "pid_created", "state")}
    goes_on = f"`{record.get('command', 'lamini run')}` goes on where it was killed"
    advice = {KILLED: goes_on, FAILED: "see `why`"}.get(state)
    return {"state": state, **shown, "done": done, "left": left, "advice": advice}


def _is_held(home: Home, record: dict[str, Any]) -> bool:
    """Whether the run of another host still has its lock; its process cannot be seen from here."""
    if record.get("host") == socket.gethostname():
        return True
    try:
        with run_lock(home):
            return False
    except RunLockedError:
        return True


def _steps(home: Home, record: dict[str, Any]) -> tuple[list[str], list[str]]:
    if record.get("decision") == "nothing":
        return [], []
    wanted = STEPS[record.get("mode") or "full"]
    folder = home.run(record.get("run_key")) / "receipts"
    done = [step for step in wanted if (folder / f"{step}.json").is_file()]
    return done, [step for step in wanted if step not in done]


def _write(home: Home, record: dict[str, Any]) -> None:
    write_json(record, home.run_record)


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="seconds")
