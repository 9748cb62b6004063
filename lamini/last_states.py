"""What the backbone is about to say, beside the router's own query.

The states of a prompt's last token hold what comes next: a name, a date, a place. Two phrasings of
one question agree in that, two questions about one subject mostly do not, and a backbone that has
read widely knows it of phrasings that no table has shown (Jiang et al. 2023, arXiv:2307.16645, take
sentence embeddings from there). Centred, for states of one layer share a large mean; at three
depths, for no single one is best. decisions/0013 has the numbers.

Shape suffixes: B batch   N depths   D hidden size   W width of the projection
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import normalize

_WIDTH = 512
"""At most; keys of a wide backbone's states as they are would be larger than its experts."""
_SHARES_OF_DEPTH = (2 / 3, 5 / 6, 1)


def depths_of(num_trunk_layers: int) -> tuple[int, ...]:
    """Return how many layers lie below each of the states that are compared."""
    return tuple(max(1, round(num_trunk_layers * share)) for share in _SHARES_OF_DEPTH)


@dataclass(frozen=True, kw_only=True)
class LastStates:
    """Turns the last token's states into one unit vector."""

    mean_ND: torch.Tensor
    projection_W: torch.Tensor
    """[N * D, W], with orthonormal columns."""

    @classmethod
    def fit(cls, states: Sequence[torch.Tensor], seed: int) -> "LastStates":
        """Return what centres states like these, [N, D] each, and projects them at random."""
        mean_ND = torch.stack([state_ND.float() for state_ND in states]).mean(0)
        generator = torch.Generator().manual_seed(seed)
        size = mean_ND.numel()
        drawn = torch.randn(size, min(_WIDTH, size // 2 * 2), generator=generator)
        projection_W = torch.linalg.qr(drawn).Q.contiguous().to(mean_ND.device)
        return cls(mean_ND=mean_ND, projection_W=projection_W)

    @property
    def width(self) -> int:
        return self.projection_W.shape[1]

    def encode(self, last_BND: torch.Tensor) -> torch.Tensor:
        """Return unit vectors [B, W]; every depth counts the same."""
        device = last_BND.device
        centred_BND = normalize(last_BND.float() - self.mean_ND.to(device), dim=-1)
        return normalize(centred_BND.flatten(1) @ self.projection_W.to(device), dim=-1)
