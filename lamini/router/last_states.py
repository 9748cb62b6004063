"""What the backbone is about to say, beside the router's own query.

The states of a prompt's last token hold what comes next: a name, a date, a place. Two phrasings of
one question agree in that, two questions about one subject mostly do not, and a backbone that has
read widely knows it of phrasings that no table has shown (Jiang et al. 2023, arXiv:2307.16645, take
sentence embeddings from there). Centred, for states of one layer share a large mean, another one
behind a chat template than behind bare words; at three depths, for no single one is best.
decisions/0013 has the numbers.

Shape suffixes: B batch   N depths   D hidden size   E N * D   W width of the projection
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import normalize

_WIDTH = 512
"""At most; keys of a wide backbone's states as they are would be larger than its experts."""
_SHARES_OF_DEPTH = (2 / 3, 5 / 6, 1)


def depths_of(num_trunk_layers: int) -> tuple[int, ...]:
    """Return how many layers lie below each of the states that are compared."""
    return tuple(max(1, round(num_trunk_layers * share)) for share in _SHARES_OF_DEPTH)


class LastStates(nn.Module):
    """Turns the last token's states into one unit vector. Nothing in it is trained."""

    mean_2ND: torch.Tensor
    """Of bare prompts, and of those within a chat template."""
    projection_EW: torch.Tensor
    """With orthonormal columns."""

    def __init__(self, mean_2ND: torch.Tensor, projection_EW: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("mean_2ND", mean_2ND)
        self.register_buffer("projection_EW", projection_EW)

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
        return cls(mean_2ND, torch.linalg.qr(drawn).Q.contiguous().to(mean_2ND.device))

    @property
    def width(self) -> int:
        return int(self.projection_EW.shape[1])

    def forward(self, last_BND: torch.Tensor, templated: Sequence[bool]) -> torch.Tensor:
        """Return unit vectors [B, W]; every depth counts the same.

        `templated` says of each prompt whether a chat template stands around it.
        """
        form_B = torch.tensor(templated, dtype=torch.int64, device=last_BND.device)
        centred_BND = normalize(last_BND.float() - self.mean_2ND[form_B], dim=-1)
        return normalize(centred_BND.flatten(1) @ self.projection_EW, dim=-1)
