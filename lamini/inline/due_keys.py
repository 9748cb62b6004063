"""Due keys: one linear score for each relation, whether a value of it has just begun.

A key serves every subject, unseen ones too: it looks at the state at two thirds of the depth before
a token, and at the state at half the depth on that token, both as unit vectors. It is fitted by
ridge regression; its threshold lies above nearly all scores of other places, in texts about
subjects that the scoring fit did not see.

Shape suffixes: N places   F features   R relations
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.nn.functional import normalize

from lamini.saved import read_tensors, write_tensors

_FILE = "due_keys.safetensors"
_RIDGE = 0.1
"""Share of the mean diagonal that is added to it."""
_DUE_WEIGHT = 4.0
"""A due place counts as so many others."""
_FALSE = 1e-3
"""Share of places where nothing is due that may lie above the threshold."""
_FOLDS = 3


@dataclass(frozen=True, kw_only=True)
class DueKeys:
    """The keys of all relations."""

    relations: tuple[str, ...]
    key_FR: torch.Tensor
    """The last row is the offset."""
    threshold_R: torch.Tensor

    def scores(self, before_ND: torch.Tensor, after_ND: torch.Tensor) -> torch.Tensor:
        """Return the scores [N, R] less the thresholds: due where above zero."""
        x_NF = due_features(before_ND, after_ND)
        return x_NF @ self.key_FR[:-1] + self.key_FR[-1] - self.threshold_R

    def save(self, folder: Path) -> str:
        """Write them into a checkpoint's folder and return the SHA-256."""
        names = torch.frombuffer(bytearray(json.dumps(self.relations).encode()), dtype=torch.uint8)
        tensors = {"keys": self.key_FR, "thresholds": self.threshold_R, "relations": names}
        return write_tensors(folder / _FILE, tensors)


def read_due_keys(folder: Path) -> DueKeys | None:
    """Return the due keys of a checkpoint; None where it has none.

    Raises:
        CheckpointError: they are damaged.
    """
    if not (folder / _FILE).exists():
        return None
    tensors = read_tensors(folder / _FILE)
    relations = json.loads(tensors["relations"].numpy().tobytes())
    return DueKeys(
        relations=tuple(relations), key_FR=tensors["keys"], threshold_R=tensors["thresholds"]
    )


def due_features(before_ND: torch.Tensor, after_ND: torch.Tensor) -> torch.Tensor:
    """Return the features [N, F] of places: states before a token and on it."""
    both = (normalize(x.float(), dim=-1) for x in (before_ND, after_ND))
    return torch.cat([*both], dim=-1).cpu()


@dataclass(frozen=True, kw_only=True)
class Places:
    """Places of texts, with what is due there."""

    x_NF: torch.Tensor
    due_N: torch.Tensor
    """Row of the relation whose value begins; -1: none."""
    subject_N: torch.Tensor
    """The subject of the text: folds are by it."""


def fit_due_keys(places: Places, relations: Sequence[str]) -> DueKeys:
    """Return the keys of all relations."""
    scored_NR = torch.empty(len(places.due_N), len(relations))
    for fold in range(_FOLDS):
        out_N = places.subject_N % _FOLDS == fold
        key_FR = _ridge(places.x_NF[~out_N], places.due_N[~out_N], len(relations))
        scored_NR[out_N] = places.x_NF[out_N] @ key_FR[:-1] + key_FR[-1]
    thresholds = []
    for row in range(len(relations)):
        other = scored_NR[places.due_N != row, row].sort().values
        thresholds.append(other[min(len(other) - 1, int((1 - _FALSE) * len(other)))])
    return DueKeys(
        relations=tuple(relations),
        key_FR=_ridge(places.x_NF, places.due_N, len(relations)),
        threshold_R=torch.stack(thresholds),
    )


def _ridge(x_NF: torch.Tensor, due_N: torch.Tensor, num_relations: int) -> torch.Tensor:
    x_NF = torch.cat([x_NF, torch.ones(len(x_NF), 1)], dim=1).double()
    gram_FF = x_NF.T @ x_NF
    held_FF = _RIDGE * gram_FF.diagonal().mean() * torch.eye(len(gram_FF), dtype=torch.float64)
    keys = []
    for row in range(num_relations):
        own_NF = x_NF[due_N == row]
        left_FF = gram_FF + (_DUE_WEIGHT - 1) * own_NF.T @ own_NF + held_FF
        keys.append(torch.linalg.solve(left_FF, _DUE_WEIGHT * own_NF.sum(0)))
    return torch.stack(keys, dim=1).float()
