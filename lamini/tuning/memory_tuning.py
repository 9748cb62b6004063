"""Memory tuning: a fact's own experts learn until the loss of every answer token is near zero.

Facts form virtual shards by group, and no gradient crosses a fact, so any number of workers gives
the same experts. A fact is tuned on several contexts at once: phrasings, as they stand and in other
dress (`surface`). Then contexts that it was not tuned on are verified, other phrasings in yet other
dress, and a fact that may miss one is tuned on it as well. A finished shard is one file, whole or
absent: that is what a resume skips.

Source: Li et al. 2024, arXiv:2406.17642 (tune the selected experts until the loss is near zero). We
depart: facts own their experts, so they stop one by one and never disturb each other.

Shape suffixes: R rows of answer states   E experts
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import log
from pathlib import Path

import torch

from lamini.backbone.memory import Attached
from lamini.backbone.text import encode_answer, encode_prompt
from lamini.config import Tuning
from lamini.errors import NonFiniteLossError
from lamini.recorder import Recorder
from lamini.training_data import TrainingFact
from lamini.tuning.answer_states import AnswerStates, answer_losses, prepare_answers
from lamini.tuning.capacity import why_undecided
from lamini.tuning.shards import ShardResult, load_shard, save_shard
from lamini.tuning.shifts import Shifts, fit_shifts
from lamini.tuning.surface import TUNED, VERIFIED
from lamini.workers import Worker

_POSITIONS_AT_ONCE = 2**14
"""Answer positions whose states are in memory at once, over all contexts of a batch of a shard."""


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
        numbers = torch.zeros(5)
        for shard in mine:
            result = load_shard(folder, shard, shards[shard])
            if result is None or result.settings != repr(config):
                result = _tune_shard(attached, shard, shards[shard], config)
                save_shard(folder, result)
            results.append(result)
            done = len(result.fact_ids) - len(result.undecided)
            numbers = torch.tensor(
                [
                    done,
                    len(result.undecided),
                    result.num_steps,
                    result.num_positions,
                    result.loss_by_step[-1],
                ],
                dtype=torch.float32,
            )
        totals = worker.gather(numbers[None]).sum(0).tolist()
        in_round = max(1, min(worker.world_size, len(order) - start))
        memorized += int(totals[0])
        recorder.log(
            min(start + worker.world_size, len(order)),
            {
                "facts_memorized": memorized,
                "facts_undecided": totals[1],
                "steps": totals[2] / in_round,
                "answer_positions": totals[3],
                "loss": totals[4] / in_round,
                "memorized_fraction": memorized / len(facts),
            },
        )
    return results


def _tune_shard(
    attached: Attached, shard: int, facts: Sequence[TrainingFact], config: Tuning
) -> ShardResult:
    tokenizer = attached.backbone.tokenizer
    answers = [
        encode_answer(tokenizer, fact.answer, max_tokens=config.max_answer_tokens) for fact in facts
    ]
    weights: list[torch.Tensor] = []
    undecided: list[int] = []
    losses: list[list[float]] = []
    positions = 0
    for start, stop in _batches(answers, config):
        batch = _Batch(attached=attached, facts=facts[start:stop], answers=answers[start:stop])
        shifts = _tune_batch(batch, config)
        own = shifts.shift_ED.cpu().split([*map(len, batch.answers)])
        # An answer with more tokens than its fact has experts cannot be said whole.
        fits = [
            len(weight) <= fact.num_experts for weight, fact in zip(own, batch.facts, strict=True)
        ]
        weights += [
            weight[: fact.num_experts].clone()
            for weight, fact in zip(own, batch.facts, strict=True)
        ]
        decided = batch.decided(shifts.loss_E, config)
        undecided += [
            start + f for f, both in enumerate(zip(decided, fits, strict=True)) if not all(both)
        ]
        losses.append(shifts.loss_by_step)
        positions += shifts.num_positions
    return ShardResult(
        shard_index=shard,
        fact_ids=tuple(fact.fact_id for fact in facts),
        training_hashes=tuple(fact.training_hash() for fact in facts),
        settings=repr(config),
        weights=tuple(weights),
        num_positions=positions,
        loss_by_step=_mean_losses(losses, sum(map(len, answers))),
        undecided=tuple(undecided),
        reasons=tuple(why_undecided(facts[f], tokenizer, config.max_steps) for f in undecided),
    )


def _batches(answers: Sequence[list[int]], config: Tuning) -> Iterator[tuple[int, int]]:
    """Yield where batches of a shard begin and end; each facts' states fit into memory together."""
    start, held = 0, 0
    contexts = 2 * config.prompts_per_fact + config.verified_per_fact
    for f, answer in enumerate(answers):
        if f > start and held + contexts * len(answer) > _POSITIONS_AT_ONCE:
            yield start, f
            start, held = f, 0
        held += contexts * len(answer)
    yield start, len(answers)


def _mean_losses(batches: Sequence[Sequence[float]], num_tokens: int) -> tuple[float, ...]:
    """Return the mean loss of a token at each step, of sums by batch; a done one keeps its last."""
    num_steps = max(map(len, batches))
    whole = [[*batch, *[batch[-1]] * (num_steps - len(batch))] for batch in batches]
    return tuple(sum(step) / num_tokens for step in zip(*whole, strict=True))


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Facts that are tuned together, and the tokens of their answers; a token is an expert."""

    attached: Attached
    facts: Sequence[TrainingFact]
    answers: Sequence[list[int]]

    def states(self, contexts: Sequence[tuple[int, str]]) -> AnswerStates:
        """Return the answer states of prompts, each with the fact that it asks for."""
        tokenizer = self.attached.backbone.tokenizer
        first = [0, *accumulate(map(len, self.answers))]
        return prepare_answers(
            self.attached,
            [encode_prompt(tokenizer, text, cloze=self.facts[f].cloze) for f, text in contexts],
            [self.answers[f] for f, _ in contexts],
            [first[f] for f, _ in contexts],
        )

    def decided(self, loss_E: torch.Tensor, config: Tuning) -> list[bool]:
        """Return which facts say every token of their answer."""
        done_E = loss_E <= -log(config.decided_probability)
        return [bool(own.all()) for own in done_E.split([*map(len, self.answers)])]


def _tune_batch(batch: _Batch, config: Tuning) -> Shifts:
    """Tune facts on their contexts; verify others, and tune on those that fail as well."""
    shifts = Shifts.fresh([*map(len, batch.answers)], batch.attached)
    contexts = [(f, text) for f, fact in enumerate(batch.facts) for text in tuned_on(fact, config)]
    states = batch.states(contexts)
    _fit(batch, contexts, states, shifts, config)
    others = [(f, text) for f, fact in enumerate(batch.facts) for text in verified_on(fact, config)]
    if not others:
        return shifts
    unseen = batch.states(others)
    loss_R = answer_losses(batch.attached, unseen, shifts.shift_ED)
    shifts.num_positions += len(loss_R)
    failed_R = ~(loss_R <= -log(config.decided_probability))
    prompts = {*unseen.prompt_R[failed_R].tolist()}
    if prompts:
        # All contexts of these facts again: what was decided must stay so.
        mine = {others[prompt][0] for prompt in prompts}
        again = [context for context in contexts if context[0] in mine]
        again += [others[prompt] for prompt in sorted(prompts)]
        _fit(batch, again, batch.states(again), shifts, config)
    return shifts


def tuned_on(fact: TrainingFact, config: Tuning) -> list[str]:
    """Return the contexts that a fact is tuned on: phrasings as they stand, and in other dress."""
    phrasings = fact.prompts[: config.prompts_per_fact]
    dressed = [
        TUNED[i % len(TUNED)].put_on(prompt, cloze=fact.cloze) for i, prompt in enumerate(phrasings)
    ]
    return [*dict.fromkeys((*phrasings, *dressed))]


def verified_on(fact: TrainingFact, config: Tuning) -> list[str]:
    """Return the contexts that are verified: other phrasings, at equal distances over all.

    A fact without others lends those that it is tuned on, in dress that they were not in.
    """
    rest = fact.prompts[config.prompts_per_fact :] or fact.prompts
    number = config.verified_per_fact
    step = max(1.0, len(rest) / max(1, number))
    chosen = [rest[int(i * step) % len(rest)] for i in range(number)]
    dressed = [
        VERIFIED[i % len(VERIFIED)].put_on(prompt, cloze=fact.cloze)
        for i, prompt in enumerate(chosen)
    ]
    return [text for text in dict.fromkeys(dressed) if text not in tuned_on(fact, config)]


def _fit(
    batch: _Batch,
    contexts: Sequence[tuple[int, str]],
    states: AnswerStates,
    shifts: Shifts,
    config: Tuning,
) -> None:
    not_finite_R = fit_shifts(batch.attached, states, shifts, config)
    if not_finite_R is not None:
        prompt = int(states.prompt_R[not_finite_R][0])
        fact = batch.facts[contexts[prompt][0]]
        raise NonFiniteLossError(
            f"loss of fact {fact.fact_id} ({fact.prompts[0][:60]!r}) is not finite; "
            f"lower learning_rate={config.learning_rate}"
        )
