"""A program together with all that it starts (Ray, Prefect), so that a kill can take it whole."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


class Family:
    """A Python program as the head of its family; what it prints goes to files."""

    def __init__(self, words, environment, log):
        self.out, self.err = log.with_suffix(".out"), log.with_suffix(".err")
        with self.out.open("w") as out, self.err.open("w") as err:
            self.process = subprocess.Popen(
                [sys.executable, *words],
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self.head = psutil.Process(self.process.pid)
        self.others = []

    def wait(self, seconds):
        """Give the exit code, or null if it still runs after so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)
        return self.process.poll()

    def kill(self, *, whole):
        """Kill the head and, if `whole`, all others with it: at one moment, for all stand still."""
        self.others = still([self.head])[1:]
        self.process.kill()
        for process in self.others:
            _send(process, "kill" if whole else "resume")
        self.process.wait()
        if whole:
            wait_gone(self.others)

    def kill_one(self, is_victim):
        """Kill the first of the others that is one; false where there is none."""
        for process in _children([self.head]):
            with contextlib.suppress(psutil.Error):
                if is_victim(process):
                    process.kill()
                    return True
        return False

    def clean_up(self):
        """Kill whatever is left, also of those that outlived their head."""
        left = [*([self.head] if self.process.poll() is None else []), *self.others]
        left = still([process for process in left if process.is_running()])
        for process in left:
            _send(process, "kill")
        self.process.wait()
        wait_gone(left)


def wait_until(condition, family, seconds=900):
    """Wait for what `family` is about to do."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        assert family.process.poll() is None, family.err.read_text()[-3000:]
        time.sleep(0.02)


def still(heads):
    """Stop the processes and all their descendants, those that are just being born included."""
    stopped = []
    waiting = list(heads)
    while waiting:
        for process in waiting:
            _send(process, "suspend")
        stopped += waiting
        waiting = [child for child in _children(heads) if child not in stopped]
    return stopped


def wait_gone(processes, seconds=30):
    """Wait until all are dead; a zombie that nobody buries is dead, too."""
    deadline = time.monotonic() + seconds
    while any(_lives(process) for process in processes):
        assert time.monotonic() < deadline, [process for process in processes if _lives(process)]
        time.sleep(0.05)


def _children(heads):
    found = []
    for head in heads:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += head.children(recursive=True)
    return list(dict.fromkeys(found))


def _send(process, signal):
    with contextlib.suppress(psutil.NoSuchProcess):
        getattr(process, signal)()


def _lives(process):
    with contextlib.suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
