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
from tests.workers import LONGEST_FIRST, made_once

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
    place = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.nodeid.split("::")[0], len(place)))


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
    """A home with both tools' empty databases, to be copied: migrating Prefect's takes 8 s."""

    def make(home):
        (home / "prefect").mkdir()
        subprocess.run(
            [sys.executable, "-c", MAKE_DATABASES, str(home)],
            env={**os.environ, **environment(home)},
            check=True,
        )

    return made_once(tmp_path_factory, "databases", make)


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
