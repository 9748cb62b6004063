"""The router: cross attention over a prompt's tokens, product keys, group keys, silence.

Shape suffixes in this file:
    B batch   L sequence   D trunk width   H learned queries   K key width   S sub-keys per codebook
    C candidate cells   G groups with a key

Sources: Lample et al. 2019, arXiv:1907.05242 (product keys); Babenko & Lempitsky 2012, "The
inverted multi-index" (cells as lists, re-ranked by keys); He 2024, arXiv:2407.04153 (a
million experts); Engram, arXiv:2601.07372 (hashed n-grams as token evidence). We depart from Li et
al. 2024, arXiv:2406.17642, in that the keys have meaning: a group's key is the mean query of its
training questions, a prompt far from every key reads nothing, and it counts as evidence whether the
prompt names a fact's subject.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import normalize

from lamini.config import RouterConfig
from lamini.evidence import words

_FAR = 100.0
"""A coordinate far from all halves of unit vectors."""
_NGRAM_PRIMES = (1_000_003, 998_244_353, 754_974_721)


class QueryEncoder(nn.Module):
    """Pool a prompt's tokens into one query of unit length.

    A token is described by its trunk state and by the learned rows of the n-grams that end in it.
    """

    def __init__(self, hidden_size: int, config: RouterConfig) -> None:
        super().__init__()
        self.config = config
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
        half_2GE = torch.stack(keys_GK.chunk(2, dim=-1))
        row_G, column_G = torch.cdist(half_2GE, self.codebook_2SE).argmin(-1)
        return row_G * self.codebook_2SE.shape[1] + column_G

    @torch.no_grad()
    def nearest_cells(self, query_BK: torch.Tensor, num_cells: int) -> torch.Tensor:
        """Return the `num_cells` cells of least summed distance [B, C], exactly, best first.

        O((S + C^2) d): the best C cells lie in the square of the best C sub-keys of either half.
        """
        half_2BE = torch.stack(query_BK.chunk(2, dim=-1))
        side = self.codebook_2SE.shape[1]
        score_2BS = -torch.cdist(half_2BE, self.codebook_2SE).square()
        top_2BC, index_2BC = score_2BS.topk(min(num_cells, side), dim=-1)
        pair_BCC = top_2BC[0][:, :, None] + top_2BC[1][:, None, :]
        cell_BCC = index_2BC[0][:, :, None] * side + index_2BC[1][:, None, :]
        best = pair_BCC.flatten(1).topk(min(num_cells, pair_BCC[0].numel()), dim=-1).indices
        return cell_BCC.flatten(1).gather(1, best)


@torch.no_grad()
def fit_codebooks(keys_GK: torch.Tensor, num_subkeys: int, *, seed: int = 0) -> ProductKeys:
    """Return product keys whose codebooks are k-means centres of either half of the keys."""
    generator = torch.Generator().manual_seed(seed)
    halves = keys_GK.chunk(2, dim=-1)
    return ProductKeys(
        codebook_2SE=torch.stack([_k_means(half, num_subkeys, generator) for half in halves])
    )


def _k_means(points: torch.Tensor, num_centres: int, generator: torch.Generator) -> torch.Tensor:
    order = torch.randperm(len(points), generator=generator)[:num_centres]
    centres = points[order]
    for _ in range(8):
        nearest = torch.cdist(points, centres).argmin(-1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        counts = torch.bincount(nearest, minlength=len(centres))[:, None]
        centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
    # Nothing is near a spare centre: else cells without a key would crowd out those with one.
    spare = torch.full((num_centres - len(centres), points.shape[1]), _FAR)
    used = torch.bincount(torch.cdist(points, centres).argmin(-1), minlength=len(centres)) > 0
    return torch.cat([torch.where(used[:, None], centres, _FAR), spare])


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where one prompt went: its group, or none, and how sure the router was."""

    group: int | None
    """The group read; None where the prompt matches no fact."""
    nearest_group: int | None
    """The group of the best key, also when it was refused."""
    score: float
    """Cosine between the query and the best key."""
    excess: float
    """How far the score is above the threshold that the key needs; below 0, nothing is read."""
    margin: float
    """Distance of the decision from tipping: to the runner-up or to the threshold."""

    @classmethod
    def given(cls, group: int | None) -> "Route":
        """Return the route of a prompt whose group the caller names, as an oracle router does."""
        return cls(group=group, nearest_group=group, score=1.0, excess=1.0, margin=1.0)


class GroupKeys:
    """The keys of all groups that hold a fact, searched by product keys and re-ranked exactly.

    A fact whose subject the prompt names needs a score of `threshold`, any other the higher
    `unnamed_threshold`; the key furthest above what it needs is read; of equal ones, that of the
    lower group.
    """

    def __init__(
        self,
        groups: Sequence[int],
        keys_GK: torch.Tensor,
        subjects: Sequence[str],
        product_keys: ProductKeys,
        *,
        num_cells: int,
        threshold: float,
        unnamed_threshold: float,
    ) -> None:
        self.groups = list(groups)
        self.keys_GK = keys_GK
        self.subjects = list(subjects)
        """What a prompt must hold to name the group's subject (`subject_words`)."""
        self.product_keys = product_keys
        self.num_cells = num_cells
        self.threshold = threshold
        self.unnamed_threshold = unnamed_threshold
        cell_G = product_keys.cells_of(keys_GK) if len(self.groups) else torch.empty(0)
        self._rows_by_cell: dict[int, list[int]] = {}
        for row, cell in enumerate(cell_G.tolist()):
            self._rows_by_cell.setdefault(int(cell), []).append(row)

    def route(self, query_BK: torch.Tensor, texts: Sequence[str]) -> list[Route]:
        """Return each query's group, or none when no key is within its threshold."""
        cell_BC = self.product_keys.nearest_cells(query_BK, self.num_cells)
        return [
            self._decide(
                query, words(text), [r for c in cells for r in self._rows_by_cell.get(c, ())]
            )
            for query, text, cells in zip(query_BK, texts, cell_BC.tolist(), strict=True)
        ]

    def _decide(self, query_K: torch.Tensor, text: str, rows: list[int]) -> Route:
        if not rows:
            return Route(group=None, nearest_group=None, score=-1.0, excess=-1.0, margin=1.0)
        rows = sorted(rows, key=self.groups.__getitem__)
        # Row by row: in a matrix product, equal keys may differ in the last bit.
        score_R = (self.keys_GK[rows] * query_K).sum(-1)
        named_R = torch.tensor([self.subjects[row] in text for row in rows], dtype=torch.bool)
        excess_R = score_R - torch.where(named_R, self.threshold, self.unnamed_threshold)
        top = excess_R.topk(min(2, len(rows)))
        best, first = top.values[0].item(), int(excess_R.argmax())  # the first of equal ones
        nearest, score = self.groups[rows[first]], score_R[first].item()
        if best < 0:
            group, margin = None, -best
        else:
            runner_up = top.values[1].item() if len(rows) > 1 else -1.0
            group, margin = nearest, min(best - runner_up, best)
        return Route(group=group, nearest_group=nearest, score=score, excess=best, margin=margin)
