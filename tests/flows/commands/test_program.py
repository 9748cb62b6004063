"""What all commands share, in processes of their own: the version, and pipes that break."""

import os
import subprocess
import sys
from importlib.metadata import version

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
