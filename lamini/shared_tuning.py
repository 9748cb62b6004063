"""The paper's shared mode: a prompt reads the best 32 single experts, and facts share experts.

Every prompt has a read set of its own: the experts of best product-key score, weighted by the
softmax over these scores. One table holds the experts that any fact reads; a step takes a batch of
facts, its gradient is scatter-added to the experts they share, and only these take an Adam step. A
decided fact can be disturbed by later ones, so all are verified again, and those that fell return.
It is kept for the studies: nearly every fact is affected when one in a hundred changes.

Sources: Li et al. 2024, arXiv:2406.17642; He 2024, arXiv:2407.04153 (softmax over product-key
scores). We depart: the read set is decided once for each prompt, not for each token and layer.

Shape suffixes: P prompts   R experts of a read set   E experts in the table   M of them in a step
    T parts (layers' down, layers' up)   D hidden size   B examples   A answer tokens   K key width
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch

from lamini.answer_batch import AnswerBatch, answer_logits, prepare_answers
from lamini.closed_form import answer_losses
from lamini.config import Tuning
from lamini.experts import Experts, Reading
from lamini.memory import Attached
from lamini.memory_tuning import require_finite
from lamini.router import ProductKeys
from lamini.text import encode_answer, encode_prompt
from lamini.training_data import TrainingFact

TEMPERATURE = 0.1
"""Of the softmax over minus the squared distance of unit queries."""
_VERIFY_EVERY = 4
"""Passes between two verifications of all facts; a pass costs about three of them."""


@dataclass(frozen=True, kw_only=True)
class ReadSets:
    """The experts that each of P prompts reads, best first, and their weights."""

    expert_PR: torch.Tensor
    weight_PR: torch.Tensor
    """Each row sums to 1."""

    def only(self, rows: Sequence[int]) -> "ReadSets":
        """Return the read sets of the given prompts."""
        return ReadSets(expert_PR=self.expert_PR[[*rows]], weight_PR=self.weight_PR[[*rows]])


def read_sets(query_PK: torch.Tensor, product_keys: ProductKeys, num_read: int = 32) -> ReadSets:
    """Return the best `num_read` experts of each query: a cell of the product keys is an expert."""
    expert_PR, score_PR = product_keys.scored_cells(query_PK, num_read)
    return ReadSets(expert_PR=expert_PR, weight_PR=(score_PR / TEMPERATURE).softmax(-1))


@dataclass(kw_only=True)
class SharedExperts:
    """The experts that any fact reads, with the only optimizer state: sparse Adam."""

    number_E: torch.Tensor
    """Ascending."""
    weight_ETD: torch.Tensor
    first_ETD: torch.Tensor
    second_ETD: torch.Tensor
    steps_E: torch.Tensor

    @classmethod
    def fresh(cls, number_E: torch.Tensor, attached: Attached, seed: int) -> "SharedExperts":
        """Return the given experts as they start out: `up` is zero, so nothing is changed yet."""
        layers, dim = attached.config.num_memory_layers, attached.hidden_size
        down = torch.randn(
            len(number_E), layers, dim, generator=torch.Generator().manual_seed(seed)
        )
        weight_ETD = torch.cat([down * dim**-0.5, torch.zeros_like(down)], dim=1)
        return cls(
            number_E=number_E,
            weight_ETD=weight_ETD,
            first_ETD=torch.zeros_like(weight_ETD),
            second_ETD=torch.zeros_like(weight_ETD),
            steps_E=torch.zeros(len(number_E)),
        )

    def reading(self, sets: ReadSets, mask_BL: torch.Tensor | None = None) -> Reading:
        """Return the reading of a batch in which every row reads; an expert not held is zero."""
        row_BR = torch.searchsorted(self.number_E, sets.expert_PR).clamp(max=len(self.number_E) - 1)
        held_BR = self.number_E[row_BR] == sets.expert_PR
        return _reading(self.weight_ETD[row_BR], sets.weight_PR * held_BR, mask_BL)

    @torch.no_grad()
    def step(self, row_M: torch.Tensor, grad_MTD: torch.Tensor, learning_rate: float) -> None:
        """Take one Adam step on the given rows (Kingma & Ba 2014, arXiv:1412.6980)."""
        beta1, beta2 = 0.9, 0.99
        self.steps_E[row_M] += 1
        steps = self.steps_E[row_M][:, None, None]
        first = self.first_ETD[row_M].lerp_(grad_MTD, 1 - beta1)
        second = self.second_ETD[row_M].lerp_(grad_MTD.square(), 1 - beta2)
        self.first_ETD[row_M], self.second_ETD[row_M] = first, second
        spread = (second / (1 - beta2**steps)).sqrt_().add_(1e-8)
        self.weight_ETD[row_M] -= learning_rate * (first / (1 - beta1**steps)).div_(spread)


def _reading(
    weight_BRTD: torch.Tensor, weight_BR: torch.Tensor, mask_BL: torch.Tensor | None
) -> Reading:
    parts = weight_BRTD.unbind(2)
    layers = len(parts) // 2
    return Reading(
        rows_N=torch.arange(len(weight_BR)),
        experts=Experts(down_NGD=parts[:layers], up_NGD=parts[layers:]),
        mask_BL=mask_BL,
        weight_NG=weight_BR,
    )


@dataclass(frozen=True, kw_only=True)
class SharedResult:
    """The tuned experts, and how it went."""

    experts: SharedExperts
    num_passes: int
    num_positions: int
    """Answer positions run forward and backward, or verified."""
    active_by_pass: tuple[int, ...]
    """Facts with an undecided token in each pass or verification."""
    undecided: tuple[int, ...]
    """Facts (by index) that did not get there within the budget."""


def tune_shared(
    attached: Attached, facts: Sequence[TrainingFact], sets: ReadSets, config: Tuning
) -> SharedResult:
    """Tune the experts that the prompts read until all facts are decided, or the budget ends.

    `sets` has a row for each prompt tuned on: the first `prompts_per_fact` of each fact, in order.

    Raises:
        ValueError: the number of read sets is not that of the prompts.
        NonFiniteLossError: a loss is not a number; it names the fact.
    """
    parts = _batches(attached, facts, sets, config)
    experts = SharedExperts.fresh(sets.expert_PR.unique(), attached, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    history: list[int] = []
    positions = num_passes = 0
    active = torch.ones(len(facts), dtype=torch.bool)
    while True:
        # All are verified at times, and before the end: decided facts share experts with others.
        if num_passes % _VERIFY_EVERY == 0 or not active.any() or num_passes == config.max_passes:
            active, cost = _verify(attached, experts, parts, facts, config)
            positions += cost
            history.append(int(active.sum()))
            if not active.any() or num_passes == config.max_passes:
                break
        still = torch.zeros_like(active)
        for index in torch.randperm(len(parts), generator=generator).tolist():
            part = parts[index].of_facts(active)
            if len(part.fact_B):
                still |= _step(attached, experts, part, facts, config)
                positions += int((part.batch.target_BA >= 0).sum())
        active, num_passes = still, num_passes + 1
        history.append(int(active.sum()))
    return SharedResult(
        experts=experts,
        num_passes=num_passes,
        num_positions=positions,
        active_by_pass=tuple(history),
        undecided=tuple(active.nonzero()[:, 0].tolist()),
    )


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Examples of one batch, the fact and the read set of each."""

    batch: AnswerBatch
    fact_B: torch.Tensor
    sets: ReadSets

    def of_facts(self, active_F: torch.Tensor) -> "_Part":
        rows = active_F[self.fact_B].nonzero()[:, 0]
        if len(rows) == len(self.fact_B):
            return self
        return _Part(
            batch=self.batch.only(rows),
            fact_B=self.fact_B[rows],
            sets=self.sets.only(rows.tolist()),
        )


def _batches(
    attached: Attached, facts: Sequence[TrainingFact], sets: ReadSets, config: Tuning
) -> list[_Part]:
    """Return batches of like answer length, all examples of a fact in one."""
    tokenizer, limit = attached.backbone.tokenizer, config.max_answer_tokens
    answers = [encode_answer(tokenizer, fact.answer, max_tokens=limit) for fact in facts]
    prompts = [fact.prompts[: config.prompts_per_fact] for fact in facts]
    first = torch.tensor([0, *map(len, prompts)]).cumsum(0).tolist()
    if first[-1] != len(sets.expert_PR):
        raise ValueError(f"{len(sets.expert_PR)} read sets for {first[-1]} prompts; give one each")
    order = sorted(range(len(facts)), key=lambda f: (len(answers[f]), f))
    in_batch = max(1, config.batch_examples // config.prompts_per_fact)
    parts = []
    for start in range(0, len(order), in_batch):
        rows = [
            (f, encode_prompt(tokenizer, prompt, cloze=facts[f].cloze), first[f] + i)
            for f in order[start : start + in_batch]
            for i, prompt in enumerate(prompts[f])
        ]
        batch = prepare_answers(attached, [p for _, p, _ in rows], [answers[f] for f, _, _ in rows])
        own = sets.only([row for _, _, row in rows])
        parts.append(_Part(batch=batch, fact_B=torch.tensor([f for f, _, _ in rows]), sets=own))
    return parts


def _step(
    attached: Attached,
    experts: SharedExperts,
    part: _Part,
    facts: Sequence[TrainingFact],
    config: Tuning,
) -> torch.Tensor:
    """Take one step on a batch; return which facts [F] have an undecided token before it."""
    number_M, row_BR = part.sets.expert_PR.unique(return_inverse=True)
    row_M = torch.searchsorted(experts.number_E, number_M)
    weight_MTD = experts.weight_ETD[row_M].requires_grad_(True)
    reading = _reading(weight_MTD[row_BR], part.sets.weight_PR, None)
    loss_BA = answer_losses(answer_logits(attached, part.batch, reading), part.batch.target_BA)
    require_finite(loss_BA, part.fact_B, facts, config)
    undecided_BA = loss_BA.detach() > -log(config.decided_probability)
    open_F = torch.zeros(len(facts), dtype=torch.bool)
    open_F[part.fact_B[undecided_BA.any(1)]] = True
    if undecided_BA.any():
        (loss_BA * undecided_BA).sum().backward()
        assert weight_MTD.grad is not None
        touched_M = row_BR[undecided_BA.any(1)].unique()
        experts.step(row_M[touched_M], weight_MTD.grad[touched_M], config.learning_rate)
    return open_F


@torch.no_grad()
def _verify(
    attached: Attached,
    experts: SharedExperts,
    parts: Sequence[_Part],
    facts: Sequence[TrainingFact],
    config: Tuning,
) -> tuple[torch.Tensor, int]:
    open_F, positions = torch.zeros(len(facts), dtype=torch.bool), 0
    for part in parts:
        logits = answer_logits(attached, part.batch, experts.reading(part.sets))
        loss_BA = answer_losses(logits, part.batch.target_BA)
        require_finite(loss_BA, part.fact_B, facts, config)
        open_F[part.fact_B[(loss_BA > -log(config.decided_probability)).any(1)]] = True
        positions += int((part.batch.target_BA >= 0).sum())
    return open_F, positions
