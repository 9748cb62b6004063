"""What README and model card say must be so: files, commands, settings, examples, numbers."""

import json
import re
from datetime import date
from pathlib import Path

import pytest
import typer

from flows import errors
from flows.cli import app
from flows.configuration.settings import load_settings
from warehouse.catalogue import open_catalogue
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.sources import load_mapping, read_source

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FLOWS = (ROOT / "flows" / "README.md").read_text(encoding="utf-8")
WAREHOUSE = (ROOT / "warehouse" / "README.md").read_text(encoding="utf-8")
EMBEDDED = ROOT / "lamini" / "embedded"
EXAMPLES = sorted((ROOT / "infra" / "examples").glob("*.toml"))
NUM_FACTS = {"contacts": 5, "products": 12}
FOLDERS = ("flows", "infra", "lamini", "tests", "warehouse")
EVERY_PAGE = [
    path.relative_to(ROOT).as_posix()
    for path in (
        *ROOT.glob("*.md"),
        *(page for name in FOLDERS for page in (ROOT / name).rglob("*.md")),
    )
]
COMMANDS = typer.main.get_command(app).commands


def blocks(text):
    return re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def tree():
    """Every path of the source tree, folders with a slash at the end, and its clause."""
    (block,) = [text for text in blocks(README) if text.startswith("flows/")]
    folders, found = [], {}
    for line in block.splitlines():
        indent, name, clause = re.fullmatch(r"( *)(\S+)(?: {2,}(\S.*))?", line).groups()
        folders = [*folders[: len(indent) // 2], name]
        found["".join(folders)] = clause
    return found


def shown_commands(text):
    return re.findall(r"(?:^|`|bin/)lamini ([a-z][a-z-]*)([^`\n]*)", text, flags=re.MULTILINE)


def options_of(command):
    """The options of a command, or of all commands of a group."""
    found = {option for parameter in command.params for option in parameter.opts}
    return found.union(
        *(options_of(member) for member in getattr(command, "commands", {}).values())
    )


def test_every_path_of_the_folders_exists_and_has_a_clause():
    for path, clause in tree().items():
        there = ROOT / path
        assert there.is_dir() if path.endswith("/") else there.is_file(), path
        assert clause, path


def test_a_newcomer_finishes_the_readme():
    assert len(README.splitlines()) <= 250


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        "flows/README.md",
        "infra/README.md",
        "warehouse/README.md",
        "lamini/embedded/MODEL_CARD.md",
    ],
)
def test_every_command_shown_exists_with_its_options(page):
    shown = shown_commands((ROOT / page).read_text(encoding="utf-8"))
    assert shown
    for name, words in shown:
        assert name in COMMANDS, name
        known = options_of(COMMANDS[name])
        assert not set(re.findall(r"--[a-z-]+", words)) - known - {"--profile"}, name


def test_the_readme_names_every_command_and_no_other():
    rows = README.split("| you want to | command |")[1].split("\n\n")[0]
    assert set(re.findall(r"`([a-z]+)`", rows)) == COMMANDS.keys()


@pytest.mark.parametrize("page", [name for name in EVERY_PAGE if name.endswith("README.md")])
def test_every_module_named_exists(page):
    named = re.findall(r"`[\w/]*?(\w+\.py)`", (ROOT / page).read_text(encoding="utf-8"))
    there = {path.name for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    assert not set(named) - there


def test_every_exit_code_is_explained():
    names = ["UNEXPECTED", "USAGE", "BAD_INPUT", "RETRYABLE", "CHECK_FAILED", "NOTHING_YET"]
    codes = {0, *(getattr(errors, name) for name in names), errors.INTERRUPTED}
    explained = re.findall(r"^\| (\d+) \| \S", FLOWS, flags=re.MULTILINE)
    assert {int(code) for code in explained} == codes


@pytest.mark.parametrize("page", EVERY_PAGE)
def test_every_link_to_a_file_leads_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), target


def test_the_settings_file_shown_is_accepted(tmp_path):
    (block,) = [text for text in blocks(FLOWS) if text.startswith("# lamini.toml")]
    path = tmp_path / "lamini.toml"
    path.write_text(block, encoding="utf-8")
    settings = load_settings(environ={"LAMINI_CONFIG": str(path)})
    assert settings.home.path == tmp_path / ".lamini"
    assert [source.name for source in settings.sources] == ["contacts.toml"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_gives_facts_and_loses_no_row(path, tmp_path):
    with open_catalogue(tmp_path) as con:
        taken = ingest(con, read_source(load_mapping(path)))
        receipt = reconcile(con, ReconcileSettings(as_of=date(2025, 6, 1)))
    assert (taken.num_quarantined, taken.num_duplicates) == (0, 0)
    assert receipt.ties == receipt.counts["held_back"] == receipt.ambiguous_prompts == 0
    assert receipt.num_facts == NUM_FACTS[path.stem]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_shown_as_it_is(path):
    assert path.read_text(encoding="utf-8") in blocks(README) + blocks(WAREHOUSE)


def test_the_model_card_tells_the_shape_of_the_model():
    card = (EMBEDDED / "MODEL_CARD.md").read_text(encoding="utf-8")
    config = json.loads((EMBEDDED / "config.json").read_text(encoding="utf-8"))
    told = dict(re.findall(r"^\| ([a-z_]+) \| (\w+) \|$", card, flags=re.MULTILINE))
    del told["setting"]
    assert told
    assert told == {name: str(config[name]).replace("False", "false") for name in told}


@pytest.mark.parametrize("page", ["README.md", "lamini/embedded/MODEL_CARD.md"])
def test_every_number_is_filled_in(page):
    left = [line for line in (ROOT / page).read_text().splitlines() if "TODO(" in line]
    assert not left
