"""Find the files of a source: one file, a folder, a glob, here or in an object store.

The file that a mapping names may be a link. One that only lies in a folder that it names may not
lead out of there: whoever may write into that folder would have any file read.
"""

import os
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
from warehouse.sources.options import FORMATS, MAX_MIB

_MAGIC = re.compile(r"[*?\[]")
_GZIP = b"\x1f\x8b"
_PIECE_BYTES = 1 << 24
_SURELY_BYTES, _MOST_RATIO = 1 << 26, 200
"""From so many bytes on, what unpacks to so many times its size is a bomb; tables reach 50."""
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """One file of a source."""

    name: str
    """For people: as the mapping gives it, or its path below that."""
    path: str
    """In its file system."""
    system: pafs.FileSystem = field(repr=False)
    max_mib: int = MAX_MIB
    """More is not read into memory, unpacked."""
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
        """Read it whole; what is gzipped is unpacked.

        Raises:
            SourceError: it cannot be read, or holds more than `max_mib`.
        """
        with self.open() as file:
            if file.size() > self.max_mib << 20:
                raise self._too_much()
            data = bytes(file.read())
        return self._unpacked(data) if data.startswith(_GZIP) else data

    def _unpacked(self, data: bytes) -> bytes:
        parts, size, most = [], 0, max(_SURELY_BYTES, len(data) * _MOST_RATIO)
        try:
            while data:  # there may be several streams, one after the other
                stream = zlib.decompressobj(wbits=31)
                while not stream.eof:
                    part = stream.decompress(data, _PIECE_BYTES)
                    data = stream.unconsumed_tail
                    if not part and not data and not stream.eof:
                        raise EOFError("it ends before its end")
                    size += len(part)
                    if size > self.max_mib << 20:
                        raise self._too_much()
                    if size > most:
                        raise SourceError(
                            f"{self.name}: it unpacks to more than {_MOST_RATIO} times its size, "
                            "which no table does; unpack it, and give that file if it is one"
                        )
                    parts.append(part)
                data = stream.unused_data.lstrip(b"\0")
        except (OSError, EOFError, zlib.error) as error:
            raise SourceError(f"{self.name}: the gzip data is damaged ({error})") from error
        return b"".join(parts)

    def _too_much(self) -> SourceError:
        return SourceError(
            f"{self.name}: it holds more than max_mib = {self.max_mib}; raise that in the mapping, "
            "or give the table in several files or as Parquet"
        )


def find_files(mapping: Mapping) -> list[SourceFile]:
    """List the files that the mapping's path names, ordered by path.

    Raises:
        SourceError: there is none, or the place cannot be read.
    """
    try:
        system, path = _system(mapping)
        found = list(_below(mapping, system, path))
    except re.error as error:
        raise SourceError(
            f"{mapping.given_path}: no pattern of file names (path in {mapping.file}): {error}; "
            "write such as prices-[0-9]*.csv"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{mapping.given_path}: a name in that folder is no UTF-8 ({error}); rename that file"
        ) from error
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
        most = mapping.options.max_mib
        yield SourceFile(name=mapping.given_path, path=path, system=system, max_mib=most)
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
        max_mib=mapping.options.max_mib,
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
        words.get(part) or (_letters(part) if part.startswith("[") else re.escape(part))
        for part in parts
    )


def _letters(given: str) -> str:
    """Write a set of characters of a glob as one of a regular expression."""
    inner = given[1:-1].replace("\\", r"\\").replace("[", r"\[")
    return f"[^/{inner[1:]}]" if inner.startswith("!") else f"[{inner}]"


def _nothing(mapping: Mapping, system: pafs.FileSystem, path: str) -> str:
    folder = Path(path).parent
    local = isinstance(system, pafs.LocalFileSystem)
    if local and os.path.lexists(path) and not Path(path).is_dir():
        return (
            f"{mapping.given_path}: neither a file nor a folder (path in {mapping.file}): a pipe, "
            "a device or a link that leads nowhere is not read"
        )
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
