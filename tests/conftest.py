import fcntl
import gc
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flows.environment import end_quietly, environment

# Before anything imports prefect, ray, mlflow or transformers: no telemetry, no network, no thread
# pools, and nothing of whoever runs the tests, in particular not their LAMINI_HOME or servers.
_STATE = Path(tempfile.mkdtemp(prefix="memory-tuning-tests-"))
for _name in [n for n in os.environ if n.startswith(("LAMINI_", "PREFECT_", "MLFLOW_"))]:
    del os.environ[_name]
os.environ.update(environment(_STATE))
os.umask(0o077)  # as the program has it: a home that others may enter is put right, and told of
(_STATE / "prefect").mkdir()
end_quietly()
# Dozens of processes import the same modules: whoever forbids bytecode has all compiled in each.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
SHARING = "tests/flows/whole_runs/"
"""A session's fixture of minutes is shared there."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each file to one worker, and all files that share a home, the first ones, to one too.

    xdist's own groups are lost under pytest 9.2: they hang on a name of pytest's that is gone.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return SHARING if nodeid.startswith(SHARING) else nodeid.split("::")[0]

    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Look for no garbage while all modules are imported: nothing of theirs ever is."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(SHARING))


def pytest_unconfigure():
    shutil.rmtree(_STATE, ignore_errors=True)


MAKE_DATABASES = """
import asyncio, sqlite3, sys
from pathlib import Path
from prefect.server.database.dependencies import provide_database_interface
from flows.servers.mlflow_database import make_database
home = Path(sys.argv[1])
make_database(home)
asyncio.run(provide_database_interface().create_db())
sqlite3.connect(home / "prefect" / "prefect.db").execute("pragma wal_checkpoint(truncate)")
"""


@pytest.fixture(scope="session")
def databases(tmp_path_factory):
    """A home with both tools' empty databases, to be copied: their migrations take 14 s each time.

    It is made once for all workers.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    home, part = shared / "databases", shared / "databases.part"
    with (shared / "databases.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not home.exists():
            (part / "prefect").mkdir(parents=True)
            subprocess.run(
                [sys.executable, "-c", MAKE_DATABASES, str(part)],
                env={**os.environ, **environment(part)},
                check=True,
            )
            part.rename(home)
    return home


@pytest.fixture(scope="session")
def prefect_harness(databases, tmp_path_factory):
    """A throwaway Prefect server: one for the whole session, since it takes seconds to start."""
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_SERVER_API_AUTH_STRING,
        temporary_settings,
    )
    from prefect.testing import utilities

    secret = f"tests:{secrets.token_urlsafe(32)}"
    asked = {PREFECT_API_AUTH_STRING: secret, PREFECT_SERVER_API_AUTH_STRING: secret}
    folder = tmp_path_factory.mktemp("prefect")
    shutil.copy(databases / "prefect" / "prefect.db", folder / "prefect-test.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utilities, "mkdtemp", lambda: str(folder))  # where it looks for its database
        patch.setenv("PREFECT_API_AUTH_STRING", secret)  # for programs that a test starts
        with (
            temporary_settings(asked),
            utilities.prefect_test_harness(server_startup_timeout=180),
        ):
            yield
