"""Generated parts of the documents: what they are made of, and that a stale one is named."""

import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "infra" / "documents.py"
PAGE = "# A page\n\n<!-- generated: tree flows -->\n{}\n<!-- end -->\nkept\n"


@pytest.fixture
def script(tmp_path, monkeypatch):
    """The script, working on a folder that holds one page and one package of one module."""
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "__init__.py").write_text('"""The program."""\n')
    (tmp_path / "flows" / "cli.py").write_text('"""Where it begins.\n\nAnd more.\n"""\n')
    (tmp_path / "README.md").write_text(PAGE.format("old"))
    loaded = runpy.run_path(str(SCRIPT))["main"].__globals__
    monkeypatch.setitem(loaded, "ROOT", tmp_path)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", [str(SCRIPT), *arguments])
        return loaded["main"]()

    return run


def test_a_stale_part_is_named_and_left(script, tmp_path, capsys):
    assert script("--check") == 1
    assert "README.md" in capsys.readouterr().out
    assert (tmp_path / "README.md").read_text() == PAGE.format("old")


def test_a_part_is_written_from_first_lines_and_the_rest_of_the_page_stays(script, tmp_path):
    tree = f"```\n{'flows/':30}The program.\n{'  cli.py':30}Where it begins.\n```"
    assert script() == 0
    assert (tmp_path / "README.md").read_text() == PAGE.format(tree)
    assert script("--check") == 0
