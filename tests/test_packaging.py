"""What is written in two places must agree, and nothing may name this or any other machine."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

from packaging.requirements import Requirement

from tests.workers import LONGEST_FIRST

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def requirements(path):
    lines = (line.strip() for line in path.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def test_the_lock_satisfies_every_requirement():
    locked = dict(line.split("==") for line in requirements(ROOT / "requirements.lock"))
    for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[wanted.name.lower()]), line


def test_the_lock_names_no_address_and_no_local_build():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    assert not re.search(r"^-|==.*\+|@", text, flags=re.MULTILINE)


def test_ci_runs_make_test_and_nothing_else():
    assert (ROOT / ".ci" / "run").read_text().split("\n", 1)[1] == "exec make test\n"


def test_what_the_workers_begin_with_is_there():
    assert [name for name in LONGEST_FIRST if not (ROOT / name).is_file()] == []


def test_package_data_is_found_from_the_installed_package():
    assert (files("warehouse") / "catalogue" / "schema.sql").is_file()
    assert (files("warehouse") / "reference" / "relations.toml").is_file()
