"""Files that are whole or absent: written aside, hashed and renamed, checked when read.

Tensors have their hash in a file beside them, sealed JSON has it within.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamini.errors import CheckpointError, LaminiError

if TYPE_CHECKING:  # it takes seconds, and who writes JSON alone needs none of it
    import torch

_SEAL = "sha256"


def write_whole(path: Path, data: bytes) -> str:
    """Replace `path` by `data`, whole or not at all, and return the SHA-256.

    Raises:
        LaminiError: there is a device, a pipe or a folder.
    """
    if path.exists() and not path.is_file():
        raise LaminiError(f"{path} is no file, and a file would replace it; name a file")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return hashlib.sha256(data).hexdigest()


def write_json(path: Path, values: Mapping[str, Any]) -> str:
    """Replace `path` by the values as JSON and return the SHA-256."""
    return write_whole(path, json.dumps(values, indent=1, sort_keys=True).encode())


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Replace `path` by the values as JSON with a hash of them all, by which damage shows."""
    write_json(path, {**values, _SEAL: _seal(values)})


def read_sealed(path: Path) -> dict[str, Any]:
    """Return the values of a file written by `write_sealed`.

    Raises:
        CheckpointError: it is missing, or not as it was written.
    """
    try:
        told = json.loads(path.read_bytes())
        seal = told.pop(_SEAL)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{path} cannot be read, or is damaged: {error!r}") from error
    values: dict[str, Any] = told
    if seal != _seal(values):
        raise CheckpointError(f"{path} is damaged: it is not as it was written")
    return values


def _seal(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def write_tensors(path: Path, tensors: Mapping[str, "torch.Tensor"]) -> str:
    """Replace `path` by a safetensors file that carries its own checksum beside it."""
    from safetensors.torch import save

    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    digest = hashlib.sha256(data).hexdigest()
    write_whole(path, data)
    write_whole(_sum_of(path), digest.encode())
    return digest


def read_tensors(path: Path, sha256: str | None = None) -> dict[str, "torch.Tensor"]:
    """Return the tensors of a file written by `write_tensors`, which gave `sha256`.

    Raises:
        CheckpointError: it is missing or its bytes are not those that were written.
    """
    if not path.is_file() or not _sum_of(path).is_file():
        raise CheckpointError(f"no saved tensors at {path}")
    from safetensors.torch import load

    data = path.read_bytes()
    found = hashlib.sha256(data).hexdigest()
    if sha256 not in (None, found):
        raise CheckpointError(f"{path} is damaged: it is not the file that was written")
    if found.encode() != _sum_of(path).read_bytes():
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one written beside it")
    return load(data)


def newest_state(folder: Path) -> tuple[int, dict[str, "torch.Tensor"]] | None:
    """Return step and tensors of the newest intact `state-STEP.safetensors`; None without one."""
    for path in sorted(folder.glob("state-*.safetensors"), reverse=True):
        try:
            return int(path.stem.removeprefix("state-")), read_tensors(path)
        except CheckpointError:
            continue
    return None


def write_state(folder: Path, step: int, tensors: Mapping[str, "torch.Tensor"]) -> None:
    """Save the training state after `step` steps and drop all but the two newest."""
    write_tensors(folder / f"state-{step:08d}.safetensors", tensors)
    for old in sorted(folder.glob("state-*.safetensors"))[:-2]:
        old.unlink()
        _sum_of(old).unlink(missing_ok=True)


def _sum_of(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")
