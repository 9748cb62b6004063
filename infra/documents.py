"""Write the generated parts of the documents: trees, command tables and indexes.

    python infra/documents.py            write them anew (`make docs`)
    python infra/documents.py --check    exit 1 and name the stale pages (part of `make lint`)

A generated part stands between `<!-- generated: WHAT -->` and `<!-- end -->`. What it says comes
from what it describes: first lines of docstrings, the program's own help, titles and verdicts.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("flows", "infra", "lamini", "tests", "warehouse")
PART = re.compile(r"(<!-- generated: (\w+) ?(\S*) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> int:
    """Write every stale page anew, or name it; return the exit code."""
    pages = [page for folder in FOLDERS for page in sorted((ROOT / folder).rglob("*.md"))]
    stale = []
    for page in [*sorted(ROOT.glob("*.md")), *pages]:
        text = page.read_text(encoding="utf-8")
        fresh = PART.sub(_part, text)
        if fresh != text:
            stale.append(page.relative_to(ROOT).as_posix())
            if "--check" not in sys.argv:
                page.write_text(fresh, encoding="utf-8")
    if stale:
        told = "stale, run `make docs`" if "--check" in sys.argv else "written"
        sys.stdout.write(f"{told}: {', '.join(stale)}\n")
    return int(bool(stale) and "--check" in sys.argv)


def _part(match: re.Match[str]) -> str:
    start, what, about, end = match.groups()
    lines = "\n".join(PARTS[what](about))
    return f"{start}{lines}\n{end}"


def tree(package: str) -> Iterator[str]:
    """Yield the modules of a package that say what they are, with their docstrings' first lines."""
    yield "```"
    yield from (f"{name:30}{clause}".rstrip() for name, clause in _rows(ROOT / package, 0))
    yield "```"


def _rows(folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    indent = "  " * depth
    yield f"{indent}{folder.name}/", first_line(folder / "__init__.py")
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py" and (clause := first_line(path)):
            yield f"{indent}  {path.name}", clause
    for path in sorted(folder.iterdir()):
        if path.is_dir() and any(path.rglob("*.py")):
            yield from _rows(path, depth + 1)


def first_line(path: Path) -> str:
    """Return the first line of a module's docstring; empty where there is none."""
    if not path.exists():
        return ""
    told = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return told.partition("\n")[0]


def commands(about: str) -> Iterator[str]:
    """Yield the program's commands: what each does, with `options` also what it takes."""
    import typer

    from flows.cli import app

    head = ("command", "what it does", *(("options",) if about else ()))
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for name, command in _leaves(typer.main.get_command(app)):
        cells = [f"`{name}`".replace("|", "\\|"), _first_sentence(command.help)]
        if about:
            cells.append(" ".join(f"`{option}`" for option in _options(command)))
        yield f"| {' | '.join(cells)} |".replace("|  |", "| |")


def _leaves(group: Any, before: str = "lamini") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{before} {name}")
        else:
            arguments = [
                one.metavar or one.name.upper() for one in command.params if _is_argument(one)
            ]
            yield " ".join([before, name, *arguments]), command


def _is_argument(parameter: Any) -> bool:
    return parameter.param_type_name == "argument"


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if not _is_argument(parameter) and not {"--json", "--help"} & set(parameter.opts):
            yield parameter.opts[0]


def experiments(_: str) -> Iterator[str]:
    """Yield a line for each experiment: number, question, first sentence of the verdict."""
    for path in sorted((ROOT / "infra" / "experiments").glob("[0-9]*.md")):
        title, body = path.read_text(encoding="utf-8").split("\n", 1)
        number, question = title.removeprefix("# ").split(". ", 1)
        verdict = _first_sentence(re.sub(r"\s+", " ", body.split("**Verdict.** ", 1)[1]))
        question += "" if question.endswith("?") else "."
        yield f"- [{number}]({path.name}) {question} {_without_links(verdict)}"


def decisions(_: str) -> Iterator[str]:
    """Yield a line for each decision: its number, its title, its status."""
    for path in sorted((ROOT / "infra" / "decisions").glob("[0-9]*.md")):
        text = path.read_text(encoding="utf-8")
        title = text.partition("\n")[0].removeprefix("# ")
        number, name = title.split(". ", 1)
        status = re.search(r"Status(?::\*\*|\n)\s*(.+?)\n\n", text, re.DOTALL)
        told = re.sub(r"\s+", " ", status[1]) if status else "no status"
        yield f"- [{int(number):04d}]({path.name}) {name}. {told.rstrip('.')}."


def _first_sentence(text: str | None) -> str:
    flat = re.sub(r"\s+", " ", text or "").strip()
    return re.split(r"(?<=[.?!]) (?=[A-Z0-9])", flat, maxsplit=1)[0].replace("|", "\\|")


def _without_links(text: str) -> str:
    return re.sub(r" ?\(\[[^\]]*\]\([^)]*\)\)", "", text)


PARTS: dict[str, Callable[[str], Iterator[str]]] = {
    "tree": tree,
    "commands": commands,
    "experiments": experiments,
    "decisions": decisions,
}

if __name__ == "__main__":
    raise SystemExit(main())
