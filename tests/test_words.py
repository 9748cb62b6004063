"""What `infra/words.md` says of words that can be held by reading the code."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
ONLY_IN = {
    "forget": ("flows/forgetting/", "flows/forget_fact.py", "flows/commands/"),
    "forgotten": ("flows/forgetting/", "flows/commands/"),
    "plan": ("flows/commands/",),
    "forecast": ("flows/planning/", "flows/commands/", "lamini/update/"),
    "assign": ("warehouse/assignment/", "flows/assign_facts.py"),
    "tombstone": ("warehouse/tombstones/",),
    # OpenAI's chat completions have parts of their own.
    "part": ("warehouse/truth/", "warehouse/judgement/", "flows/serving/chat_completions.py"),
    "surface": ("lamini/tuning/", "lamini/proof/", "lamini/asked/"),
    "encoder": ("lamini/router/", "lamini/asked/", "lamini/backbone/sentences.py"),
    "slot": ("warehouse/", "flows/forgetting/"),
}
"""Where a public name may hold a word: elsewhere it would mean a second thing."""


def functions():
    """Every function of the three packages, with its file from the root."""
    for package in ("flows", "lamini", "warehouse"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield path.relative_to(ROOT).as_posix(), node


def test_what_comes_out_is_returned_and_never_given():
    given = [
        f"{path}:{node.lineno}"
        for path, node in functions()
        if (ast.get_docstring(node) or "").startswith("Give ")
    ]
    assert given == []


def test_a_word_that_means_one_thing_stands_only_where_that_thing_is():
    astray = [
        f"{path}:{line} {name}"
        for path, line, name in public_names()
        for word in words_of(name) & ONLY_IN.keys()
        if not path.startswith(ONLY_IN[word])
    ]
    assert astray == []


def test_every_word_of_a_place_is_in_use_and_in_the_list():
    listed = (ROOT / "infra" / "words.md").read_text(encoding="utf-8")
    used = {word for _, _, name in public_names() for word in words_of(name)}
    assert [word for word in ONLY_IN if word not in used or word not in listed] == []


def public_names():
    """Every module, class and function that others may use: its file, its line, its name."""
    for package in ("flows", "lamini", "warehouse"):
        for path in (ROOT / package).rglob("*.py"):
            place = path.relative_to(ROOT).as_posix()
            yield place, 1, path.stem
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
                if isinstance(node, kinds) and not node.name.startswith("_"):
                    yield place, node.lineno, node.name


def words_of(name):
    """The words of a name in snake or camel case, in small letters."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+", name)}
