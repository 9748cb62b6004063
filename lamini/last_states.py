"""What the backbone is about to say, beside the router's own query.

The states of a prompt's last token hold what comes next: a name, a date, a place. Two phrasings of
one question agree in that, two questions about one subject mostly do not, and a backbone that has
read widely knows it of phrasings that no table has shown (Jiang et al. 2023, arXiv:2307.16645, take
sentence embeddings from there). Centred, for states of one layer share a large mean, another one
behind a chat template than behind bare words; at three depths, for no single one is best.
decisions/0013 has the numbers.

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

    mean_2ND: torch.Tensor
    """Of bare prompts, and of those within a chat template."""
    projection_W: torch.Tensor
    """[N * D, W], with orthonormal columns."""

    @classmethod
    def fit(cls, sum_2ND: torch.Tensor, number_2: torch.Tensor, seed: int) -> "LastStates":
        """Return what centres states of these sums and numbers, and projects them at random.

        Of a form that none has, the mean is that of the other one.
        """
        mean_2ND = torch.where(
            number_2[:, None, None] > 0,
            sum_2ND / number_2.clamp(min=1e-9)[:, None, None],
            sum_2ND.sum(0) / number_2.sum(),
        )
        generator = torch.Generator().manual_seed(seed)
        size = mean_2ND[0].numel()
        drawn = torch.randn(size, min(_WIDTH, size // 2 * 2), generator=generator)
        projection_W = torch.linalg.qr(drawn).Q.contiguous().to(mean_2ND.device)
        return cls(mean_2ND=mean_2ND, projection_W=projection_W)

    @property
    def width(self) -> int:
        return self.projection_W.shape[1]

    def encode(self, last_BND: torch.Tensor, templated: Sequence[bool]) -> torch.Tensor:
        """Return unit vectors [B, W]; every depth counts the same.

        `templated` says of each prompt whether a chat template stands around it.
        """
        device = last_BND.device
        mean_BND = self.mean_2ND.to(device)[
            torch.tensor(templated, dtype=torch.int64, device=device)
        ]
        centred_BND = normalize(last_BND.float() - mean_BND, dim=-1)
        return normalize(centred_BND.flatten(1) @ self.projection_W.to(device), dim=-1)
