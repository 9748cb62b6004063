"""The paper's shared mode, a study: a prompt reads the best 32 experts, and facts share experts.

An expert has a key of its own here: it adds up * silu(down . x), x being what the top layer's MLP
is given. Nothing else of the package uses it.

Every prompt has a read set of its own: the experts of best product-key score, weighted by the
softmax over these scores. One table holds the experts that any fact reads; a step takes a batch of
facts, its gradient is scatter-added to the experts they share, and only these take an Adam step. A
decided fact can be disturbed by later ones, so all are verified again, and those that fell return.
It is kept for the studies: nearly every fact is affected when one in a hundred changes.

Sources: Li et al. 2024, arXiv:2406.17642; He 2024, arXiv:2407.04153 (softmax over product-key
scores). We depart: the read set is decided once for each prompt, not for each token and layer.

Shape suffixes: P prompts   R experts of a read set   E experts in the table   M of them in a step
    T two parts, down and up   D hidden size   S answer positions of examples   K key width
    B batch   L sequence
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import log
from typing import Any

import torch
from torch.nn.functional import cross_entropy, silu

from lamini.backbone.backbone import final_norm
from lamini.backbone.memory import Attached, pad_right
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.errors import NonFiniteLossError
from lamini.router.query_encoder import ProductKeys
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


@dataclass(frozen=True, kw_only=True)
class SharedTuning:
    """Settings of the study."""

    max_passes: int = 120
    learning_rate: float = 1e-2
    decided_probability: float = 0.9
    prompts_per_fact: int = 2
    batch_examples: int = 32
    """Small: facts that share experts need many steps, and a pass takes one a batch."""
    seed: int = 0


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
    def fresh(cls, number_E: torch.Tensor, hidden_size: int, seed: int) -> "SharedExperts":
        """Return the given experts as they start out: `up` is zero, so nothing is changed yet."""
        generator = torch.Generator().manual_seed(seed)
        down_ED = torch.randn(len(number_E), hidden_size, generator=generator) * hidden_size**-0.5
        weight_ETD = torch.stack([down_ED, torch.zeros_like(down_ED)], dim=1)
        return cls(
            number_E=number_E,
            weight_ETD=weight_ETD,
            first_ETD=torch.zeros_like(weight_ETD),
            second_ETD=torch.zeros_like(weight_ETD),
            steps_E=torch.zeros(len(number_E)),
        )

    def read(self, sets: ReadSets) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the experts [P, R, T, D] of read sets and their weights; one not held is zero."""
        row_PR = torch.searchsorted(self.number_E, sets.expert_PR).clamp(max=len(self.number_E) - 1)
        held_PR = self.number_E[row_PR] == sets.expert_PR
        return self.weight_ETD[row_PR], sets.weight_PR * held_PR

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


def apply_experts(
    x_PLD: torch.Tensor, weight_PRTD: torch.Tensor, weight_PR: torch.Tensor
) -> torch.Tensor:
    """Return the sum of w_r * up_r * silu(down_r . x) over the experts that each row reads."""
    down_PRD, up_PRD = weight_PRTD.unbind(2)
    fired_PLR = silu(torch.bmm(x_PLD, down_PRD.transpose(1, 2))) * weight_PR[:, None]
    return torch.bmm(fired_PLR, up_PRD)


@contextmanager
def sharing(attached: Attached, experts: SharedExperts, sets: ReadSets) -> Iterator[None]:
    """Let generation from left-padded prompts, one for each read set, read inside the block."""
    weights, given, is_prefill = experts.read(sets), [torch.empty(0)], [True]

    def see(mlp: Any, args: tuple[torch.Tensor]) -> None:
        given[0] = args[0]

    def add(norm: Any, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        delta_PLD = apply_experts(given[0], *weights)
        if is_prefill[0]:  # of the prompt the last column alone
            delta_PLD[:, :-1] = 0.0
            is_prefill[0] = False
        return (args[0] + delta_PLD,)

    handles = [
        _top_mlp(attached).register_forward_pre_hook(see),
        final_norm(attached.backbone).register_forward_pre_hook(add),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Prompts with their answers, of like answer length: what never changes is kept."""

    x_PLD: torch.Tensor
    """What the top MLP is given at the answer positions."""
    state_PLD: torch.Tensor
    """The states there above the last layer, without experts."""
    target_PL: torch.Tensor
    """Answer token ids, -100 where padded."""
    fact_P: torch.Tensor
    sets: ReadSets

    def of_facts(self, active_F: torch.Tensor) -> "Examples":
        """Return those of the active facts."""
        rows = active_F[self.fact_P].nonzero()[:, 0]
        return Examples(
            x_PLD=self.x_PLD[rows],
            state_PLD=self.state_PLD[rows],
            target_PL=self.target_PL[rows],
            fact_P=self.fact_P[rows],
            sets=self.sets.only(rows.tolist()),
        )

    def losses(
        self, attached: Attached, weight_PRTD: torch.Tensor, weight_PR: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of each answer token [P, L], zero where padded."""
        state_PLD = self.state_PLD + apply_experts(self.x_PLD, weight_PRTD, weight_PR)
        logits = attached.logits(state_PLD.flatten(0, 1))
        loss = cross_entropy(logits, self.target_PL.flatten(), reduction="none")
        return loss.view_as(self.target_PL)


@torch.no_grad()
def prepare_shared(
    attached: Attached,
    prompts: Sequence[list[int]],
    answers: Sequence[list[int]],
    fact_P: Sequence[int],
    sets: ReadSets,
) -> Examples:
    """Run the backbone once over prompts with their answers."""
    whole = [p + a[:-1] for p, a in zip(prompts, answers, strict=True)]
    ids_PL, mask_PL = pad_right(whole, attached.backbone)
    seen: list[torch.Tensor] = []
    handle = _top_mlp(attached).register_forward_pre_hook(lambda mlp, args: seen.append(args[0]))
    try:
        top = attached.stack(input_ids=ids_PL, attention_mask=mask_PL, use_cache=False)
    finally:
        handle.remove()
    width = max(map(len, answers))
    target_PL = torch.full((len(whole), width), -100)
    kept = [top.last_hidden_state.new_zeros(len(whole), width, attached.hidden_size) for _ in "xy"]
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        target_PL[row, : len(answer)] = torch.tensor(answer)
        for target, source in zip(kept, (seen[0], top.last_hidden_state), strict=True):
            target[row, : len(answer)] = source[row, len(prompt) - 1 : len(whole[row])]
    return Examples(
        x_PLD=kept[0],
        state_PLD=kept[1],
        target_PL=target_PL,
        fact_P=torch.tensor(fact_P),
        sets=sets,
    )


def _top_mlp(attached: Attached) -> Any:
    return attached.backbone.layers[-1].mlp


@dataclass(frozen=True, kw_only=True)
class SharedResult:
    """The tuned experts, and how it went."""

    experts: SharedExperts
    num_passes: int
    active_by_pass: tuple[int, ...]
    """Facts with an undecided token in each pass or verification."""
    undecided: tuple[int, ...]
    """Facts (by index) that did not get there within the budget."""


def tune_shared(
    attached: Attached, facts: Sequence[TrainingFact], sets: ReadSets, config: SharedTuning
) -> SharedResult:
    """Tune the experts that the prompts read until all facts are decided, or the budget ends.

    `sets` has a row for each prompt tuned on: the first `prompts_per_fact` of each fact, in order.

    Raises:
        ValueError: the number of read sets is not that of the prompts.
        NonFiniteLossError: a loss is not a number; it names the fact.
    """
    parts = _batches(attached, facts, sets, config)
    experts = SharedExperts.fresh(sets.expert_PR.unique(), attached.hidden_size, config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    history: list[int] = []
    num_passes = 0
    active = torch.ones(len(facts), dtype=torch.bool)
    while True:
        # All are verified at times, and before the end: decided facts share experts with others.
        if num_passes % _VERIFY_EVERY == 0 or not active.any() or num_passes == config.max_passes:
            active = _verify(attached, experts, parts, facts, config)
            history.append(int(active.sum()))
            if not active.any() or num_passes == config.max_passes:
                break
        still = torch.zeros_like(active)
        for index in torch.randperm(len(parts), generator=generator).tolist():
            part = parts[index].of_facts(active)
            if len(part.fact_P):
                still |= _step(attached, experts, part, facts, config)
        active, num_passes = still, num_passes + 1
        history.append(int(active.sum()))
    return SharedResult(
        experts=experts,
        num_passes=num_passes,
        active_by_pass=tuple(history),
        undecided=tuple(active.nonzero()[:, 0].tolist()),
    )


def _batches(
    attached: Attached, facts: Sequence[TrainingFact], sets: ReadSets, config: SharedTuning
) -> list[Examples]:
    """Return batches of like answer length, all examples of a fact in one."""
    tokenizer = attached.backbone.tokenizer
    answers = [encode_answer(tokenizer, fact.answer) for fact in facts]
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
        own = sets.only([row for _, _, row in rows])
        parts.append(
            prepare_shared(
                attached, [p for _, p, _ in rows], [answers[f] for f, _, _ in rows],
                [f for f, _, _ in rows], own,
            )
        )  # fmt: skip
    return parts


def _step(
    attached: Attached,
    experts: SharedExperts,
    part: Examples,
    facts: Sequence[TrainingFact],
    config: SharedTuning,
) -> torch.Tensor:
    """Take one step on a batch; return which facts [F] have an undecided token before it."""
    number_M, row_PR = part.sets.expert_PR.unique(return_inverse=True)
    row_M = torch.searchsorted(experts.number_E, number_M)
    weight_MTD = experts.weight_ETD[row_M].requires_grad_(True)
    loss_PL = part.losses(attached, weight_MTD[row_PR], part.sets.weight_PR)
    _require_finite(loss_PL, part, facts)
    undecided_PL = loss_PL.detach() > -log(config.decided_probability)
    open_F = torch.zeros(len(facts), dtype=torch.bool)
    open_F[part.fact_P[undecided_PL.any(1)]] = True
    if undecided_PL.any():
        (loss_PL * undecided_PL).sum().backward()
        assert weight_MTD.grad is not None
        touched_M = row_PR[undecided_PL.any(1)].unique()
        experts.step(row_M[touched_M], weight_MTD.grad[touched_M], config.learning_rate)
    return open_F


@torch.no_grad()
def _verify(
    attached: Attached,
    experts: SharedExperts,
    parts: Sequence[Examples],
    facts: Sequence[TrainingFact],
    config: SharedTuning,
) -> torch.Tensor:
    open_F = torch.zeros(len(facts), dtype=torch.bool)
    for part in parts:
        loss_PL = part.losses(attached, *experts.read(part.sets))
        _require_finite(loss_PL, part, facts)
        open_F[part.fact_P[(loss_PL > -log(config.decided_probability)).any(1)]] = True
    return open_F


def _require_finite(loss_PL: torch.Tensor, part: Examples, facts: Sequence[TrainingFact]) -> None:
    if not loss_PL.isfinite().all():
        row = int((~loss_PL.isfinite()).any(1).nonzero()[0])
        fact = facts[int(part.fact_P[row])]
        raise NonFiniteLossError(
            f"loss of fact {fact.fact_id} ({fact.prompts[0][:60]!r}) is not finite; lower "
            "learning_rate"
        )
