"""What the backbone makes of prompts with their answers, as far as memory needs it: once for all.

Experts act above the last decoder layer, so the states that they are added to never change. A row
is one answer position of one prompt; rows know nothing of each other.

Shape suffixes: R rows   D hidden size   V vocabulary   E experts
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy

from lamini.backbone.memory import Attached
from lamini.backbone.trunk import top_states

_LOGITS = 2**24
"""Logits in memory at once."""


@dataclass(frozen=True, kw_only=True)
class AnswerStates:
    """States at answer positions, the token that each is to produce, the expert that it reads."""

    state_RD: torch.Tensor
    target_R: torch.Tensor
    expert_R: torch.Tensor
    prompt_R: torch.Tensor
    """Which of the prompts given a row is of."""

    def only(self, rows: torch.Tensor) -> "AnswerStates":
        """Return the given rows (numbers or a mask) alone."""
        return AnswerStates(
            state_RD=self.state_RD[rows],
            target_R=self.target_R[rows],
            expert_R=self.expert_R[rows],
            prompt_R=self.prompt_R[rows],
        )


@torch.no_grad()
def prepare_answers(
    attached: Attached,
    prompts: Sequence[list[int]],
    answers: Sequence[list[int]],
    first_expert: Sequence[int],
) -> AnswerStates:
    """Run the backbone over prompts with their answers; keep what stands at answer positions.

    The experts of a prompt's answer are numbered from its `first_expert` on.
    """
    whole = [p + a[:-1] for p, a in zip(prompts, answers, strict=True)]
    kept = [len(prompt) - 1 for prompt in prompts]
    states = top_states(attached, whole, kept)
    device = attached.backbone.device
    numbers = [range(n, n + len(a)) for n, a in zip(first_expert, answers, strict=True)]
    return AnswerStates(
        state_RD=torch.cat(states),
        target_R=torch.tensor([token for answer in answers for token in answer], device=device),
        expert_R=torch.tensor([number for own in numbers for number in own], device=device),
        prompt_R=torch.tensor(
            [row for row, answer in enumerate(answers) for _ in answer], device=device
        ),
    )


def answer_losses(
    attached: Attached,
    states: AnswerStates,
    shift_ED: torch.Tensor,
    uphill_ED: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the loss [R] of each row's token: the fast path, equal to the plain one.

    The gradient of their sum by the experts is added to `uphill_ED`, where given.
    """
    losses = []
    width = attached.backbone.model.config.get_text_config().vocab_size
    for rows in torch.arange(len(states.target_R)).split(max(1, _LOGITS // width)):
        part = states.only(rows.to(states.target_R.device))
        state_RD = part.state_RD + shift_ED[part.expert_R].to(part.state_RD.dtype)
        with torch.set_grad_enabled(uphill_ED is not None):
            state_RD.requires_grad_(uphill_ED is not None)
            logits_RV = attached.logits(state_RD).float()
            loss_R = cross_entropy(logits_RV, part.target_R, reduction="none")
            if uphill_ED is not None:
                (grad_RD,) = torch.autograd.grad(loss_R.sum(), state_RD)
                uphill_ED.index_add_(0, part.expert_R, grad_RD.to(uphill_ED.dtype))
        losses.append(loss_R.detach())
    return torch.cat(losses)
