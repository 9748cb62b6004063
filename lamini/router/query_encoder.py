"""The router's geometry: cross attention over a prompt's tokens, and product keys.

Shape suffixes in this file:
    B batch   L sequence   D trunk width   H learned queries   K key width   S sub-keys per codebook
    C candidate cells   G groups with a key

Sources: Lample et al. 2019, arXiv:1907.05242 (product keys); Babenko & Lempitsky 2012, "The
inverted multi-index" (cells as lists, re-ranked by keys); He 2024, arXiv:2407.04153 (a
million experts); Engram, arXiv:2601.07372 (hashed n-grams as token evidence). We depart from Li et
al. 2024, arXiv:2406.17642, in that the keys have meaning: a group's key is the mean query of its
training questions, and a prompt far from every key reads nothing (`lamini/group_keys.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import nn
from torch.nn.functional import normalize

from lamini.backbone.sentences import load_sentences
from lamini.config import RouterConfig
from lamini.errors import ConfigError
from lamini.router.last_states import LastStates

_FAR = 100.0
"""A coordinate far from all halves of unit vectors."""
_STRETCH = 16_384
"""Keys compared with all sub-keys at a time."""
_FITTED = 64
"""Keys that k-means sees for each sub-key; more move the centres little."""
_NGRAM_PRIMES = (1_000_003, 998_244_353, 754_974_721)


class QueryEncoder(nn.Module):
    """Pool a prompt's tokens into one query of unit length.

    A token is described by its trunk state and by the learned rows of the n-grams that end in it.
    Once trained, the query is widened by what knows more than the facts have shown: the vector of
    a sentence encoder, the backbone's states of the last token, both or neither.
    """

    def __init__(self, hidden_size: int, config: RouterConfig) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.config = config
        # No submodule: its weights are not the router's to train or to save.
        self.sentences = (
            load_sentences(config.sentence_encoder) if config.sentence_encoder else None
        )
        self.last_states: LastStates | None = None
        """Fitted at the freeze, where `last_state_share` asks for it."""
        if self.width % 2:
            raise ConfigError(
                f"key_dim={config.key_dim} and the width of {config.sentence_encoder!r} make keys "
                f"{self.width} wide: that must be even, they are split in two halves"
            )
        width = config.num_queries * config.head_dim
        self.state_norm = nn.LayerNorm(hidden_size)
        self.ngram_table = nn.Embedding(config.num_ngrams, config.head_dim)
        self.token = nn.Linear(hidden_size + 3 * config.head_dim, width)
        self.query_HD = nn.Parameter(torch.empty(config.num_queries, config.head_dim))
        self.attend_key = nn.Linear(width, width)
        self.attend_value = nn.Linear(width, width)
        # Query batch normalisation (PEER): without it all queries start out alike and stay so.
        self.out = nn.Sequential(
            nn.GELU(),
            nn.Linear(width, config.key_dim),
            nn.BatchNorm1d(config.key_dim, affine=False),
        )
        nn.init.normal_(self.query_HD)
        nn.init.normal_(self.ngram_table.weight, std=1.0)

    @property
    def width(self) -> int:
        """Width of a frozen query, and so of the group keys."""
        beside = (part.width for part in (self.sentences, self.last_states) if part)
        return self.config.key_dim + sum(beside)

    def forward(
        self, ids_BL: torch.Tensor, state_BLD: torch.Tensor, mask_BL: torch.Tensor
    ) -> torch.Tensor:
        return self.query(self.pool(ids_BL, state_BLD, mask_BL))

    def pool(
        self, ids_BL: torch.Tensor, state_BLD: torch.Tensor, mask_BL: torch.Tensor
    ) -> torch.Tensor:
        """Return what the learned queries gather from the tokens, [B, H * head_dim]."""
        ngrams_BL3 = hash_ngrams(ids_BL * mask_BL.long(), self.config.num_ngrams)
        evidence_BLE = self.ngram_table(ngrams_BL3).flatten(2)
        token_BLW = nn.functional.gelu(
            self.token(torch.cat([self.state_norm(state_BLD.float()), evidence_BLE], dim=-1))
        )
        key_BLHE = self.attend_key(token_BLW).unflatten(-1, (self.config.num_queries, -1))
        value_BLHE = self.attend_value(token_BLW).unflatten(-1, (self.config.num_queries, -1))
        score_BLH = (key_BLHE * self.query_HD).sum(-1) * self.config.head_dim**-0.5
        score_BLH = score_BLH.masked_fill(~mask_BL.bool()[..., None], float("-inf"))
        pooled_BHE = torch.einsum("blh,blhe->bhe", score_BLH.softmax(dim=1), value_BLHE)
        return pooled_BHE.flatten(1)

    def query(self, pooled_BW: torch.Tensor) -> torch.Tensor:
        """Return unit queries [B, K]; in training the batch is normalised as one."""
        return normalize(self.out(pooled_BW), dim=-1)

    def widened(
        self, query_BK: torch.Tensor, asked: Sequence[tuple[str, bool]], last_BND: torch.Tensor
    ) -> torch.Tensor:
        """Return the queries with what is known of their texts and last states beside them.

        `asked` holds each text, and whether a chat template stands around it.
        Still of unit length: the cosine of two is the mean of the parts' cosines by their shares.
        """
        parts = [query_BK * self.config.trained_share**0.5]
        if self.sentences:
            meaning_BD = self.sentences.encode([text for text, _ in asked], query_BK.device)
            parts.append(meaning_BD * self.config.sentence_share**0.5)
        if self.last_states:
            said_BW = self.last_states(last_BND, [templated for _, templated in asked])
            parts.append(said_BW * self.config.last_state_share**0.5)
        return torch.cat(parts, dim=-1) if len(parts) > 1 else query_BK

    def key(self, sum_FK: torch.Tensor, leading_FK: torch.Tensor) -> torch.Tensor:
        """Return the keys [F, K] of facts from the sums of their phrasings' queries.

        Of last states, those of a fact's leading phrasing alone: made-up ones ("seat Arvia") lead
        to nothing that could be said, and the mean with them captured twice as many questions.
        """
        if not self.last_states:
            return normalize(sum_FK, dim=-1)
        share, size = self.config.last_state_share, self.last_states.width
        others_FK = normalize(sum_FK[:, :-size], dim=-1) * (1 - share) ** 0.5
        return torch.cat([others_FK, normalize(leading_FK[:, -size:], dim=-1) * share**0.5], dim=-1)


def hash_ngrams(ids_BL: torch.Tensor, num_rows: int) -> torch.Tensor:
    """Return the table rows [B, L, 3] of the 1-, 2- and 3-gram that end at each token."""
    previous_BL = nn.functional.pad(ids_BL, (1, 0))[:, :-1]
    before_BL = nn.functional.pad(ids_BL, (2, 0))[:, :-2]
    one = (ids_BL + 1) * _NGRAM_PRIMES[0]
    two = one ^ ((previous_BL + 1) * _NGRAM_PRIMES[1])
    three = two ^ ((before_BL + 1) * _NGRAM_PRIMES[2])
    return torch.stack([one, two, three], dim=-1) % num_rows


@dataclass(frozen=True, kw_only=True)
class ProductKeys:
    """A square of S x S cells addressed by two codebooks."""

    codebook_2SE: torch.Tensor
    """Two codebooks of S sub-keys, each half a key wide."""

    @torch.no_grad()
    def cells_of(self, keys_GK: torch.Tensor) -> torch.Tensor:
        """Return each key's cell: its nearest sub-key in either half."""
        row_G, column_G = (
            _nearest(half_GE, subkey_SE)
            for half_GE, subkey_SE in zip(keys_GK.chunk(2, -1), self.codebook_2SE, strict=True)
        )
        return row_G * self.codebook_2SE.shape[1] + column_G

    @torch.no_grad()
    def nearest_cells(self, query_BK: torch.Tensor, num_cells: int) -> torch.Tensor:
        """Return the `num_cells` cells of least summed distance [B, C], exactly, best first.

        Equal sums: the cell of the better first sub-key comes first, then of the better second;
        of two equal sub-keys the lower number is the better. So no cell depends on the search.
        """
        return self.scored_cells(query_BK, num_cells)[0]

    @torch.no_grad()
    def scored_cells(
        self, query_BK: torch.Tensor, num_cells: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the nearest cells and their scores, minus the squared distance, [B, C] each.

        O((S + C log C) d): of two ranked lists only the pairs of ranks with product at most C can
        be among the best C, for every pair that ranks higher in both is at least as good.
        """
        half_2BE = torch.stack(query_BK.chunk(2, dim=-1))
        side = self.codebook_2SE.shape[1]
        near_2BR, index_2BR = _least(torch.cdist(half_2BE, self.codebook_2SE).square(), num_cells)
        row_P, column_P = _pairs(near_2BR.shape[-1], num_cells)
        near_BC, pair_BC = _least(near_2BR[0][:, row_P] + near_2BR[1][:, column_P], num_cells)
        cell_BP = index_2BR[0][:, row_P] * side + index_2BR[1][:, column_P]
        return cell_BP.gather(1, pair_BC), -near_BC


def _least(values: torch.Tensor, number: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the least of the last dimension, none negative, ascending; of equal ones the first.

    The bits of such floats are in their order; with the index below them no two are equal, so that
    topk, which leaves open what it takes of equal ones, has no choice.
    """
    place = torch.arange(values.shape[-1], device=values.device)
    bits = values.float().contiguous().view(torch.int32).long() << 32 | place
    index = bits.topk(min(number, values.shape[-1]), largest=False).values & 0xFFFFFFFF
    return values.gather(-1, index), index


@cache
def _pairs(num_ranks: int, num_cells: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the ranks (row, column), in order, whose product counted from one is small enough."""
    ranks = torch.arange(1, num_ranks + 1)
    row_P, column_P = (ranks[:, None] * ranks <= num_cells).nonzero().unbind(1)
    return row_P, column_P


@torch.no_grad()
def fit_codebooks(keys_GK: torch.Tensor, num_subkeys: int, *, seed: int = 0) -> ProductKeys:
    """Return product keys whose codebooks are k-means centres of either half of the keys.

    Of many keys a sample is fitted, 64 for each sub-key.
    """
    generator = torch.Generator().manual_seed(seed)
    if len(keys_GK) > (most := _FITTED * num_subkeys):
        keys_GK = keys_GK[torch.randperm(len(keys_GK), generator=generator)[:most]]
    halves = keys_GK.chunk(2, dim=-1)
    return ProductKeys(
        codebook_2SE=torch.stack([_k_means(half, num_subkeys, generator) for half in halves])
    )


def _nearest(points_GE: torch.Tensor, centre_SE: torch.Tensor) -> torch.Tensor:
    """Return the nearest centre of each point [G], a stretch at a time: all distances are G x S."""
    if not len(points_GE):
        return torch.empty(0, dtype=torch.int64)
    parts = [torch.cdist(part, centre_SE).argmin(-1) for part in points_GE.split(_STRETCH)]
    return torch.cat(parts)


def _k_means(points: torch.Tensor, num_centres: int, generator: torch.Generator) -> torch.Tensor:
    order = torch.randperm(len(points), generator=generator)[:num_centres]
    centres = points[order]
    for _ in range(8):
        nearest = _nearest(points, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        counts = torch.bincount(nearest, minlength=len(centres))[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    # Nothing is near a spare centre: else cells without a key would crowd out those with one.
    spare = torch.full((num_centres - len(centres), points.shape[1]), _FAR)
    used = torch.bincount(_nearest(points, centres), minlength=len(centres)) > 0
    return torch.cat([torch.where(used[:, None], centres, _FAR), spare])
