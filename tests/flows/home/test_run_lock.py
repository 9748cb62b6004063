"""Two processes, one home: below Prefect's limits, only one of them runs."""

import subprocess
import sys
import time

import pytest

from flows.errors import exit_code
from flows.home.home import Home
from flows.home.run_lock import RunLockedError, run_lock

HOLD = """
import sys, time
from pathlib import Path
from flows.home.home import Home
from flows.home.run_lock import run_lock
home, seconds = Path(sys.argv[1]), float(sys.argv[2])
with run_lock(Home(home), wait_seconds=30):
    with (home / "order").open("a") as order:
        order.write("in\\n"); order.flush()
        time.sleep(seconds)
        order.write("out\\n")
"""


def hold(home, seconds):
    return subprocess.Popen([sys.executable, "-c", HOLD, str(home), str(seconds)])


def wait_for(file):
    deadline = time.monotonic() + 60
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_second_run_is_refused_and_told_who_runs(tmp_path):
    process = hold(tmp_path, 60)
    wait_for(tmp_path / "order")
    with (
        pytest.raises(RunLockedError, match=f"process {process.pid}") as caught,
        run_lock(Home(tmp_path)),
    ):
        pass
    assert exit_code(caught.value) == 4
    with run_lock(Home(tmp_path), name="serve"):  # another lock of the same home
        pass
    process.kill()
    process.wait()
    with run_lock(Home(tmp_path)):  # a killed run leaves no lock behind
        pass


@pytest.mark.slow
def test_of_two_that_wait_for_their_turn_one_runs_after_the_other(tmp_path):
    processes = [hold(tmp_path, 0.3) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert (tmp_path / "order").read_text().split() == ["in", "out", "in", "out"]
