"""Memory tuning: a fact's own experts learn until greedy decoding must produce every answer token.

Facts form virtual shards by group, and no gradient crosses a shard, so any number of workers gives
the same experts. A shard's facts get a closed-form start (`closed_form`), which is verified; those
that it leaves undecided are tuned by passes of gradient steps: the memory layers run on the answer
positions of the facts still active, trunk states and prompt keys/values computed once, and only
undecided tokens give gradient. A finished shard is one file, whole or absent: that is what a resume
skips.

Source: Li et al. 2024, arXiv:2406.17642 (tune the selected experts until the loss is near zero). We
depart: facts own their experts, so they stop one by one and never disturb each other.

Shape suffixes: F facts of a shard   N facts still active   P parts (layers' down, layers' up)
    G experts in a block   D hidden size   B examples   A answer tokens
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import log
from pathlib import Path

import torch

from lamini.capacity import why_undecided
from lamini.closed_form import RIDGES, answer_losses, closed_form
from lamini.config import Tuning
from lamini.errors import NonFiniteLossError
from lamini.experts import Experts
from lamini.memory import AnswerBatch, Attached, answer_logits, prepare_answers, reading_of
from lamini.recorder import Recorder
from lamini.shard_experts import ShardExperts
from lamini.shards import ShardResult, load_shard, save_shard
from lamini.spill import num_bytes, on_disk
from lamini.text import encode_answer, encode_prompt
from lamini.training_data import TrainingFact
from lamini.workers import Worker

_ANSWER_WIDTHS = (4, 8, 16)
"""Examples are batched by answer length up to these: short answers do not pay for long ones."""


def tune_memory(
    attached: Attached,
    facts: Sequence[TrainingFact],
    config: Tuning,
    folder: Path,
    recorder: Recorder,
    worker: Worker | None = None,
) -> list[ShardResult]:
    """Tune every shard of this worker, one file each in `folder`; return their results in order.

    All workers log after each round of shards, those without a shard in the round included.

    Raises:
        NonFiniteLossError: a loss is not a number; finished shards stay.
    """
    worker = worker or Worker()
    shards: dict[int, list[TrainingFact]] = {}
    for fact in facts:
        shards.setdefault(fact.shard_index, []).append(fact)
    order = sorted(shards)
    results, memorized = [], 0
    for start in range(0, len(order), worker.world_size):
        mine = order[start + worker.rank : start + worker.rank + 1]
        numbers = torch.zeros(4)
        for shard in mine:
            result = load_shard(folder, shard, shards[shard])
            if result is None or result.settings != repr(config):
                result = _tune_shard(attached, shard, shards[shard], config)
                save_shard(folder, result)
            results.append(result)
            done = len(result.fact_ids) - len(result.undecided)
            numbers = torch.tensor(
                [done, len(result.undecided), result.num_passes, result.num_positions],
                dtype=torch.float32,
            )
        totals = worker.gather(numbers[None]).sum(0).tolist()
        memorized += int(totals[0])
        recorder.log(
            min(start + worker.world_size, len(order)),
            {
                "facts_memorized": memorized,
                "facts_undecided": totals[1],
                "passes": totals[2] / max(1, min(worker.world_size, len(order) - start)),
                "answer_positions": totals[3],
                "memorized_fraction": memorized / len(facts),
            },
        )
    return results


@dataclass(frozen=True, kw_only=True)
class _Examples:
    """Examples of like answer length, and the fact of each."""

    batch: AnswerBatch
    fact_B: torch.Tensor
    on_disk: bool = False

    def only(self, rows: torch.Tensor) -> "_Examples":
        return _Examples(batch=self.batch.only(rows), fact_B=self.fact_B[rows])


def _tune_shard(
    attached: Attached, shard: int, facts: Sequence[TrainingFact], config: Tuning
) -> ShardResult:
    experts = ShardExperts(attached, facts, config)
    active: list[_Examples] = []
    positions = 0
    for part in _examples(attached, facts, config):
        active = _within(config.cache_bytes, [*active, *_started(attached, experts, part, config)])
        positions += int((part.batch.target_BA >= 0).sum())
    history = [_num_facts(active)]
    while active and len(history) <= config.max_passes:
        active, cost = _one_pass(attached, experts, active, len(facts), config, facts)
        active = _within(config.cache_bytes, active)
        positions += cost
        history.append(_num_facts(active))
    undecided = sorted({f for part in active for f in part.fact_B.tolist()})
    return ShardResult(
        shard_index=shard,
        fact_ids=tuple(fact.fact_id for fact in facts),
        training_hashes=tuple(fact.training_hash() for fact in facts),
        settings=repr(config),
        weights=tuple(
            experts.packed(row, fact.num_experts).clone().cpu() for row, fact in enumerate(facts)
        ),
        num_passes=len(history) - 1,
        num_positions=positions,
        active_by_pass=tuple(history),
        undecided=tuple(undecided),
        reasons=tuple(
            why_undecided(
                facts[f],
                attached.backbone.tokenizer,
                attached.config.expert_width(attached.hidden_size),
                len(history) - 1,
            )
            for f in undecided
        ),
    )


def _examples(
    attached: Attached, facts: Sequence[TrainingFact], config: Tuning
) -> Iterator[_Examples]:
    """Yield the facts' examples in batches of like answer length, all of a fact in one batch."""
    tokenizer, device = attached.backbone.tokenizer, attached.backbone.device
    limit = config.max_answer_tokens
    answers = [encode_answer(tokenizer, fact.answer, max_tokens=limit) for fact in facts]
    by_width: dict[int, list[int]] = {}
    for f, answer in enumerate(answers):
        width = next((w for w in _ANSWER_WIDTHS if len(answer) <= w), limit)
        by_width.setdefault(width, []).append(f)
    in_batch = max(1, config.batch_examples // config.prompts_per_fact)
    for _, same in sorted(by_width.items()):
        for start in range(0, len(same), in_batch):
            rows = [
                (f, encode_prompt(tokenizer, prompt, cloze=facts[f].cloze), answers[f])
                for f in same[start : start + in_batch]
                for prompt in facts[f].prompts[: config.prompts_per_fact]
            ]
            yield _Examples(
                batch=prepare_answers(attached, [p for _, p, _ in rows], [a for _, _, a in rows]),
                fact_B=torch.tensor([f for f, _, _ in rows], device=device),
            )


def _one_pass(
    attached: Attached,
    experts: ShardExperts,
    active: list[_Examples],
    num_facts: int,
    config: Tuning,
    facts: Sequence[TrainingFact],
) -> tuple[list[_Examples], int]:
    """Take one step on every active fact; return the examples of facts with an undecided token."""
    fact_N = torch.cat([part.fact_B for part in active]).unique()
    row_F = torch.zeros(num_facts, dtype=torch.int64, device=fact_N.device)
    row_F[fact_N] = torch.arange(len(fact_N), device=fact_N.device)
    weight_NPGD = experts.select(fact_N)
    open_F = torch.zeros(num_facts, dtype=torch.bool, device=fact_N.device)
    positions = 0
    for part in active:
        given = experts.of(weight_NPGD, row_F[part.fact_B])
        loss_BA, undecided_BA = _losses(attached, given, part, config)
        positions += int((part.batch.target_BA >= 0).sum())
        open_F[part.fact_B[undecided_BA.any(1)]] = True
        require_finite(loss_BA, part.fact_B, facts, config)
        (loss_BA * undecided_BA).sum().backward()
    still_N = open_F[fact_N]
    if still_N.any() and weight_NPGD.grad is not None:
        experts.step(fact_N[still_N], weight_NPGD.grad[still_N])
    return _still_open(active, open_F), positions


def require_finite(
    loss_BA: torch.Tensor, fact_B: torch.Tensor, facts: Sequence[TrainingFact], config: Tuning
) -> None:
    """Refuse losses that are not numbers.

    Raises:
        NonFiniteLossError: one is not; it names the fact.
    """
    if not loss_BA.isfinite().all():
        row = int((~loss_BA.isfinite()).any(1).nonzero()[0])
        fact = facts[int(fact_B[row])]
        raise NonFiniteLossError(
            f"loss of fact {fact.fact_id} ({fact.prompts[0][:60]!r}) is not finite; "
            f"lower learning_rate={config.learning_rate}"
        )


def _losses(
    attached: Attached, experts: Experts, part: _Examples, config: Tuning
) -> tuple[torch.Tensor, torch.Tensor]:
    device = attached.backbone.device
    reading = reading_of(experts, list(range(len(part.fact_B))), None, device)
    loss_BA = answer_losses(answer_logits(attached, part.batch, reading), part.batch.target_BA)
    # A loss that is not a number is not decided either: the pass that meets it says so.
    return loss_BA, ~(loss_BA.detach() <= -log(config.decided_probability))


@torch.no_grad()
def _failing(
    attached: Attached, experts: ShardExperts, part: _Examples, config: Tuning
) -> list[_Examples]:
    """Return every example of the facts that fail in any: what they knew must stay."""
    open_F = torch.zeros_like(experts.steps_F, dtype=torch.bool)
    given = experts.of(experts.weight_FPGD, part.fact_B)
    _, undecided_BA = _losses(attached, given, part, config)
    open_F[part.fact_B[undecided_BA.any(1)]] = True
    return _still_open([part], open_F)


def _started(
    attached: Attached, experts: ShardExperts, part: _Examples, config: Tuning
) -> list[_Examples]:
    """Write the facts' experts in closed form; return the examples of those that then fail.

    Tokens that get no expert in the top layer, since the answer has more tokens than the fact has
    experts, get one in the layer below, and the top layer is written knowing them.
    """
    for ridge in RIDGES:
        fact_N, row_B = part.fact_B.unique(return_inverse=True)
        size, given = experts.fewest(fact_N), None
        write = partial(closed_form, attached, part.batch, row_B, len(fact_N), ridge=ridge)
        if experts.num_layers > 1 and part.batch.target_BA.shape[1] > size:
            key_NAD, value_NAD = write(depth=1, positions=slice(size, None))
            experts.write(fact_N, key_NAD[:, size:], value_NAD[:, size:], depth=1)
            experts.clear_top(fact_N)
            given = experts.of(experts.weight_FPGD, part.fact_B)
        experts.write(fact_N, *write(given=given, positions=slice(size)))
        failing = _failing(attached, experts, part, config)
        if not failing:
            return []
        (part,) = failing
    return [part]


def _within(limit_bytes: int, active: Sequence[_Examples]) -> list[_Examples]:
    """Return the examples, those beyond the limit of memory on disk."""
    kept, held = [], 0
    for part in active:
        size = 0 if part.on_disk else num_bytes(part.batch)
        if held + size > limit_bytes:
            part, size = replace(part, batch=on_disk(part.batch), on_disk=True), 0
        kept.append(part)
        held += size
    return kept


def _num_facts(parts: list[_Examples]) -> int:
    return len({f for part in parts for f in part.fact_B.tolist()})


def _still_open(active: list[_Examples], open_F: torch.Tensor) -> list[_Examples]:
    kept = []
    for part in active:
        rows = open_F[part.fact_B].nonzero()[:, 0]
        if len(rows):
            kept.append(part if len(rows) == len(part.fact_B) else part.only(rows))
    return kept
