"""Registered sources: their mappings, kept in one folder, with the paths made absolute."""

import json
import re
from pathlib import Path

from warehouse.errors import MappingError
from warehouse.nearest import hint
from warehouse.sources.mapping import Mapping, load_mapping
from warehouse.sources.options import is_url
from warehouse.within import expanded

_PATH = re.compile(r"^[ \t]*path[ \t]*=.*$", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_NAME = re.compile(r"[\w][\w .-]*")


def add(folder: Path, file: Path) -> Mapping:
    """Register a mapping: keep a copy as `folder`/NAME.toml, in place of an earlier one.

    Raises:
        MappingError: it cannot be used, or its name is none for a file; nothing was kept.
    """
    mapping = load_mapping(file)
    if not _NAME.fullmatch(mapping.name):
        raise MappingError(
            f"{file}: name = {mapping.name!r} must be letters, digits, blanks, '.', '_' and '-'"
        )
    text = _absolute(mapping, file.read_text(encoding="utf-8"))
    target = folder / f"{mapping.name}.toml"
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    part.write_text(text, encoding="utf-8")
    try:
        kept = load_mapping(part)
        if kept.options.location != mapping.options.location:
            raise MappingError(f'{file}: write path = "..." on a line of its own, at the top')
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return load_mapping(target)


def registered(folder: Path) -> list[Path]:
    """List the mappings that are registered, by name."""
    return sorted(folder.glob("[!.]*.toml"))


def find(folder: Path, name: str) -> Path:
    """Return the mapping of a registered name, or a mapping file itself.

    Raises:
        MappingError: there is neither.
    """
    target = folder / f"{name}.toml"
    if _NAME.fullmatch(name) and target.is_file():
        return target
    if name.endswith(".toml") or "/" in name:
        return expanded(name).resolve()
    known = [path.stem for path in registered(folder)]
    raise MappingError(f"no source {name!r}{hint(name, known, what='registered sources')}")


def _absolute(mapping: Mapping, text: str) -> str:
    # The name is written too: the file's own name may have stood for it.
    named = f"name = {json.dumps(mapping.name)}\n"
    head_end = found.start() if (found := _TABLE.search(text)) else len(text)
    head, rest = text[:head_end], text[head_end:]
    if not re.search(r"^[ \t]*name[ \t]*=", head, re.MULTILINE):
        head = named + head
    if mapping.format != "postgresql" and not is_url(mapping.options.location):
        line = f"path = {json.dumps(mapping.options.location)}"
        head = _PATH.sub(lambda _: line, head, count=1)
    return head + rest
