"""Gradient steps on experts alone, until the loss of every answer token is near zero.

The states that an expert is added to never change and no two experts share a token, so a step is
the final norm and the head over cached states, for all experts at once. A step follows the gradient
of an expert's loss over all its contexts, a given share of the residual stream's norm long,
whatever the gradient's own length: so a shift soon outweighs what the contexts differ in, and what
it says holds where it was not fitted.

Shape suffixes: R rows   E experts   D hidden size
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log

import torch
from torch.nn.functional import normalize

from lamini.backbone.memory import Attached
from lamini.config import Tuning
from lamini.tuning.answer_states import AnswerStates, answer_losses

_MOMENTUM = 0.5


@dataclass(kw_only=True)
class Shifts:
    """The experts in flight, and the loss of each in its worst context."""

    shift_ED: torch.Tensor
    loss_E: torch.Tensor
    length_E: torch.Tensor
    """Tokens of the answer that an expert is of: they share what may be left of the loss."""
    loss_by_step: list[float] = field(default_factory=list)
    """The sum over all experts: before the first step, then after each."""
    num_positions: int = 0
    """Answer positions run forward and backward, or verified."""

    @classmethod
    def fresh(cls, lengths: Sequence[int], attached: Attached) -> "Shifts":
        """Return the experts of answers of these lengths, which add nothing yet."""
        device, num_experts = attached.backbone.device, sum(lengths)
        return cls(
            shift_ED=torch.zeros(num_experts, attached.hidden_size, device=device),
            loss_E=torch.full((num_experts,), float("inf"), device=device),
            length_E=torch.tensor([n for n in lengths for _ in range(n)], device=device),
        )


def fit_shifts(
    attached: Attached, states: AnswerStates, shifts: Shifts, config: Tuning
) -> torch.Tensor | None:
    """Take steps on the experts that rows read until all rows are near certain, or the budget ends.

    What an expert was in its best step is kept. Returns a mask [R] of rows whose loss is not a
    number, where there is one: nothing is kept then.
    """
    shift_ED, momentum_ED = shifts.shift_ED.clone(), torch.zeros_like(shifts.shift_ED)
    norm_E = _mean_norms(states, len(shift_ED))
    enough_E = -log(config.tuned_probability) / shifts.length_E
    best_E = torch.full_like(shifts.loss_E, float("inf"))
    for step in range(config.max_steps + 1):
        reads_E = torch.zeros(len(shift_ED), dtype=torch.bool, device=shift_ED.device)
        reads_E[states.expert_R] = True
        uphill_ED = torch.zeros_like(shift_ED)
        loss_R = answer_losses(attached, states, shift_ED, uphill_ED)
        shifts.num_positions += len(loss_R)
        if not loss_R.isfinite().all():
            return ~loss_R.isfinite()
        worst_E = worst_losses(loss_R, states, len(shift_ED))
        better_E = reads_E & (worst_E < best_E)
        shifts.shift_ED[better_E] = shift_ED[better_E]
        best_E = torch.where(better_E, worst_E, best_E)
        shifts.loss_E = torch.where(reads_E, best_E, shifts.loss_E)
        shifts.loss_by_step.append(float(shifts.loss_E.sum()))
        open_E = reads_E & (worst_E > enough_E)
        if step == config.max_steps or not open_E.any():
            return None
        momentum_ED = _MOMENTUM * momentum_ED + normalize(uphill_ED, dim=-1)
        length_E = config.learning_rate * norm_E * open_E
        shift_ED = shift_ED - length_E[:, None] * normalize(momentum_ED, dim=-1)
        states = states.only(open_E[states.expert_R])
    return None


def worst_losses(loss_R: torch.Tensor, states: AnswerStates, num_experts: int) -> torch.Tensor:
    """Return the largest loss [E] over the rows of each expert; zero where it has none."""
    worst_E = loss_R.new_zeros(num_experts)
    return worst_E.scatter_reduce_(0, states.expert_R, loss_R, "amax")


def _mean_norms(states: AnswerStates, num_experts: int) -> torch.Tensor:
    norm_R = states.state_RD.float().norm(dim=-1)
    sum_E = norm_R.new_zeros(num_experts).index_add_(0, states.expert_R, norm_R)
    return sum_E / states.expert_R.bincount(minlength=num_experts).clamp(min=1)
