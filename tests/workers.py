"""What the workers of a session begin with, and what they make once for all of them."""

import fcntl
import os
import shutil

LONGEST_FIRST = (
    "tests/flows/whole_runs/test_kill_run.py",
    "tests/flows/servers/test_services.py",
    "tests/flows/training/test_launch.py",
    "tests/flows/whole_runs/test_serving.py",
    "tests/flows/whole_runs/test_update_run.py",
    "tests/flows/servers/test_strangers.py",
    "tests/flows/whole_runs/test_forgetting.py",
    "tests/flows/whole_runs/test_seen.py",
    "tests/flows/training/test_local_cluster.py",
    "tests/flows/training/test_ray_tasks.py",
    "tests/warehouse/test_failpoints.py",
)
"""Workers take files in turn: what takes minutes must not come last. Nor may two that need the one
trained home come first: both would wait for it."""


def made_once(tmp_path_factory, name, make):
    """Return the folder that `make` has filled; the other workers wait for it."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder, done = shared / name, shared / f"{name}.done"
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            done.touch()
    return folder
