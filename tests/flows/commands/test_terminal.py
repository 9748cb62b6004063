"""What a table brings is shown on the terminal, never obeyed by it."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from flows.commands.console import Console
from flows.commands.report import show_run
from flows.terminal import as_json_escapes, visible
from tests.flows.conftest import MAPPING

EVIL = "\x1b]0;renamed\x07\x1b[2J\x9b31m\u202egnp.exe\x1b]8;;http://evil\x1b\\\\here"
"""A title, a cleared screen, a colour in one C1 control, turned text, a link."""
OBEYED = ("\x1b", "\x07", "\x9b", "\u202e")


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x2028])
def test_each_character_that_a_terminal_obeys_is_an_escape(code):
    shown = visible(f"a{chr(code)}b")
    assert shown == f"a{chr(code)}b" if chr(code) in "\t\n" else shown.isprintable()
    assert json.loads(as_json_escapes(json.dumps(f"a{chr(code)}b", ensure_ascii=False))) == (
        f"a{chr(code)}b"
    )


def test_letters_of_all_scripts_and_joined_emoji_stay_as_they_are():
    text = "Ångström 東京 عربى \u200fx\u200d👩\u200d🔬"
    assert visible(text) == text


def test_a_table_gives_the_escape_the_room_it_takes(capsys):
    from rich.table import Table

    table = Table("value")
    table.add_row("a\x1bb")
    Console(width=40).print(table)
    out = capsys.readouterr().out
    assert "a\\x1bb │" in out


@pytest.fixture
def evil(home, mapping):
    """A home with a fact and a refused row that hold escape sequences."""
    rows = f"country,capital,trust\n{EVIL},Paris,2\nJapan,{EVIL},1\n{EVIL},,1\n"
    (mapping.parent / "capitals.csv").write_text(rows, encoding="utf-8")
    mapping.write_text(MAPPING.replace("capitals.csv", f"{mapping.parent}/capitals.csv"))
    return home


@pytest.mark.slow
def test_facts_refused_rows_and_explanations_are_shown_not_obeyed(evil, mapping, lamini):
    lamini("source", "add", mapping)
    said = [lamini("ingest"), lamini("reconcile")]
    said += [lamini("facts"), lamini("quarantine", "list"), lamini("why", EVIL, EVIL)]
    listed = json.loads(lamini("quarantine", "list", "--json").stdout)
    refused = [row["quarantine_id"] for row in listed]
    shown = [lamini("quarantine", "show", number) for number in refused]
    assert all("\\x1b" in result.output for result in (said[2], *shown))
    said += [*shown, lamini("why", "Japan", EVIL), lamini("quarantine", "replay")]
    said += [lamini("facts", "--json"), lamini("quarantine", "list", "--json")]
    for result in said:
        assert not [mark for mark in OBEYED if mark in result.output], result.output


@pytest.mark.slow
def test_what_doctor_and_status_find_is_shown_not_obeyed(home, lamini, monkeypatch):
    monkeypatch.setenv(f"LAMINI_{EVIL}", "x")
    home.mkdir(exist_ok=True)
    (home / "warehouse").mkdir()
    (home / "warehouse" / "HEAD.json").write_text(json.dumps(EVIL, ensure_ascii=False))
    (home / "HEAD_CHECKPOINT.json").write_text(json.dumps({EVIL: EVIL}, ensure_ascii=False))
    for words in (["doctor"], ["doctor", "--json"], ["status"], ["status", "--json"]):
        said = lamini(*words).output
        assert "x1b" in said or "u001b" in said
        assert not [mark for mark in OBEYED if mark in said], said


def test_what_a_run_reports_is_shown_not_obeyed(capsys):
    cell = SimpleNamespace(kind=EVIL, template="*", from_memory=0.0, num_questions=1)
    decided = SimpleNamespace(
        counts=dict.fromkeys(("outdated", "quarantined", "held_back", "duplicate"), 0),
        **dict.fromkeys(("num_facts", "num_slots", "num_input_rows"), 1),
        **{"as_of": EVIL, "conflicts_resolved": 0, "ties": 0},
    )
    trained = SimpleNamespace(num_steps=1, loss_by_step=[1.0], num_undecided=0)
    result = SimpleNamespace(
        run_key=EVIL,
        is_new=False,
        reasons=(EVIL,),
        decision=EVIL,
        reconciled=decided,
        written=SimpleNamespace(num_experts=1, num_groups=1),
        receipts=SimpleNamespace(updated=None, trained=trained),
        measured=SimpleNamespace(summary=[cell], captured_foreign=[EVIL]),
        changes=None,
    )
    show_run(result, 1.0)
    said = capsys.readouterr().out
    assert said.count("\\x1b") >= 5
    assert not [mark for mark in OBEYED if mark in said]


def test_log_lines_and_tracebacks_are_shown_not_obeyed():
    code = (
        "import logging; from flows.terminal import guard_terminal; guard_terminal(); "
        "logging.warning('a fact: %s', chr(27)); raise ValueError(chr(27))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stderr.count("\\x1b") == 2
    assert "\x1b" not in ended.stderr


def test_the_traceback_of_a_log_line_is_shown_not_obeyed():
    code = (
        "import logging\n"
        "from flows.terminal import guard_terminal\n"
        "guard_terminal()\n"
        "try:\n"
        "    raise ValueError('a fact: ' + chr(27))\n"
        "except ValueError:\n"
        "    logging.exception('a batch failed')\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ValueError: a fact: \\x1b" in ended.stderr
    assert "\x1b" not in ended.stderr
