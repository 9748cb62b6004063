"""Router pretraining: one pass over a stream of distinct renderings, then the router is frozen.

Contrastive (InfoNCE, van den Oord et al. 2018, arXiv:1807.03748): each rendering must find the key
of its fact (the mean query of the fact's other renderings) among those of the batch; negatives must
find the null key, which is what makes silence a learned outcome. A batch holds all facts of a
subject, so that they are each other's hard negatives. The trunk runs once for each rendering of a
pool; what makes the draws distinct is token dropout. At the freeze every group's key is the mean
query of its training questions, and the threshold is set on phrasings and negatives that took no
part.

Shape suffixes: B views of a batch   F facts   K key width   L sequence   D trunk width   V views
"""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from lamini.config import RouterConfig, RouterTraining
from lamini.errors import NonFiniteLossError
from lamini.memory import Attached, trunk_states
from lamini.recorder import Recorder
from lamini.router import QueryEncoder, fit_codebooks
from lamini.saved import newest_state, write_json, write_state, write_tensors
from lamini.text import encode_prompt
from lamini.training_data import TrainingFact, is_held_for_calibration
from lamini.workers import Worker

_KEY_PROMPTS = 6
"""Training questions whose mean is a group's key; more move it by less than routing notices."""
_CALIBRATION_PROMPTS = 1500
_LEADING_PROMPTS = 2

_WRAPPERS = (
    "You are a helpful assistant. {}",
    "Answer briefly. {}",
    "{} Please answer in one line.",
    "{} Thanks in advance!",
    "Hello, I have a question. {}",
    "I was reading the newspaper this morning and began to wonder about something. {}",
    "We are preparing a report for a customer, and one cell of the table is still empty. {}",
    "My colleague and I cannot agree on this, so I would like to settle it. {}",
    "{} I looked in three places and could not find it.",
    "There is a note on the desk in front of me that nobody in the office can explain. {}",
)


@dataclass(frozen=True, kw_only=True)
class RouterReceipt:
    """What router pretraining left in its folder, and how good it says it is."""

    folder: Path
    sha256: str
    num_steps: int
    threshold: float
    calibration_agreement: float
    """Share of held-back training phrasings whose best key is their fact's."""
    calibration_accepted: float
    calibration_foreign: float
    """Share of held-back negatives above the threshold."""


@dataclass(frozen=True, kw_only=True)
class _Encoded:
    """Texts with their trunk states, computed once."""

    ids: list[list[int]]
    states: list[torch.Tensor]

    @classmethod
    def of(cls, attached: Attached, texts: Sequence[str]) -> "_Encoded":
        tokenizer = attached.backbone.tokenizer
        ids = [encode_prompt(tokenizer, text) for text in texts]
        return cls(ids=ids, states=trunk_states(attached, ids) if ids else [])


class _Stream:
    """Draws a worker's batches; they depend on step and rank alone, so a resume needs no cursor."""

    def __init__(
        self,
        attached: Attached,
        facts: Sequence[TrainingFact],
        prompts: Sequence[Sequence[str]],
        negatives: Sequence[str],
        config: RouterTraining,
        worker: Worker,
    ) -> None:
        self.config = config
        self.worker = worker
        # A worker owns whole subjects: the trunk runs once for each of its renderings.
        subjects = _by_subject(facts)
        self.subjects = subjects[worker.rank :: worker.world_size] or subjects
        rng = random.Random(config.seed)
        texts: list[str] = []
        self.pool: dict[int, range] = {}
        for fact in (fact for subject in self.subjects for fact in subject):
            number = min(config.renderings_per_fact, len(prompts[fact]))
            self.pool[fact] = range(len(texts), len(texts) + number)
            chosen = random.Random(f"{config.seed}-{fact}").sample(prompts[fact], number)
            texts += [self._wrapped(rng, text) for text in chosen]
        own = list(negatives)[worker.rank :: worker.world_size][: config.num_negatives]
        self.first_negative = len(texts)
        self.encoded = _Encoded.of(attached, texts + [self._wrapped(rng, text) for text in own])

    def batch(self, step: int) -> tuple[list[int], list[int], int]:
        """Return facts, pool rows of their views and of negatives, and how many negatives."""
        rng = random.Random(f"{self.config.seed}-{step}-{self.worker.rank}")
        wanted = max(1, self.config.batch_facts // self.worker.world_size)
        facts: list[int] = []
        for subject in rng.sample(self.subjects, len(self.subjects)):
            facts += subject
            if len(facts) >= wanted:
                break
        facts = facts[:wanted]
        rows = [row for fact in facts for row in self._views(rng, self.pool[fact])]
        negatives = range(self.first_negative, len(self.encoded.ids))
        number = self.config.batch_negatives // self.worker.world_size if negatives else 0
        return facts, rows + rng.choices(negatives, k=number), number

    def _views(self, rng: random.Random, pool: range) -> list[int]:
        number = self.config.views_per_fact
        if len(pool) >= number:
            return rng.sample(pool, number)
        return [*pool, *rng.choices(pool, k=number - len(pool))]

    def _wrapped(self, rng: random.Random, text: str) -> str:
        if rng.random() >= self.config.wrapped_fraction:
            return text
        return rng.choice(_WRAPPERS).replace("{}", text)


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
    """Train the router for one pass and write `router.safetensors` and `router.json` to `folder`.

    Killed, it goes on from the last saved step and ends in the same state.

    Raises:
        NonFiniteLossError: the loss is not a number; the last saved state is untouched.
    """
    worker = worker or Worker()
    torch.manual_seed(config.seed)
    encoder = QueryEncoder(attached.hidden_size, router)
    null = nn.Parameter(torch.tensor(0.5))
    trained = dict(encoder.named_parameters()) | {"null": null}
    optimizer = torch.optim.AdamW(trained.values(), weight_decay=0.01)
    first = _resume(folder, trained, dict(encoder.named_buffers()), optimizer)
    kept = [_kept_prompts(fact) for fact in facts]
    half = len(negatives) * 9 // 10
    if first < config.num_steps:
        stream = _Stream(attached, facts, kept, negatives[:half], config, worker)
    for step in range(first, config.num_steps):
        chosen, rows, num_foreign = stream.batch(step)
        generator = torch.Generator().manual_seed(step * worker.world_size + worker.rank)
        query_BK = _encode(encoder, stream.encoded, rows, config.token_dropout, generator)
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
    return _freeze(attached, encoder.eval(), facts, kept, negatives[half:], config, folder, worker)


def encode(attached: Attached, encoder: QueryEncoder, prompts: Sequence[str]) -> torch.Tensor:
    """Return the queries [B, K] of the prompts under the frozen encoder."""
    tokenizer = attached.backbone.tokenizer
    return encode_ids(attached, encoder, [encode_prompt(tokenizer, prompt) for prompt in prompts])


def encode_ids(attached: Attached, encoder: QueryEncoder, ids: Sequence[list[int]]) -> torch.Tensor:
    """Return the queries [B, K] of encoded prompts under the frozen encoder."""
    encoded = _Encoded(ids=list(ids), states=trunk_states(attached, list(ids)))
    return _encode(encoder, encoded, range(len(ids)))


def _encode(
    encoder: QueryEncoder,
    encoded: _Encoded,
    rows: Sequence[int],
    token_dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    # Pooled in batches of like length, for padding costs; the query norm sees one batch.
    order = sorted(range(len(rows)), key=lambda i: (len(encoded.ids[rows[i]]), i))
    parts = []
    for start in range(0, len(order), 64):
        picked = [rows[i] for i in order[start : start + 64]]
        width = len(encoded.ids[picked[-1]])
        ids_BL = torch.zeros(len(picked), width, dtype=torch.int64)
        mask_BL = torch.zeros(len(picked), width, dtype=torch.bool)
        state_BLD = torch.zeros(len(picked), width, encoded.states[0].shape[-1])
        for b, row in enumerate(picked):
            ids = encoded.ids[row]
            ids_BL[b, : len(ids)] = torch.tensor(ids)
            mask_BL[b, : len(ids)] = True
            state_BLD[b, : len(ids)] = encoded.states[row]
        if token_dropout:
            dropped_BL = torch.rand(mask_BL.shape, generator=generator) < token_dropout
            # Half of the texts stay whole, as all are when serving.
            dropped_BL &= torch.rand(len(picked), 1, generator=generator) < 0.5
            dropped_BL[:, 0] = False
            mask_BL &= ~dropped_BL
        parts.append(encoder.pool(ids_BL, state_BLD, mask_BL))
    restored = torch.tensor(order).argsort()
    return encoder.query(torch.cat(parts)[restored])


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
    target_F = torch.arange(num_facts)
    loss = torch.zeros(())
    for view in range(config.views_per_fact):
        key_FK = normalize(sum_FK - view_FVK[:, view], dim=-1)
        score_FF = view_FVK[:, view] @ torch.cat([key_FK, others_FK]).T
        scores = torch.cat([score_FF, null.expand(num_facts, 1)], dim=1)
        loss = loss + cross_entropy(scores / config.temperature, target_F) / config.views_per_fact
    if num_foreign:
        key_FK = torch.cat([normalize(sum_FK, dim=-1), others_FK])
        scores = torch.cat([query_BK[num_views:] @ key_FK.T, null.expand(num_foreign, 1)], dim=1)
        silent_B = torch.full((num_foreign,), len(key_FK))
        loss = loss + cross_entropy(scores / config.temperature, silent_B)
    return loss


def _schedule(step: int, num_steps: int) -> float:
    return min((step + 1) / (0.05 * num_steps + 1), (num_steps - step) / (0.4 * num_steps), 1.0)


def _by_subject(facts: Sequence[TrainingFact]) -> list[list[int]]:
    subjects: dict[str, list[int]] = {}
    for index, fact in enumerate(facts):
        subjects.setdefault(fact.subject or fact.fact_id, []).append(index)
    return list(subjects.values())


def _kept_prompts(fact: TrainingFact) -> list[str]:
    # The leading phrasings, those that memory is tuned on, are never held back.
    leading, others = fact.prompts[:_LEADING_PROMPTS], fact.prompts[_LEADING_PROMPTS:]
    kept = [*leading, *(p for p in others if not is_held_for_calibration(fact.template(p)))]
    return kept if len(kept) > 1 else [*fact.prompts]


@torch.no_grad()
def _freeze(
    attached: Attached,
    encoder: QueryEncoder,
    facts: Sequence[TrainingFact],
    kept: Sequence[Sequence[str]],
    negatives: Sequence[str],
    config: RouterTraining,
    folder: Path,
    worker: Worker,
) -> RouterReceipt:
    key_FK = group_keys(attached, encoder, facts, kept, worker)
    codebooks = fit_codebooks(key_FK, attached.config.num_subkeys, seed=config.seed)
    positive = [
        (index, prompt)
        for index, fact in enumerate(facts)
        for prompt in fact.prompts
        if prompt not in kept[index]
    ]
    positive = random.Random(config.seed).sample(positive, min(len(positive), _CALIBRATION_PROMPTS))
    score_PF = encode(attached, encoder, [p for _, p in positive]) @ key_FK.T if positive else None
    foreign = list(negatives)[: _CALIBRATION_PROMPTS // 2]
    threshold, agreement, accepted, captured = 0.5, 1.0, 1.0, 0.0
    foreign_B = torch.zeros(0)
    if foreign:
        foreign_B = (encode(attached, encoder, foreign) @ key_FK.T).max(1).values
    if score_PF is not None:
        best_P = score_PF.max(1)
        agrees_P = best_P.indices == torch.tensor([index for index, _ in positive])
        agreement = agrees_P.float().mean().item()
        right_P = best_P.values[agrees_P]
        threshold = right_P.quantile(1 - config.accepted_fraction).item() if len(right_P) else 0.5
    if len(foreign_B):
        threshold = max(threshold, foreign_B.quantile(1 - config.captured_fraction).item())
        captured = (foreign_B >= threshold).float().mean().item()
    if score_PF is not None and len(right_P):
        accepted = (right_P >= threshold).float().mean().item()
    numbers = {
        "threshold": threshold,
        "calibration_agreement": agreement,
        "calibration_accepted": accepted,
        "calibration_foreign": captured,
    }
    sha256 = ""
    if worker.leads:
        tensors = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
        tensors |= {"codebooks": codebooks.codebook_2SE, "keys": key_FK}
        sha256 = write_tensors(folder / "router.safetensors", tensors)
        write_json(
            folder / "router.json",
            {
                "router": asdict(encoder.config),
                "num_steps": config.num_steps,
                "fact_ids": [fact.fact_id for fact in facts],
                "sha256": sha256,
                **numbers,
            },
        )
    worker.wait()
    return RouterReceipt(folder=folder, sha256=sha256, num_steps=config.num_steps, **numbers)


@torch.no_grad()
def group_keys(
    attached: Attached,
    encoder: QueryEncoder,
    facts: Sequence[TrainingFact],
    prompts: Sequence[Sequence[str]],
    worker: Worker,
) -> torch.Tensor:
    """Return each fact's key [F, K], the mean query of its questions; workers share the labour."""
    share = -(-len(facts) // worker.world_size)
    mine = range(worker.rank * share, min(len(facts), (worker.rank + 1) * share))
    owners = [i for i in mine for _ in prompts[i][:_KEY_PROMPTS]]
    sum_FK = torch.zeros(share, encoder.config.key_dim)
    if owners:
        texts = [prompt for i in mine for prompt in prompts[i][:_KEY_PROMPTS]]
        query_BK = encode(attached, encoder, texts)
        sum_FK.index_add_(0, torch.tensor(owners) - worker.rank * share, query_BK)
    return normalize(worker.gather(sum_FK)[: len(facts)], dim=-1)


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
            key.removeprefix(prefix): value
            for key, value in tensors.items()
            if key.startswith(prefix)
        }
    return step
