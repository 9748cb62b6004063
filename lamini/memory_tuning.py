"""Memory tuning: a fact's own experts learn until greedy decoding must produce every answer token.

Facts form virtual shards by group, and no gradient crosses a shard, so any number of workers gives
the same experts. A shard's facts get a closed-form start (`closed_form`), which is verified; those
that it leaves undecided are tuned by passes of gradient steps: the memory layers run on the answer
positions of the facts still active, trunk states and prompt keys/values computed once, and only
undecided tokens give gradient. Then some of the phrasings that were not tuned on are verified, and
a fact that may miss one is written anew, knowing it. A finished shard is one file, whole or absent:
that is what a resume skips.

Source: Li et al. 2024, arXiv:2406.17642 (tune the selected experts until the loss is near zero). We
depart: facts own their experts, so they stop one by one and never disturb each other.

Shape suffixes: F facts of a shard   N facts still active   P parts (layers' down, layers' up)
    G experts in a block   D hidden size   B examples   A answer tokens
"""

from collections.abc import Mapping, Sequence
from functools import partial
from math import log
from pathlib import Path

import torch

from lamini.answer_batch import answer_logits
from lamini.capacity import why_undecided
from lamini.closed_form import RIDGES, answer_losses, closed_form
from lamini.config import Tuning
from lamini.errors import NonFiniteLossError
from lamini.experts import Experts
from lamini.memory import Attached, reading_of
from lamini.recorder import Recorder
from lamini.shard_experts import ShardExperts
from lamini.shards import ShardResult, load_shard, save_shard
from lamini.training_data import TrainingFact
from lamini.tuning_examples import Examples, examples_of, num_facts, still_open, within
from lamini.workers import Worker


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


def _tune_shard(
    attached: Attached, shard: int, facts: Sequence[TrainingFact], config: Tuning
) -> ShardResult:
    experts = ShardExperts(attached, facts, config)
    tuned_on = {f: fact.prompts[: config.prompts_per_fact] for f, fact in enumerate(facts)}
    history, positions, undecided = _memorize(attached, experts, facts, tuned_on, config)
    sound = [f for f in tuned_on if f not in undecided]
    failed, cost = _verified(attached, experts, facts, sound, config)
    positions += cost
    if failed:
        again = {f: (*tuned_on[f], *prompts) for f, prompts in failed.items()}
        before = experts.begin_anew(list(again))
        more, cost, lost = _memorize(attached, experts, facts, again, config)
        # What was decided stays so: a fact that cannot hold them all keeps what it had.
        experts.bring_back({f: weights for f, weights in before.items() if f in lost})
        history += [number + len(undecided) for number in more[1:]]
        positions += cost
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
        undecided=tuple(sorted(undecided)),
        reasons=tuple(
            why_undecided(
                facts[f],
                attached.backbone.tokenizer,
                attached.config.expert_width(attached.hidden_size),
                len(history) - 1,
            )
            for f in sorted(undecided)
        ),
    )


def _memorize(
    attached: Attached,
    experts: ShardExperts,
    facts: Sequence[TrainingFact],
    prompts_of: Mapping[int, Sequence[str]],
    config: Tuning,
) -> tuple[list[int], int, set[int]]:
    """Tune facts on the given phrasings.

    Returns the facts still active after the closed form and after each pass, the answer positions
    run, and the facts left undecided.
    """
    active: list[Examples] = []
    positions = 0
    for part in examples_of(attached, facts, prompts_of, config):
        active = within(config.cache_bytes, [*active, *_started(attached, experts, part, config)])
        positions += int((part.batch.target_BA >= 0).sum())
    history = [num_facts(active)]
    while active and len(history) <= config.max_passes:
        active, cost = _one_pass(attached, experts, active, len(facts), config, facts)
        active = within(config.cache_bytes, active)
        positions += cost
        history.append(num_facts(active))
    return history, positions, {f for part in active for f in part.fact_B.tolist()}


@torch.no_grad()
def _verified(
    attached: Attached,
    experts: ShardExperts,
    facts: Sequence[TrainingFact],
    memorized: Sequence[int],
    config: Tuning,
) -> tuple[dict[int, list[str]], int]:
    """Verify phrasings that were not tuned on, at equal distances over all that a fact has.

    Returns those that are not decided, by fact, and the answer positions run.
    """
    rest = {f: facts[f].prompts[config.prompts_per_fact :] for f in memorized}
    looked_at = {f: _spread(prompts, config.verified_per_fact) for f, prompts in rest.items()}
    failed: dict[int, list[str]] = {}
    positions = 0
    for part in examples_of(attached, facts, looked_at, config):
        given = experts.of(experts.weight_FPGD, part.fact_B)
        _, undecided_BA = _losses(attached, given, part, config)
        positions += int((part.batch.target_BA >= 0).sum())
        for row in undecided_BA.any(1).nonzero()[:, 0].tolist():
            failed.setdefault(int(part.fact_B[row]), []).append(part.prompts[row])
    return failed, positions


def _spread(prompts: Sequence[str], number: int) -> Sequence[str]:
    """Return at most `number` of the prompts, at equal distances."""
    if len(prompts) <= number:
        return prompts
    return [prompts[i * len(prompts) // number] for i in range(number)]


def _one_pass(
    attached: Attached,
    experts: ShardExperts,
    active: list[Examples],
    num_facts: int,
    config: Tuning,
    facts: Sequence[TrainingFact],
) -> tuple[list[Examples], int]:
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
    return still_open(active, open_F), positions


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
    attached: Attached, experts: Experts, part: Examples, config: Tuning
) -> tuple[torch.Tensor, torch.Tensor]:
    device = attached.backbone.device
    reading = reading_of(experts, list(range(len(part.fact_B))), None, device)
    loss_BA = answer_losses(answer_logits(attached, part.batch, reading), part.batch.target_BA)
    # A loss that is not a number is not decided either: the pass that meets it says so.
    return loss_BA, ~(loss_BA.detach() <= -log(config.decided_probability))


@torch.no_grad()
def _failing(
    attached: Attached, experts: ShardExperts, part: Examples, config: Tuning
) -> list[Examples]:
    """Return every example of the facts that fail in any: what they knew must stay."""
    open_F = torch.zeros_like(experts.steps_F, dtype=torch.bool)
    given = experts.of(experts.weight_FPGD, part.fact_B)
    _, undecided_BA = _losses(attached, given, part, config)
    open_F[part.fact_B[undecided_BA.any(1)]] = True
    return still_open([part], open_F)


def _started(
    attached: Attached, experts: ShardExperts, part: Examples, config: Tuning
) -> list[Examples]:
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
