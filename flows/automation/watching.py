"""Whether the files of a source moved: a cheap look first, the contents only if that differs.

HOME/watched/<source>.json holds what the source's files were when they were last taken in.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from warehouse.durable import write_json
from warehouse.errors import MappingError
from warehouse.sources import Mapping, load_mapping

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen of a source's files."""

    stat: str
    """Of names, sizes and times of change: cheap, and moved by a mere touch."""
    content: str
    """Of names and bytes."""


def look_at(mapping: Path, before: Seen | None) -> Seen | None:
    """Look at the files of the source that `mapping` describes; null where it lies in none.

    What cannot be looked at is seen as its error, so that it moves once when it begins to fail, and
    again when it is mended.
    """
    try:
        files = files_of(load_mapping(mapping))
        return None if files is None else look(files, before)
    except (MappingError, OSError) as error:
        said = _hash([f"{mapping}\0{error}"])
        return Seen(stat=said, content=said)


def files_of(mapping: Mapping) -> list[Path] | None:
    """List the files of a source, its mapping first; null where it does not lie in files."""
    options = mapping.options
    if options.is_url or not options.location:
        return None
    place = Path(options.location)
    if place.is_dir():
        found = [path for path in place.rglob("*") if path.is_file()]
    elif place.is_file():
        found = [place]
    else:  # a glob, or nothing yet
        anchor = Path(place.anchor)
        found = [path for path in anchor.glob(str(place.relative_to(anchor))) if path.is_file()]
    return [mapping.file, *sorted(found)]


def look(files: list[Path], before: Seen | None) -> Seen:
    """Look at the files; they are read only where names, sizes or times differ from before."""
    stat = _hash([f"{file}\0{s.st_size}\0{s.st_mtime_ns}" for file in files if (s := file.stat())])
    if before is not None and before.stat == stat:
        return before
    return Seen(stat=stat, content=_hash([f"{file}\0{_hash_of(file)}" for file in files]))


def read_seen(folder: Path, source: str) -> Seen | None:
    """Return what was seen when the source was last taken in; null if it never was."""
    try:
        return Seen(**json.loads((folder / f"{source}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_seen(folder: Path, source: str, seen: Seen) -> None:
    """Remember what was seen; to be called once it was taken in."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(asdict(seen), folder / f"{source}.json")


def _hash_of(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _hash(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
