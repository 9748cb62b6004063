import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse.catalogue import open_catalogue
from warehouse.errors import CatalogueLockedError, CatalogueVersionError, RetryableError

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_a_second_writer_is_refused_and_told_who_writes(home):
    script = (
        "import sys; from pathlib import Path\n"
        "from warehouse.catalogue import open_catalogue\n"
        "from warehouse.errors import CatalogueLockedError\n"
        "try:\n    open_catalogue(Path(sys.argv[1])).__enter__()\n"
        "except CatalogueLockedError as error:\n    print(error)"
    )
    with open_catalogue(home):
        done = subprocess.run(
            [sys.executable, "-c", script, home],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
    assert f"is being written by process {os.getpid()}" in done.stdout


def test_the_lock_is_free_again_afterwards(home):
    for _ in range(2):
        with open_catalogue(home) as con:
            assert con.execute("select version from schema_version").fetchall() == [(1,)]


def test_a_catalogue_of_a_newer_program_is_refused(home):
    with open_catalogue(home) as con:
        con.execute("update schema_version set version = 99")
    with pytest.raises(
        CatalogueVersionError, match="schema version 99, this program knows up to 1"
    ):
        open_catalogue(home).__enter__()


def test_errors_survive_pickling_and_say_whether_to_try_again():
    error = pickle.loads(pickle.dumps(CatalogueLockedError("held by 7")))
    assert str(error) == "held by 7"
    assert isinstance(error, RetryableError)
