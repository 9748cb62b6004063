"""What `infra/words.md` says of words that can be held by reading the code."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
FORGETTING = ("flows/forgetting/", "flows/forget_fact.py", "flows/commands/")


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


def test_only_facts_are_forgotten():
    others = [
        f"{path}:{node.lineno} {node.name}"
        for path, node in functions()
        if "forget" in node.name and not path.startswith(FORGETTING)
    ]
    assert others == []
