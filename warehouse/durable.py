"""Write files and folders whole or not at all: aside, flushed to the disk, then renamed.

JSON that decides what others read is sealed: a flipped bit of it shows when it is read.
"""

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.errors import NotAFileError

STAGING = ".staging"
_SEAL = "sha256"


def flush(path: Path) -> None:
    """Make the content of the file or folder `path` survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_parquet(table: pa.Table, path: Path) -> None:
    """Replace the file `path` by `table`, whole or not at all."""
    with _aside(path) as part:
        pq.write_table(table, part, compression="zstd")


def stream_parquet(batches: pa.RecordBatchReader, path: Path) -> int:
    """Replace the file `path` by what is read, a batch at a time; give the number of rows."""
    num_rows = 0
    with _aside(path) as part, pq.ParquetWriter(part, batches.schema, compression="zstd") as file:
        for batch in batches:
            file.write_batch(batch)
            num_rows += batch.num_rows
    return num_rows


def write_json(value: Mapping[str, object], path: Path) -> None:
    """Replace the file `path` by `value` as JSON, whole or not at all."""
    write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", path)


def sealed(value: Mapping[str, object]) -> dict[str, object]:
    """Return the value with a hash of all of it, by which `read_json` tells damage."""
    return {**value, _SEAL: _hash(value)}


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file `path`, without its seal, if it has one.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON object, or not as it was sealed.
    """
    told = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(told, dict):
        raise ValueError(f"it holds {json.dumps(told)[:40]}, which names nothing")
    seal = told.pop(_SEAL, None)
    if seal not in (None, _hash(told)):
        raise ValueError("it is not as it was written")
    return told


def _hash(value: Mapping[str, object]) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_text(text: str, path: Path) -> None:
    """Replace the file `path` by `text`, whole or not at all."""
    with _aside(path) as part:
        part.write_text(text, encoding="utf-8")


def staging_folder(home: Path) -> Path:
    """Make an empty folder to build something in, after sweeping what a killed process left.

    The catalogue's lock makes the caller the only writer, so whatever lies there is stale.
    """
    sweep(home)
    folder = home / STAGING / uuid.uuid4().hex
    folder.mkdir(parents=True)
    return folder


def sweep(home: Path) -> None:
    """Remove all that is half built."""
    shutil.rmtree(home / STAGING, ignore_errors=True)


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    if path.exists() and not path.is_file():
        kind = "folder" if path.is_dir() else "device or pipe"
        raise NotAFileError(f"{path} is a {kind}, which a file would replace; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    yield part
    flush(part)
    part.replace(path)
    flush(path.parent)
