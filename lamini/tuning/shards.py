"""What tuning leaves of a shard: one file, whole or absent, which is what a resume skips."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from lamini.errors import CheckpointError
from lamini.saved import read_tensors, write_tensors
from lamini.training_data import TrainingFact


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """The tuned experts of one shard, and how it went."""

    shard_index: int
    fact_ids: tuple[str, ...]
    training_hashes: tuple[str, ...]
    """What the experts were made of, fact by fact (`TrainingFact.training_hash`)."""
    settings: str
    """The settings of tuning, in words."""
    weights: tuple[torch.Tensor, ...]
    """Each fact's experts [A, D], one for each token of its answer."""
    num_positions: int
    """Answer positions run forward and backward, or verified: what tuning cost."""
    loss_by_step: tuple[float, ...]
    """Mean over all answer tokens of the loss in the worst context: before the first step, then
    after each."""
    undecided: tuple[int, ...]
    """Facts (by index) that did not get there within the budget."""
    reasons: tuple[str, ...]
    """Why, for each of the undecided."""

    @property
    def num_steps(self) -> int:
        return len(self.loss_by_step) - 1

    @property
    def num_tokens(self) -> int:
        return sum(map(len, self.weights))


def shard_path(folder: Path, shard: int) -> Path:
    """The file of a finished shard."""
    return folder / f"shard-{shard:05d}.safetensors"


def save_shard(folder: Path, result: ShardResult) -> None:
    """Write a finished shard, whole or not at all."""
    tensors = {f"weights.{i}": weight for i, weight in enumerate(result.weights)}
    tensors["facts"] = _text_tensor("\n".join(result.fact_ids))
    tensors["made_of"] = _text_tensor("\n".join((result.settings, *result.training_hashes)))
    tensors["reasons"] = _text_tensor("\n".join(result.reasons))
    tensors["undecided"] = torch.tensor(result.undecided, dtype=torch.int64)
    tensors["loss_by_step"] = torch.tensor(result.loss_by_step, dtype=torch.float64)
    tensors["cost"] = torch.tensor([result.num_positions])
    write_tensors(shard_path(folder, result.shard_index), tensors)


def load_shard(folder: Path, shard: int, facts: Sequence[TrainingFact]) -> ShardResult | None:
    """Return a finished shard; None when it is absent, damaged, or of facts as they were."""
    try:
        tensors = read_tensors(shard_path(folder, shard))
    except CheckpointError:
        return None
    fact_ids = _text_lines(tensors["facts"])
    settings, *hashes = _text_lines(tensors["made_of"]) if "made_of" in tensors else ("",)
    wanted = [fact.training_hash() for fact in facts]
    if fact_ids != tuple(fact.fact_id for fact in facts) or hashes != wanted:
        return None
    return ShardResult(
        shard_index=shard,
        fact_ids=fact_ids,
        training_hashes=tuple(hashes),
        settings=settings,
        weights=tuple(tensors[f"weights.{i}"] for i in range(len(fact_ids))),
        num_positions=int(tensors["cost"]),
        loss_by_step=tuple(tensors["loss_by_step"].tolist()),
        undecided=tuple(tensors["undecided"].tolist()),
        reasons=_text_lines(tensors["reasons"]) if tensors["reasons"].numel() else (),
    )


def _text_tensor(text: str) -> torch.Tensor:
    return torch.tensor(list(text.encode()), dtype=torch.uint8)


def _text_lines(text: torch.Tensor) -> tuple[str, ...]:
    return tuple(bytes(text.tolist()).decode().split("\n"))
