"""The experts of a shard's facts while they are tuned, with the only optimizer state there is.

Shape suffixes: F facts of a shard   N facts chosen   P parts (layers' down, layers' up)
    G experts in a block   D hidden size   B examples   A answer tokens
"""

from collections.abc import Iterable, Mapping, Sequence

import torch

from lamini.config import Tuning
from lamini.experts import Experts, pack
from lamini.memory import Attached
from lamini.training_data import TrainingFact


class ShardExperts:
    """The experts of a shard's facts with the only optimizer state: Adam, group by group."""

    def __init__(self, attached: Attached, facts: Sequence[TrainingFact], config: Tuning) -> None:
        size, device = attached.config.group_size, attached.backbone.device
        self.config = config
        self.facts = facts
        self.num_layers = attached.config.num_memory_layers
        exists_FG1 = torch.zeros(len(facts), size, 1)
        for row, fact in enumerate(facts):
            exists_FG1[row, : fact.num_experts] = 1.0
        self.exists_FG1 = exists_FG1.to(device)
        # One row a fact: per layer the down block, then per layer the up block.
        shape = (len(facts), 2 * self.num_layers, size, attached.hidden_size)
        self.weight_FPGD = torch.zeros(shape, device=device)
        self._draw(range(len(facts)))
        self.first_FPGD = torch.zeros_like(self.weight_FPGD)
        self.second_FPGD = torch.zeros_like(self.weight_FPGD)
        self.steps_F = torch.zeros(len(facts), device=device)

    def _draw(self, rows: Iterable[int]) -> None:
        """Draw the given facts' experts, which add nothing yet."""
        size, dim = self.weight_FPGD.shape[2:]
        shape = (self.num_layers, size, dim)
        for row in rows:
            # Seeded by the group alone: a fact's experts do not depend on its neighbours; drawn
            # on the processor, so that they begin alike on every device.
            seed = self.config.seed * 1_000_003 + self.facts[row].group_index
            generator = torch.Generator().manual_seed(seed)
            drawn = (torch.randn(shape, generator=generator) * dim**-0.5).to(self.exists_FG1.device)
            self.weight_FPGD[row, : self.num_layers] = drawn * self.exists_FG1[row]
            self.weight_FPGD[row, self.num_layers :] = 0.0

    @torch.no_grad()
    def begin_anew(self, rows: Sequence[int]) -> dict[int, torch.Tensor]:
        """Let the given facts begin as if nothing had been written; return what they had."""
        before = {row: self.weight_FPGD[row].clone() for row in rows}
        self._draw(rows)
        for state in (self.first_FPGD, self.second_FPGD, self.steps_F):
            state[list(rows)] = 0.0
        return before

    @torch.no_grad()
    def bring_back(self, weights: Mapping[int, torch.Tensor]) -> None:
        """Give facts the weights that they had."""
        for row, weight_PGD in weights.items():
            self.weight_FPGD[row] = weight_PGD

    def select(self, fact_N: torch.Tensor) -> torch.Tensor:
        """Return a copy of the given facts' weights that collects their gradient."""
        return self.weight_FPGD[fact_N].requires_grad_(True)

    def fewest(self, fact_N: torch.Tensor) -> int:
        """Return how many experts each of the given facts has at least."""
        return int(self.exists_FG1[fact_N].sum(1).min())

    def of(self, weight_NPGD: torch.Tensor, row_B: torch.Tensor) -> Experts:
        """Return each example's experts, padded to the block."""
        parts = weight_NPGD.index_select(0, row_B).unbind(1)
        return Experts(down_NGD=parts[: self.num_layers], up_NGD=parts[self.num_layers :])

    @torch.no_grad()
    def write(
        self, fact_N: torch.Tensor, key_NAD: torch.Tensor, value_NAD: torch.Tensor, depth: int = 0
    ) -> None:
        """Put them into the layer `depth` below the top: the i-th into expert i, where there is."""
        width = min(key_NAD.shape[1], self.exists_FG1.shape[1])
        down = self.num_layers - 1 - depth
        used_NA1 = (value_NAD[:, :width] != 0).any(-1, keepdim=True)
        used_NA1 &= self.exists_FG1[fact_N, :width] > 0
        for part, given_NAD in ((down, key_NAD), (down + self.num_layers, value_NAD)):
            before_NAD = self.weight_FPGD[fact_N, part, :width]
            after_NAD = torch.where(used_NA1, given_NAD[:, :width], before_NAD)
            self.weight_FPGD[fact_N, part, :width] = after_NAD

    @torch.no_grad()
    def clear_top(self, fact_N: torch.Tensor) -> None:
        """Make the top layer add nothing, as before it was written."""
        self.weight_FPGD[fact_N, -1] = 0.0

    @torch.no_grad()
    def step(self, fact_N: torch.Tensor, grad_NPGD: torch.Tensor) -> None:
        """Take one Adam step on the given facts' groups (Kingma & Ba 2014, arXiv:1412.6980)."""
        beta1, beta2 = 0.9, 0.99
        self.steps_F[fact_N] += 1
        steps = self.steps_F[fact_N][:, None, None, None]
        grad_NPGD = grad_NPGD * self.exists_FG1[fact_N][:, None]
        first = self.first_FPGD[fact_N].lerp_(grad_NPGD, 1 - beta1)
        second = self.second_FPGD[fact_N].lerp_(grad_NPGD.square(), 1 - beta2)
        self.first_FPGD[fact_N], self.second_FPGD[fact_N] = first, second
        spread = (second / (1 - beta2**steps)).sqrt_().add_(1e-8)
        update = (first / (1 - beta1**steps)).div_(spread)
        self.weight_FPGD[fact_N] -= self.config.learning_rate * update

    def packed(self, fact: int, num_experts: int) -> torch.Tensor:
        """Return one fact's experts as the bank stores them."""
        parts = self.weight_FPGD[fact, :, :num_experts].unbind(0)
        return pack(parts[: self.num_layers], parts[self.num_layers :])
