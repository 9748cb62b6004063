"""Load a checkpoint folder with the very backbone that its memory was tuned on."""

from pathlib import Path

import torch

from lamini.backbone.backbone import Backbone, load_backbone
from lamini.backbone.memory import attach
from lamini.bank.bank import Bank
from lamini.checkpoint.checkpoint import read_manifest
from lamini.config import CACHE_BYTES, MemoryConfig, from_dict
from lamini.errors import CheckpointError
from lamini.inline.due_keys import read_due_keys
from lamini.model.memory_model import MemoryModel
from lamini.router.frozen_router import read_router


def load(
    folder: Path | str,
    *,
    backbone: str | Backbone | None = None,
    dtype: torch.dtype | None = None,
    device: torch.device | str = "cpu",
    strict: bool = False,
    cache_bytes: int = CACHE_BYTES,
) -> MemoryModel:
    """Return the model of a checkpoint folder on `device`, or where a given backbone is.

    The backbone is in `dtype` (default: as it was tuned). `strict` answers only where no doubt is
    left. At most `cache_bytes` of experts are kept in memory.

    Raises:
        CheckpointError: the folder is incomplete or damaged, or the backbone is not the one it was
            tuned on.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    backbone = _verified(folder, manifest["backbone"], backbone, dtype, device)
    memory = from_dict(MemoryConfig, manifest["memory"])
    router = read_router(folder, manifest["router_sha256"])
    router.encoder.to(backbone.device)
    bank = Bank(folder / "bank", memory, manifest["hidden_size"], cache_bytes=cache_bytes)
    keys = read_due_keys(folder)
    attached = attach(backbone, memory)
    return MemoryModel(attached, router, bank, manifest, strict=strict, due_keys=keys)


def load_beside(model: MemoryModel, folder: Path | str) -> MemoryModel:
    """Return the model of another checkpoint, on the same backbone in memory where it has the same.

    Either answers, in turns.

    Raises:
        CheckpointError: the folder is incomplete or damaged.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if any(manifest[name] != model.manifest[name] for name in ("backbone", "memory")):
        return load(folder, strict=model.strict)
    router = read_router(folder, manifest["router_sha256"])
    router.encoder.to(model.attached.backbone.device)
    bank = Bank(folder / "bank", model.bank.config, manifest["hidden_size"])
    return MemoryModel(
        model.attached,
        router,
        bank,
        manifest,
        strict=model.strict,
        due_keys=read_due_keys(folder),
        beside=model,
    )


def _verified(
    folder: Path,
    tuned: dict[str, str],
    given: str | Backbone | None,
    dtype: torch.dtype | None,
    device: torch.device | str,
) -> Backbone:
    """Return the backbone in `dtype`, its weights proved to be those that memory was tuned on."""
    # The fingerprint is of the weights as they were then: another dtype is another load.
    then: torch.dtype = getattr(torch, tuned.get("dtype", "float32"))
    if isinstance(given, Backbone):
        backbone = given
        if backbone.dtype != then or dtype not in (None, then):
            raise CheckpointError(
                f"{folder} was tuned on a backbone in {then}, the given one is in "
                f"{backbone.dtype}: it can be verified in {then} alone; give its name or "
                "folder as backbone= and what you want as dtype="
            )
    else:
        backbone = load_backbone(given or tuned["reference"], dtype=then, device=device)
    reference = backbone.reference
    if backbone.fingerprint() != tuned["fingerprint"]:
        raise CheckpointError(
            f"{folder} was tuned on another backbone than {reference!r}: the weights "
            f"differ from those of {tuned['reference']!r} then; give the one it was tuned on"
        )
    if dtype in (None, then):
        return backbone
    del backbone  # not two of them in memory
    return load_backbone(reference, dtype=dtype, device=device)
