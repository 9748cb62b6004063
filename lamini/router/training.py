"""Router pretraining: one pass over a stream of distinct renderings, then the router is frozen.

Contrastive (InfoNCE, van den Oord et al. 2018, arXiv:1807.03748): each rendering must find the key
of its fact (the mean query of the fact's other renderings) among those of the batch; negatives must
find the null key, which is what makes silence a learned outcome. A batch holds all facts of a
subject, so that they are each other's hard negatives. The trunk runs once for each rendering of a
pool; what makes the draws distinct is token dropout. At the freeze every group's key is the mean
query of its renderings in the pool, and the threshold is set on phrasings and negatives that took
no part.

Shape suffixes: B views of a batch   F facts   K key width   L sequence   D trunk width   V views
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from lamini.backbone.memory import Attached
from lamini.bank.evidence import WordWeights
from lamini.bank.group_table import group_table
from lamini.config import RouterConfig, RouterTraining
from lamini.errors import CheckpointError, NonFiniteLossError
from lamini.recorder import Recorder
from lamini.router.calibration import calibrate
from lamini.router.frozen_router import FrozenRouter, read_router
from lamini.router.query_encoder import QueryEncoder, fit_codebooks
from lamini.router.stream import Stream, encode, encode_rows, in_bare_form
from lamini.saved import newest_state, read_tensors, write_json, write_state, write_tensors
from lamini.training_data import TrainingFact, is_held_for_calibration
from lamini.workers import Worker

_CALIBRATION_PROMPTS = 1000
_LEADING_PROMPTS = 2


@dataclass(frozen=True, kw_only=True)
class RouterReceipt:
    """What router pretraining left in its folder, and how good it says it is."""

    folder: Path
    sha256: str
    num_steps: int
    threshold: float
    unnamed_threshold: float
    """What a key needs whose subject the prompt does not name."""
    strict_excess: float
    """What the strict mode adds to both."""
    calibration_agreement: float
    """Share of held-back training phrasings whose best key is their fact's."""
    calibration_accepted: float
    calibration_foreign: float
    """Share of held-back negatives above the threshold."""


def pretrain_router(
    attached: Attached,
    facts: Sequence[TrainingFact],
    negatives: Sequence[str],
    router: RouterConfig,
    config: RouterTraining,
    folder: Path,
    recorder: Recorder,
    worker: Worker | None = None,
) -> RouterReceipt:
    """Train the router for one pass and write it to `folder`: tensors, word weights, thresholds.

    Killed, it goes on from the last saved step and ends in the same state. The same number of
    workers gives the same router; another number draws other batches and gives another one, which
    is why a router is frozen and versioned and not made anew where it must stay.

    Raises:
        NonFiniteLossError: the loss is not a number; the last saved state is untouched.
    """
    worker = worker or Worker()
    made_of = _made_of(facts, negatives, router, config)
    if receipt := _finished(folder, made_of):
        return receipt
    if worker.leads:
        _begin(folder, made_of)
    worker.wait()
    torch.manual_seed(config.seed)
    device = attached.backbone.device
    encoder = QueryEncoder(attached.hidden_size, router).to(device)
    null = nn.Parameter(torch.tensor(0.5, device=device))
    trained = dict(encoder.named_parameters()) | {"null": null}
    optimizer = torch.optim.AdamW(trained.values(), weight_decay=0.01)
    first = _resume(folder, trained, dict(encoder.named_buffers()), optimizer)
    kept = [_kept_prompts(fact) for fact in facts]
    distinct = list(dict.fromkeys(negatives))
    shown = [text for text in distinct if not is_held_for_calibration(text)]
    stream = Stream(attached, facts, kept, shown, router, config, recorder, worker)
    for step in range(first, config.num_steps):
        chosen, rows, num_foreign = stream.batch(step)
        generator = torch.Generator().manual_seed(step * worker.world_size + worker.rank)
        query_BK = encode_rows(encoder, stream.encoded, rows, config.token_dropout, generator)
        loss = _loss(query_BK, num_foreign, null, config, worker)
        if not loss.isfinite():
            names = ", ".join(facts[f].fact_id for f in chosen[:5])
            raise NonFiniteLossError(
                f"router loss {loss.item()} at step {step} (facts {names}, ...); "
                f"lower learning_rate={config.learning_rate}"
            )
        optimizer.zero_grad()
        loss.backward()
        worker.mean_([p.grad for p in trained.values() if p.grad is not None])
        worker.mean_([b for b in encoder.buffers() if b.is_floating_point()])
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * _schedule(step, config.num_steps)
        optimizer.step()
        done = step + 1
        if worker.leads and (done % config.save_every_steps == 0 or done == config.num_steps):
            write_state(folder, done, _state(trained, dict(encoder.named_buffers()), optimizer))
        if done % 10 == 0 or done == config.num_steps:
            recorder.log(done, {"loss": loss.item(), "null_similarity": null.item()})
    if router.last_state_share:
        encoder.last_states = stream.last_states()
    key_FK = stream.keys(encoder.eval()).cpu()
    if worker.leads:
        _freeze(attached, encoder, key_FK, facts, kept, distinct, config, folder, made_of)
    worker.wait()
    written = _finished(folder, made_of)
    assert written is not None
    return written


def _loss(
    query_BK: torch.Tensor,
    num_foreign: int,
    null: torch.Tensor,
    config: RouterTraining,
    worker: Worker,
) -> torch.Tensor:
    """Return the loss of a batch: views find their fact's key, negatives find the null key."""
    num_views = len(query_BK) - num_foreign
    view_FVK = query_BK[:num_views].unflatten(0, (-1, config.views_per_fact))
    sum_FK = view_FVK.sum(1)
    num_facts = len(sum_FK)
    with torch.no_grad():
        others_FK = worker.others(normalize(sum_FK, dim=-1))
    target_F = torch.arange(num_facts, device=query_BK.device)
    loss = query_BK.new_zeros(())
    for view in range(config.views_per_fact):
        key_FK = normalize(sum_FK - view_FVK[:, view], dim=-1)
        score_FF = view_FVK[:, view] @ torch.cat([key_FK, others_FK]).T
        scores = torch.cat([score_FF, null.expand(num_facts, 1)], dim=1)
        loss = loss + cross_entropy(scores / config.temperature, target_F) / config.views_per_fact
    if num_foreign:
        key_FK = torch.cat([normalize(sum_FK, dim=-1), others_FK])
        scores = torch.cat([query_BK[num_views:] @ key_FK.T, null.expand(num_foreign, 1)], dim=1)
        silent_B = torch.full((num_foreign,), len(key_FK), device=query_BK.device)
        loss = loss + cross_entropy(scores / config.temperature, silent_B)
    return loss


def _schedule(step: int, num_steps: int) -> float:
    return min((step + 1) / (0.05 * num_steps + 1), (num_steps - step) / (0.4 * num_steps), 1.0)


def _kept_prompts(fact: TrainingFact) -> list[str]:
    # The leading phrasings, those that memory is tuned on, are never held back.
    leading, others = fact.prompts[:_LEADING_PROMPTS], fact.prompts[_LEADING_PROMPTS:]
    kept = [*leading, *(p for p in others if not is_held_for_calibration(fact.template(p)))]
    return kept if len(kept) > 1 else [*fact.prompts]


@torch.no_grad()
def _freeze(
    attached: Attached,
    encoder: QueryEncoder,
    key_FK: torch.Tensor,
    facts: Sequence[TrainingFact],
    kept: Sequence[Sequence[str]],
    negatives: Sequence[str],
    config: RouterTraining,
    folder: Path,
    made_of: str,
) -> None:
    """Fit the codebooks, set the thresholds on what took no part, and write the router."""
    shown = [text for text in negatives if not is_held_for_calibration(text)]
    templates = {fact.template(p): p for fact, own in zip(facts, kept, strict=True) for p in own}
    router = FrozenRouter(
        encoder=encoder,
        product_keys=fit_codebooks(key_FK, attached.config.num_subkeys, seed=config.seed),
        word_weights=WordWeights.of([*templates.values(), *shown[: config.num_negatives]]),
        threshold=0.0,
        unnamed_threshold=0.0,
        strict_excess=0.0,
    )
    unseen = [
        (fact.group_index, prompt)
        for fact, own in zip(facts, kept, strict=True)
        for prompt in fact.prompts
        if prompt not in own
    ]
    foreign = [text for text in negatives if is_held_for_calibration(text)]
    statements = {prompt for fact in facts if fact.cloze for prompt in fact.prompts}
    bare = in_bare_form(facts, len(foreign))
    statements |= {text for text, is_bare in zip(foreign, bare, strict=True) if is_bare}
    rng = random.Random(config.seed)
    numbers = calibrate(
        router.keys_of(group_table(facts, key_FK, kept)),
        lambda prompts: encode(attached, encoder, prompts, statements).cpu(),
        unseen=rng.sample(unseen, min(len(unseen), _CALIBRATION_PROMPTS)),
        foreign=rng.sample(foreign, min(len(foreign), _CALIBRATION_PROMPTS // 2)),
        # Each stands for a question in a known phrasing about a subject that no fact is about.
        known=[
            fact.prompts[0]
            for fact in rng.sample(facts, min(len(facts), _CALIBRATION_PROMPTS // 2))
        ],
        config=config,
    )
    router = replace(
        router,
        threshold=numbers.threshold,
        unnamed_threshold=numbers.unnamed_threshold,
        strict_excess=numbers.strict_excess,
    )
    found = {
        "num_steps": config.num_steps,
        "made_of": made_of,
        "fact_ids": [fact.fact_id for fact in facts],
        "sha256": router.write(folder),
        "keys_sha256": write_tensors(folder / "keys.safetensors", {"keys": key_FK}),
        **asdict(numbers),
    }
    write_json(folder / "pretrained.json", found)


def _made_of(
    facts: Sequence[TrainingFact],
    negatives: Sequence[str],
    router: RouterConfig,
    config: RouterTraining,
) -> str:
    """Return a SHA-256 of all that a router is made of, but for the backbone."""
    told = [fact.routing_hash() for fact in facts]
    told += [f"{fact.group_index}" for fact in facts]
    whole = json.dumps([told, list(negatives), repr(router), repr(config)])
    return hashlib.sha256(whole.encode()).hexdigest()


def _begin(folder: Path, made_of: str) -> None:
    """Remove the states of a training that began with other facts or settings."""
    begun = folder / "begun.json"
    if begun.is_file() and json.loads(begun.read_text()) == {"made_of": made_of}:
        return
    for state in folder.glob("state-*"):
        state.unlink()
    write_json(begun, {"made_of": made_of})


def _finished(folder: Path, made_of: str) -> RouterReceipt | None:
    """Return the receipt of a router that was already frozen, made of the very same."""
    try:
        found = json.loads((folder / "pretrained.json").read_text())
        read_router(folder), read_tensors(folder / "keys.safetensors")
        written = hashlib.sha256((folder / "router.json").read_bytes()).hexdigest()
    except (OSError, json.JSONDecodeError, CheckpointError):
        return None
    if written != found["sha256"] or found.get("made_of") != made_of:
        return None
    names = [field.name for field in fields(RouterReceipt) if field.name != "folder"]
    return RouterReceipt(folder=folder, **{name: found[name] for name in names})


def _state(
    trained: dict[str, nn.Parameter],
    buffers: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> dict[str, torch.Tensor]:
    tensors = {f"weight.{name}": p.detach() for name, p in trained.items()}
    tensors |= {f"buffer.{name}": b for name, b in buffers.items()}
    for name, parameter in trained.items():
        for key, value in optimizer.state[parameter].items():
            tensors[f"optimizer.{name}.{key}"] = torch.as_tensor(value)
    return tensors


@torch.no_grad()
def _resume(
    folder: Path,
    trained: dict[str, nn.Parameter],
    buffers: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
) -> int:
    found = newest_state(folder)
    if found is None:
        return 0
    step, tensors = found
    for name, buffer in buffers.items():
        buffer.copy_(tensors[f"buffer.{name}"])
    for name, parameter in trained.items():
        parameter.copy_(tensors[f"weight.{name}"])
        prefix = f"optimizer.{name}."
        optimizer.state[parameter] = {
            # Adam keeps its count of steps off the GPU.
            key.removeprefix(prefix): value if value.dim() == 0 else value.to(parameter.device)
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    return step
