"""Gather English text that every installation has.

Docstrings and documentation of Python and of the locked packages. No table that the project
memorizes is read: reference databases (pycountry, babel) are left out, so whatever the backbone
says about them it did not learn here.
"""

import ast
import hashlib
import re
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

_DOCUMENTS = {".md", ".rst", ".txt"}
_LEFT_OUT = ("pycountry", "babel", "pytz", "tzdata", "dateparser")
_MIN_CHARS, _MAX_FILE_BYTES = 80, 2_000_000
_NOT_PROSE = re.compile(r"[^A-Za-z ,.;:'\"()\-\n]+")


def passages() -> list[str]:
    """Return every distinct passage, in an order that depends only on the text."""
    seen: dict[str, str] = {}
    for folder in (Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))):
        for path in sorted(folder.rglob("*")):
            if _readable(path, folder):
                for text in _texts(path):
                    clean = _clean(text)
                    if _is_prose(clean):
                        seen.setdefault(hashlib.sha256(clean.encode()).hexdigest(), clean)
    return [seen[key] for key in sorted(seen)]


def _readable(path: Path, folder: Path) -> bool:
    parts = path.relative_to(folder).parts
    if folder.name != "site-packages" and "site-packages" in parts:
        return False
    left_out = any(part.lower().startswith(_LEFT_OUT) for part in parts)
    wanted = path.suffix in _DOCUMENTS | {".py"} and path.is_file()
    return wanted and not left_out and path.stat().st_size < _MAX_FILE_BYTES


def _texts(path: Path) -> Iterator[str]:
    source = path.read_text(errors="ignore")
    if path.suffix != ".py":
        yield source
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def _clean(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\x00", "")
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+", " ", text)).strip()


def _is_prose(text: str) -> bool:
    return len(text) >= _MIN_CHARS and len(_NOT_PROSE.sub("", text)) > 0.85 * len(text)
