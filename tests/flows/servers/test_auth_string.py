import os
import stat
import subprocess
import sys

import pytest

from flows.errors import ServiceError
from flows.servers.auth_string import auth_file, auth_string

MAKE = """
import sys
from pathlib import Path
from flows.servers.auth_string import auth_string
sys.stdin.readline()
print(auth_string(Path(sys.argv[1])))
"""


def test_each_home_has_a_secret_of_its_own_that_stays(tmp_path):
    first, second = auth_string(tmp_path / "one"), auth_string(tmp_path / "two")
    assert first != second
    assert auth_string(tmp_path / "one") == first


def test_only_the_user_can_read_it_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        auth_string(tmp_path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(auth_file(tmp_path).stat().st_mode) == 0o600
    assert [file.name for file in (tmp_path / "services").iterdir()] == ["auth_string"]


def test_many_makers_at_once_give_one_secret(tmp_path):
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKE, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for maker in makers:
        maker.stdin.write("\n")
        maker.stdin.flush()
    assert {maker.communicate(timeout=60)[0].strip() for maker in makers} == {auth_string(tmp_path)}


@pytest.mark.parametrize("held", ["", "lamini:short\n", "lamini:" + "x" * 42 + "ü"])
def test_a_file_that_holds_no_secret_is_refused(tmp_path, held):
    auth_string(tmp_path)
    auth_file(tmp_path).write_text(held, encoding="utf-8")
    with pytest.raises(ServiceError, match="auth_string holds no password: delete it"):
        auth_string(tmp_path)
