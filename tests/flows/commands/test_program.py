"""What all commands share, in processes of their own: the version, and pipes that break."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest


def test_the_version_is_that_of_the_distribution(lamini):
    assert lamini("--version").stdout == f"lamini {version('memory-tuning')}\n"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["facts"], ["facts", "--json"], ["why", "France", "capital"]])
def test_a_reader_who_has_seen_enough_is_left_in_silence(published, words):
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-m", "flows.cli", *words]
    ended = subprocess.run(program, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_another_pipe_that_breaks_is_an_error(lamini, published, monkeypatch):
    def broken(*_, **__):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("flows.reporting.resolved.resolved_facts", broken)
    monkeypatch.setattr("flows.commands.program.reader_is_gone", lambda: False)
    result = lamini("facts")
    assert result.exit_code == 3
    assert "Broken pipe" in result.stderr


def test_receipts_within_each_other_are_json_as_they_are():
    from flows.automation.announce import Announced
    from flows.commands.program import to_json

    waiting = Announced(training_hash="a", trained_hash=None, since=None, is_announced=True)
    told = json.loads(to_json({"at": (Path("/there"), waiting)}))
    assert told["at"][0] == "/there"
    assert (told["at"][1]["training_hash"], told["at"][1]["is_announced"]) == ("a", True)
