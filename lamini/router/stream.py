"""What the router learns from: encoded texts, and the stream of batches drawn from a fixed pool.

The trunk runs once for each rendering of the pool; what makes the draws distinct is token dropout.

Shape suffixes: B views of a batch   F facts   K key width   L sequence   D trunk width
"""

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from lamini.backbone.chat_turns import opening_length, question_of
from lamini.backbone.like_lengths import like_lengths
from lamini.backbone.memory import Attached
from lamini.backbone.text import encode_prompt
from lamini.backbone.trunk import run_trunk
from lamini.config import RouterConfig, RouterTraining
from lamini.recorder import Recorder
from lamini.router.last_states import LastStates, depths_of
from lamini.router.query_encoder import QueryEncoder
from lamini.training_data import TrainingFact
from lamini.workers import Worker

_POOL_PARTS = 4
"""The pool's trunk states are computed in so many parts, with a report after each."""

_PADDING = 2048
"""A long prompt widens none of its sentences; whole batches of training stay whole."""

_FEW = 16
"""Facts of one form, bare or templated: with less, the mean of their last states is of no use."""

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
class Encoded:
    """Texts with their trunk states, computed once.

    Without what a chat template puts before every question: that says nothing, and is most of it.
    """

    tokenizer: PreTrainedTokenizerBase
    whole: list[list[int]]
    """The texts' ids, a template's opening included."""
    ids: list[list[int]]
    states: list[torch.Tensor]
    """Trunk states [L, D] of `ids`."""
    lasts: list[torch.Tensor]
    """States [N, D] of the last token at some depths; N is 0 where no query is widened by them."""

    @classmethod
    def of(
        cls,
        tokenizer: PreTrainedTokenizerBase,
        ids: Sequence[list[int]],
        states: Sequence[torch.Tensor],
        lasts: Sequence[torch.Tensor],
    ) -> "Encoded":
        """Return the texts of `ids` with the states [L, D] of all of them, cut where they begin."""
        cuts = [opening_length(tokenizer, row) for row in ids]
        return cls(
            tokenizer=tokenizer,
            whole=[*ids],
            ids=[row[cut:] for row, cut in zip(ids, cuts, strict=True)],
            # A view of the whole would keep it alive.
            states=[x[cut:].clone() if cut else x for x, cut in zip(states, cuts, strict=True)],
            lasts=[*lasts],
        )

    def extend(self, more: "Encoded") -> None:
        """Add the texts of `more` at the end."""
        self.whole.extend(more.whole)
        self.ids.extend(more.ids)
        self.states.extend(more.states)
        self.lasts.extend(more.lasts)

    def asked(self, rows: Sequence[int]) -> list[tuple[str, bool]]:
        """Return what these rows ask, and whether a chat template stands around it."""
        return [question_of(self.tokenizer, self.whole[row]) for row in rows]

    def texts(self, rows: Sequence[int]) -> list[str]:
        """Return what these rows ask."""
        return [text for text, _ in self.asked(rows)]


def encode(
    attached: Attached,
    encoder: QueryEncoder,
    prompts: Sequence[str],
    statements: Collection[str] = (),
) -> torch.Tensor:
    """Return the queries [B, K] of the prompts under the frozen encoder.

    Those among `statements` are unfinished ones, which get no chat template.
    """
    tokenizer = attached.backbone.tokenizer
    ids = [encode_prompt(tokenizer, text, cloze=text in statements) for text in prompts]
    return encode_ids(attached, encoder, ids)


def encode_ids(attached: Attached, encoder: QueryEncoder, ids: Sequence[list[int]]) -> torch.Tensor:
    """Return the queries [B, K] of encoded prompts under the frozen encoder."""
    return encode_rows(encoder, run_texts(attached, ids, encoder.config), range(len(ids)))


def run_texts(attached: Attached, ids: Sequence[list[int]], config: RouterConfig) -> Encoded:
    """Run the trunk over encoded texts, and keep what queries are made of."""
    done = run_trunk(attached, [*ids], depths(attached, config))
    return Encoded.of(attached.backbone.tokenizer, ids, *done)


def depths(attached: Attached, config: RouterConfig) -> tuple[int, ...]:
    """Return the depths at which the last token's states are kept: none where nobody asks."""
    if not config.last_state_share:
        return ()
    return depths_of(attached.num_trunk_layers)


def encode_rows(
    encoder: QueryEncoder,
    encoded: Encoded,
    rows: Sequence[int],
    token_dropout: float = 0.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    """Return the queries [B, K] of the given rows; `token_dropout` hides tokens of half of them."""
    # Pooled in batches of like length, for padding costs; the query norm sees one batch.
    device = encoder.query_HD.device
    order: list[int] = []
    parts = []
    for batch in like_lengths([len(encoded.ids[row]) for row in rows], padding=_PADDING):
        order += batch
        picked = [rows[i] for i in batch]
        width = len(encoded.ids[picked[-1]])
        ids_BL = torch.zeros(len(picked), width, dtype=torch.int64)
        mask_BL = torch.zeros(len(picked), width, dtype=torch.bool)
        state_BLD = torch.zeros(len(picked), width, encoded.states[0].shape[-1], device=device)
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
        parts.append(encoder.pool(ids_BL.to(device), state_BLD, mask_BL.to(device)))
    restored = torch.tensor(order, device=device).argsort()
    query_BK = encoder.query(torch.cat(parts)[restored])
    # What queries are widened by never changes: training has no use for it.
    if encoder.training or encoder.width == encoder.config.key_dim:
        return query_BK
    last_BND = torch.stack([encoded.lasts[row] for row in rows])
    return encoder.widened(query_BK, encoded.asked(rows), last_BND)


def in_bare_form(facts: Sequence[TrainingFact], number: int) -> list[bool]:
    """Return which of so many negatives get no chat template: the share of facts that get none.

    Else the template alone would tell what to abstain from.
    """
    return [facts[place * len(facts) // number].cloze for place in range(number)]


class Stream:
    """Draws a worker's batches; they depend on step and rank alone, so a resume needs no cursor."""

    def __init__(
        self,
        attached: Attached,
        facts: Sequence[TrainingFact],
        prompts: Sequence[Sequence[str]],
        negatives: Sequence[str],
        router: RouterConfig,
        config: RouterTraining,
        recorder: Recorder,
        worker: Worker,
    ) -> None:
        self.num_facts = len(facts)
        self.config = config
        self.worker = worker
        # A worker owns whole subjects: the trunk runs once for each of its renderings.
        subjects = _by_subject(facts)
        self.subjects = subjects[worker.rank :: worker.world_size] or subjects
        rng = random.Random(config.seed)
        texts: list[str] = []
        cloze: list[bool] = []
        self.pool: dict[int, range] = {}
        self.plain: dict[int, list[int]] = {}
        """Pool rows of each fact that stand alone, without a wrapper: their mean is its key."""
        for fact in (fact for subject in self.subjects for fact in subject):
            number = min(config.renderings_per_fact, len(prompts[fact]))
            self.pool[fact] = range(len(texts), len(texts) + number)
            chosen = random.Random(f"{config.seed}-{fact}").sample(prompts[fact], number)
            wrapped = [self._wrapped(rng, text) for text in chosen]
            pairs = zip(self.pool[fact], chosen, wrapped, strict=True)
            plain = [row for row, text, whole in pairs if whole == text]
            self.plain[fact] = plain or [*self.pool[fact]]
            texts += wrapped
            cloze += [facts[fact].cloze] * number
        own = list(negatives)[worker.rank :: worker.world_size][: config.num_negatives]
        self.first_negative = len(texts)
        texts += [self._wrapped(rng, text) for text in own]
        tokenizer = attached.backbone.tokenizer
        cloze += in_bare_form(facts, len(own))
        ids = [
            encode_prompt(tokenizer, text, cloze=bare)
            for text, bare in zip(texts, cloze, strict=True)
        ]
        self.encoded = Encoded.of(tokenizer, [], [], [])
        self.leading = Encoded.of(tokenizer, [], [], [])
        """The owned facts' leading phrasings, where last states are asked for: keys hold theirs."""
        if router.last_state_share:
            some = [
                encode_prompt(tokenizer, facts[f].prompts[0], cloze=facts[f].cloze)
                for f in self.pool
            ]
            self.leading = run_texts(attached, some, router)
        share = -(-len(texts) // _POOL_PARTS)
        for part in range(_POOL_PARTS):
            self.encoded.extend(run_texts(attached, ids[part * share : (part + 1) * share], router))
            recorder.log(0, {"encoded_fraction": (part + 1) / _POOL_PARTS})

    def last_states(self) -> LastStates:
        """Return what centres and projects the last states, fitted on the leading phrasings'.

        With the negatives' where those are few: a state less its own mean would be nothing.
        """
        negatives = range(self.first_negative, len(self.encoded.ids))
        sum_2ND, number_2 = self._summed(self.leading, range(len(self.pool)))
        more_2ND, more_2 = self._summed(self.encoded, negatives)
        self.worker.mean_([sum_2ND, number_2, more_2ND, more_2])
        few_2 = number_2 * self.worker.world_size < _FEW
        sum_2ND[few_2] += more_2ND[few_2]
        number_2[few_2] += more_2[few_2]
        fitted = LastStates.fit(sum_2ND, number_2, self.config.seed)
        # One matrix for all: another kind of machine may factor it into other signs.
        fitted.projection_EW.copy_(self.worker.gather(fitted.projection_EW[None])[0])
        return fitted

    def _summed(self, encoded: Encoded, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return sums [2, N, D] and numbers of last states, of bare prompts and templated ones."""
        state_ND = self.leading.lasts[0].float()
        sum_2ND = torch.zeros(2, *state_ND.shape, device=state_ND.device)
        number_2 = torch.zeros(2, device=state_ND.device)
        for row, (_, templated) in zip(rows, encoded.asked(rows), strict=True):
            sum_2ND[int(templated)] += encoded.lasts[row].float()
            number_2[int(templated)] += 1
        return sum_2ND, number_2

    @torch.no_grad()
    def keys(self, encoder: QueryEncoder) -> torch.Tensor:
        """Return every fact's key [F, K], of its plain renderings."""
        rows = [row for plain in self.plain.values() for row in plain]
        owners = [fact for fact, plain in self.plain.items() for _ in plain]
        query_BK = encode_rows(encoder, self.encoded, rows)
        sum_FK = query_BK.new_zeros(self.num_facts, encoder.width)
        sum_FK.index_add_(0, torch.tensor(owners, device=query_BK.device), query_BK)
        leading_FK = torch.zeros_like(sum_FK)
        if self.leading.ids:
            leading_FK[[*self.pool]] = encode_rows(encoder, self.leading, range(len(self.pool)))
        self.worker.mean_([sum_FK, leading_FK])
        return encoder.key(sum_FK, leading_FK)

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


def _by_subject(facts: Sequence[TrainingFact]) -> list[list[int]]:
    subjects: dict[str, list[int]] = {}
    for index, fact in enumerate(facts):
        subjects.setdefault(fact.subject or fact.fact_id, []).append(index)
    return list(subjects.values())
