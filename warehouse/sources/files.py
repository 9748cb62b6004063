"""Find the files of a source: one file, a folder, a glob, here or in an object store.

The file that a mapping names may be a link. One that only lies in a folder that it names may not
lead out of there: whoever may write into that folder would have any file read.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs

from warehouse.errors import SourceError, Where
from warehouse.nearest import hint
from warehouse.sources.mapping import Mapping
from warehouse.sources.options import FORMATS

_MAGIC = re.compile(r"[*?\[]")
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of a source."""

    name: str
    """For people: as the mapping gives it, or its path below that."""
    path: str
    """In its file system."""
    system: pafs.FileSystem = field(repr=False)
    partition: dict[str, str | None] = field(default_factory=dict)
    """What the folders above it say: year=2024 makes a column `year`."""

    def open(self) -> pa.NativeFile:
        """Open it for reading at any place."""
        try:
            return self.system.open_input_file(self.path)
        except OSError as error:
            raise SourceError(
                f"{self.name}: cannot be read ({error})", where=Where(file=self.name)
            ) from error

    def read(self) -> bytes:
        """Read it whole; what is gzipped is unpacked."""
        with self.open() as file:
            data = bytes(file.read())
        if not data.startswith(b"\x1f\x8b"):
            return data
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.name}: the gzip data is damaged ({error})") from error


def find_files(mapping: Mapping) -> list[SourceFile]:
    """List the files that the mapping's path names, ordered by path.

    Raises:
        SourceError: there is none, or the place cannot be read.
    """
    try:
        system, path = _system(mapping)
        found = list(_below(mapping, system, path))
    except (OSError, pa.ArrowException) as error:
        raise SourceError(
            f"{mapping.given_path}: cannot be read (path in {mapping.file}): {error}"
        ) from error
    if not found:
        place = Where(file=str(mapping.given_path), source=mapping.name)
        raise SourceError(_nothing(mapping, system, path), where=place)
    return sorted(found, key=lambda file: file.path)


def _system(mapping: Mapping) -> tuple[pafs.FileSystem, str]:
    location = mapping.options.location
    if not mapping.options.is_url:
        return pafs.LocalFileSystem(), location
    if location.startswith("file://"):
        return pafs.LocalFileSystem(), unquote(location.removeprefix("file://"))
    # A glob is no URL: only what comes before it is given to the file system.
    head = _MAGIC.split(location)[0]
    folder = head if head == location else head.rpartition("/")[0]
    scheme = "gs" if folder.startswith("gcs://") else ""
    system, path = pafs.FileSystem.from_uri(
        scheme + folder.removeprefix("gcs") if scheme else folder
    )
    return system, path + location[len(folder) :]


def _below(mapping: Mapping, system: pafs.FileSystem, path: str) -> Iterator[SourceFile]:
    info = system.get_file_info(path)
    if info.type == pafs.FileType.File:
        yield SourceFile(name=mapping.given_path, path=path, system=system)
        return
    if info.type == pafs.FileType.Directory:
        base, wanted = path.rstrip("/"), re.compile(r".*")
    elif _MAGIC.search(path):
        base = _MAGIC.split(path)[0].rpartition("/")[0]
        wanted = re.compile(_pattern(path[len(base) + 1 :]))
    else:
        return
    is_local = isinstance(system, pafs.LocalFileSystem)
    chosen = pafs.FileSelector(base, recursive=True, allow_not_found=True)
    for entry in system.get_file_info(chosen):
        below = entry.path[len(base) + 1 :]
        if entry.type == pafs.FileType.File and wanted.fullmatch(below):
            hidden = any(part.startswith((".", "_")) for part in PurePosixPath(below).parts)
            if not hidden and (_MAGIC.search(path) or _fits(mapping, below)):
                if is_local:
                    _check_stays(mapping, Path(base), Path(entry.path))
                yield _part(mapping, system, entry.path, below)


def _check_stays(mapping: Mapping, base: Path, file: Path) -> None:
    if not file.resolve().is_relative_to(base.resolve()):
        raise SourceError(
            f"{mapping.given_path}: {file.relative_to(base)} is a link that leads out of that "
            "folder; put the file itself there, or name it in a mapping of its own"
        )


def _part(mapping: Mapping, system: pafs.FileSystem, path: str, below: str) -> SourceFile:
    head = _MAGIC.split(mapping.given_path)[0]
    folder = head.rpartition("/")[0] if head != mapping.given_path else head.rstrip("/")
    pairs = [part.partition("=") for part in PurePosixPath(below).parts[:-1] if "=" in part]
    return SourceFile(
        name=f"{folder}/{below}" if folder else below,
        path=path,
        system=system,
        partition={
            name: None if value == _NO_PARTITION else unquote(value) for name, _, value in pairs
        },
    )


def _fits(mapping: Mapping, name: str) -> bool:
    suffixes = [
        suffix.lower() for suffix in PurePosixPath(name).suffixes if suffix.lower() != ".gz"
    ]
    return bool(suffixes) and FORMATS.get(suffixes[-1]) == mapping.format


def _pattern(glob: str) -> str:
    parts = re.split(r"(\*\*/|\*|\?|\[[^\]]*\])", glob)
    words = {"**/": r"(?:.*/)?", "*": r"[^/]*", "?": r"[^/]"}
    return "".join(
        words.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts
    )


def _nothing(mapping: Mapping, system: pafs.FileSystem, path: str) -> str:
    folder = Path(path).parent
    local = isinstance(system, pafs.LocalFileSystem)
    found = [entry.name for entry in folder.iterdir()] if local and folder.is_dir() else []
    if local and Path(path).is_dir():
        return (
            f"{mapping.given_path}: no {mapping.format} files in that folder "
            f"(path in {mapping.file})"
        )
    return (
        f"{mapping.given_path}: no such file (path in {mapping.file})"
        f"{hint(Path(path).name, found, what='files in that folder')}"
    )
