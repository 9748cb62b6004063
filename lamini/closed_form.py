"""The closed-form start of memory tuning: write a fact's experts by least squares, then verify.

One expert of the top memory layer is made for each answer position. Its value (`up`) is the shift
of the layer's output that decides the position's token, found by a few normalised gradient steps on
the shift alone, and then overshot: paraphrases fire the expert less than the phrasings it was made
from. Its key (`down`) is a ridge regression over all phrasings and positions: on at its own
position, below zero at the others, where silu is nearly flat.

Sources: Meng et al. 2022, arXiv:2202.05262 and arXiv:2210.07229 (a value found by gradient, written
by least squares). We depart: the facts own their experts, so each is solved alone and the frozen
weights stay; phrasings are rows of one regression, which is where paraphrase recall comes from.

Shape suffixes: N facts   B examples   A answer positions   R rows of a fact (phrasings x positions)
    D hidden size
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import log
from typing import Any

import torch
from torch.nn.functional import cross_entropy, normalize, silu

from lamini.answer_batch import AnswerBatch, answer_logits
from lamini.experts import Experts, MemoryLayer
from lamini.memory import Attached, reading_of

_ON, _OFF = 6.0, -2.0
"""What a key should answer at its own position and at the fact's others, before silu."""
RIDGES = (0.3, 0.03, 0.003)
"""In units of the mean squared norm of a row. Less fits the phrasings better and paraphrases worse:
held-out answers decided 91.8% at 0.03, 95.2% at 0.3; at 1.0 the fact's own phrasings begin to fail.
So the first is for all facts, the others for those that it fails.
"""
_ALL = slice(None)
_VALUE_RIDGE = 1e-3
_FIRST_STEP, _GROWTH, _MAX_STEPS = 0.3, 1.3, 12
"""Steps of the shift, in units of the residual stream's norm."""
_DECIDED = 0.97
_OVERSHOOT = 2.0


@dataclass(kw_only=True)
class _Probe:
    """Shifts the output of the top memory layer, and keeps what the first call saw."""

    shift_BAD: torch.Tensor = field(default_factory=lambda: torch.zeros(()))
    input_BAD: torch.Tensor | None = None
    """What the layer was given."""
    norm_BA: torch.Tensor | None = None
    """Norm of the residual stream above the layer, before any shift."""

    def see_memory_layer(self, layer: Any, given: Any, output: torch.Tensor) -> torch.Tensor:
        if self.input_BAD is None:
            self.input_BAD = given[0].detach()
        return output + self.shift_BAD.to(output.dtype)

    def see_decoder_layer(self, layer: Any, given: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        if self.norm_BA is None:
            self.norm_BA = state.detach().float().norm(dim=-1)


@contextmanager
def _probing(attached: Attached, depth: int) -> Iterator[_Probe]:
    probe, layer = _Probe(), attached.backbone.layers[-1 - depth]
    memory_layer = layer.mlp
    assert isinstance(memory_layer, MemoryLayer)
    handles = [
        memory_layer.register_forward_hook(probe.see_memory_layer),
        layer.register_forward_hook(probe.see_decoder_layer),
    ]
    try:
        yield probe
    finally:
        for handle in handles:
            handle.remove()


def answer_losses(logits_BAV: torch.Tensor, target_BA: torch.Tensor) -> torch.Tensor:
    """Return the loss of each answer token [B, A], zero where padded."""
    loss = cross_entropy(logits_BAV.flatten(0, 1).float(), target_BA.flatten(), reduction="none")
    return loss.view_as(target_BA)


def closed_form(
    attached: Attached,
    batch: AnswerBatch,
    fact_B: torch.Tensor,
    num_facts: int,
    *,
    given: Experts | None = None,
    depth: int = 0,
    positions: slice = _ALL,
    ridge: float = RIDGES[0],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return keys and values [N, A, D] of experts for the memory layer `depth` below the top.

    `fact_B` numbers the facts of the batch 0..N-1; all examples of a fact have the same answer.
    Only answer `positions` get an expert, all others zeros; `given` are the examples' experts in
    other layers that are read meanwhile.
    """
    live_BA = batch.target_BA >= 0
    live_NA = live_BA.new_zeros(num_facts, live_BA.shape[1])
    live_NA[fact_B] = live_BA
    needs_NA = torch.zeros_like(live_NA)
    needs_NA[:, positions] = live_NA[:, positions]
    shift_NAD, input_BAD = _find_shifts(attached, batch, fact_B, needs_NA, given, depth)
    # Rows of one fact side by side; those with fewer phrasings get rows of zeros: they add nothing.
    counts_N = torch.bincount(fact_B, minlength=num_facts)
    order_B = fact_B.argsort(stable=True)
    nth_B = torch.empty_like(fact_B)
    starts_N = counts_N.cumsum(0) - counts_N
    nth_B[order_B] = torch.arange(len(fact_B), device=fact_B.device) - starts_N[fact_B[order_B]]

    def by_fact(given_BAX: torch.Tensor) -> torch.Tensor:
        rows = given_BAX.new_zeros(num_facts, int(counts_N.max()), *given_BAX.shape[1:])
        rows[fact_B, nth_B] = given_BAX * live_BA[..., None]
        return rows.flatten(1, 2)

    input_NRD = by_fact(input_BAD.float())
    width = live_BA.shape[1]
    wanted_AA = torch.full((width, width), _OFF, device=fact_B.device).fill_diagonal_(_ON)
    wanted_NRA = by_fact(wanted_AA.expand(len(fact_B), -1, -1)) * needs_NA[:, None]
    key_NDA = _ridge(input_NRD, wanted_NRA, ridge)
    fired_NRA = silu(input_NRD @ key_NDA)
    value_NAD = _ridge(fired_NRA, by_fact(shift_NAD[fact_B]), _VALUE_RIDGE)
    return key_NDA.transpose(1, 2), value_NAD


def _find_shifts(
    attached: Attached,
    batch: AnswerBatch,
    fact_B: torch.Tensor,
    needs_NA: torch.Tensor,
    given: Experts | None,
    depth: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the shift of each fact's positions [N, A, D] and the layer's inputs [B, A, D]."""
    shift_NAD = torch.zeros(*needs_NA.shape, attached.hidden_size, device=fact_B.device)
    step, part, own_B, theirs = _FIRST_STEP, batch, fact_B, given
    with _probing(attached, depth) as probe:
        for _ in range(_MAX_STEPS):
            worst_NA, uphill_NAD = _measured(
                attached, probe, part, own_B, shift_NAD, theirs, backward=True
            )
            open_NA = needs_NA & ~(worst_NA <= -log(_DECIDED))
            if not open_NA.any():
                break
            assert probe.norm_BA is not None
            norm_NA = torch.zeros(needs_NA.shape, device=fact_B.device)
            norm_NA.index_add_(0, fact_B, probe.norm_BA)
            step_NA = open_NA * step * norm_NA / fact_B.bincount(minlength=len(needs_NA))[:, None]
            shift_NAD += step_NA[..., None] * normalize(uphill_NAD, dim=-1)
            step *= _GROWTH
            rows = open_NA.any(1)[own_B].nonzero()[:, 0]
            if 2 * len(rows) <= len(own_B):  # copying the rest costs less than computing all
                part, own_B = part.only(rows), own_B[rows]
                theirs = None if theirs is None else theirs.only(rows)
        further_NAD = shift_NAD * _OVERSHOOT
        worst_NA, _ = _measured(attached, probe, batch, fact_B, further_NAD, given, backward=False)
    assert probe.input_BAD is not None
    holds_NA1 = (worst_NA <= -log(_DECIDED))[..., None]
    return torch.where(holds_NA1, further_NAD, shift_NAD), probe.input_BAD


def _measured(
    attached: Attached,
    probe: _Probe,
    batch: AnswerBatch,
    fact_B: torch.Tensor,
    shift_NAD: torch.Tensor,
    given: Experts | None,
    *,
    backward: bool,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the worst loss over a fact's phrasings [N, A], and which way its shift should go."""
    probe.shift_BAD = shift_NAD[fact_B].requires_grad_(backward)
    rows, device = list(range(len(fact_B))), attached.backbone.device
    reading = None if given is None else reading_of(given, rows, None, device)
    with torch.set_grad_enabled(backward):
        loss_BA = answer_losses(answer_logits(attached, batch, reading), batch.target_BA)
    worst_NA = torch.zeros(shift_NAD.shape[:2], device=fact_B.device)
    worst_NA.scatter_reduce_(0, fact_B[:, None].expand_as(loss_BA), loss_BA.detach(), "amax")
    uphill_NAD = torch.zeros_like(shift_NAD)
    if backward:
        loss_BA.sum().backward()
        assert probe.shift_BAD.grad is not None
        uphill_NAD.index_add_(0, fact_B, -probe.shift_BAD.grad)
    return worst_NA, uphill_NAD


def _ridge(rows_NRX: torch.Tensor, wanted_NRY: torch.Tensor, ridge: float) -> torch.Tensor:
    """Return the [N, X, Y] that map each fact's rows to what is wanted of them."""
    rows_NXR = rows_NRX.transpose(1, 2)
    square_N = rows_NRX.square().sum(-1)
    penalty_N = ridge * square_N.sum(1) / (square_N > 0).sum(1).clamp(min=1)
    kernel_NRR = rows_NRX @ rows_NXR
    kernel_NRR.diagonal(dim1=1, dim2=2).add_(penalty_N[:, None].clamp(min=1e-12))
    factor_NRR, _ = torch.linalg.cholesky_ex(kernel_NRR)
    # What cannot be solved (a backbone that gives NaN) stays zero; tuning then names the fact.
    return (rows_NXR @ torch.cholesky_solve(wanted_NRY, factor_NRR)).nan_to_num()
