"""Keys of groups whose facts have no subject and relation to ask for: which one a prompt reads.

A prompt's candidates are the groups in the nearest cells of the product keys and those whose
subject it names. A candidate scores by the cosine of query and key and by the share of the prompt's
words that its phrasings hold; it must reach a threshold, a higher one when the prompt does not name
its subject. The one furthest above what it needs is read; of equals, the lowest group number. Where
that is a silent key, of a retired fact (`GroupTable.silenced`), nothing is read.

Shape suffixes: B batch   K key width   G groups with a key   R candidates of one prompt
    C cells
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lamini.bank.evidence import Words, WordWeights
from lamini.config import RouterConfig
from lamini.router.query_encoder import ProductKeys

_EQUAL = 1e-6
_NEAREST = 64
"""Listed keys that are looked at closely: words are compared for each."""
_SHORTLIST = 256
"""Listed keys whose cosine is taken; of more than these, the best by their sketches."""
_SKETCH = 64
"""Coordinates of a key's sketch, evenly spaced. Reading what is listed is what a question costs,
and the coordinates say about equally much: the router normalises its queries."""


@dataclass(frozen=True, kw_only=True)
class Route:
    """Where one prompt went: its group, or none, and how sure the router was."""

    group: int | None
    """The group read; None where the prompt matches no fact."""
    nearest_group: int | None
    """The group of the best key, also when it was refused; negative where that key is silent."""
    score: float
    """By what is asked: the probability that the best fact is asked for. By the nearest key: the
    cosine of query and key, and the share of the prompt's words that the fact's phrasings hold, as
    one mean."""
    excess: float
    """How far the score is above what the best key needs; below 0, nothing is read."""
    margin: float
    """Distance of the decision from tipping: to the runner-up or to the threshold."""
    reason: str = ""
    """Why nothing is read, for the person who asked; empty where that is not known."""

    @classmethod
    def given(cls, group: int | None) -> "Route":
        """Return the route of a prompt whose group the caller names, as an oracle router does."""
        return cls(group=group, nearest_group=group, score=1.0, excess=1.0, margin=1.0)

    @classmethod
    def of_nothing(cls) -> "Route":
        """Return the route of a prompt that no key is compared with."""
        return cls(group=None, nearest_group=None, score=-1.0, excess=-1.0, margin=1.0)


class GroupKeys:
    """The table that routes: keys and words of every group with a fact, and the thresholds."""

    def __init__(
        self,
        groups: Sequence[int],
        keys_GK: torch.Tensor,
        subjects: Sequence[str],
        phrasings: Sequence[frozenset[str]],
        product_keys: ProductKeys,
        word_weights: WordWeights,
        config: RouterConfig,
        *,
        threshold: float,
        unnamed_threshold: float,
    ) -> None:
        """Index the keys, in any order; `subjects` and `phrasings`: see `lamini.bank.evidence`."""
        # Rows stand cell by cell: a cell's list is a stretch of them, read as it lies.
        self._cell_G, order_G = product_keys.cells_of(keys_GK).sort(stable=True)
        order = order_G.tolist()
        self.groups = [groups[row] for row in order]
        self.keys_GK = keys_GK[order_G]
        self._step = max(1, keys_GK.shape[1] // _SKETCH)
        self._sketch_GE = self.keys_GK[:, :: self._step].contiguous()
        self.subjects = [subjects[row] for row in order]
        self.phrasings = [phrasings[row] for row in order]
        self.product_keys = product_keys
        self.word_weights = word_weights
        self.config = config
        self.threshold = threshold
        self.unnamed_threshold = unnamed_threshold
        self._rows_by_subject: dict[str, list[int]] = {}
        for row, subject in enumerate(self.subjects):
            if subject:
                self._rows_by_subject.setdefault(subject.strip().casefold(), []).append(row)
        self._subject_lengths = sorted({s.count(" ") + 1 for s in self._rows_by_subject})

    def raised(self, by: float) -> "GroupKeys":
        """Return the same keys with thresholds that are so much higher."""
        keys = copy.copy(self)
        keys.threshold += by
        keys.unnamed_threshold += by
        return keys

    def route(self, query_BK: torch.Tensor, texts: Sequence[str]) -> list[Route]:
        """Return each query's group, or none when no key is within its threshold."""
        prompts = [Words(text) for text in texts]
        candidates = self.candidates(query_BK, prompts)
        return [
            self._decide(query, prompt, rows)
            for query, prompt, rows in zip(query_BK, prompts, candidates, strict=True)
        ]

    def candidates(self, query_BK: torch.Tensor, prompts: Sequence[Words]) -> list[list[int]]:
        """Return the rows worth a look for each prompt, in order of their groups.

        They are the nearest keys listed in its cells, and the facts whose subject it names.
        """
        cell_BC = self.product_keys.nearest_cells(query_BK, self.config.num_cells)
        start_BC = torch.searchsorted(self._cell_G, cell_BC)
        stop_BC = torch.searchsorted(self._cell_G, cell_BC, right=True)
        return [
            sorted(
                {*self._nearest(query, start, stop), *self._named(prompt)},
                key=self.groups.__getitem__,
            )
            for query, start, stop, prompt in zip(query_BK, start_BC, stop_BC, prompts, strict=True)
        ]

    def _nearest(
        self, query_K: torch.Tensor, start_C: torch.Tensor, stop_C: torch.Tensor
    ) -> list[int]:
        """Return the rows of the nearest keys within the stretches."""
        length_C = stop_C - start_C
        row_R = (start_C - (length_C.cumsum(0) - length_C)).repeat_interleave(length_C)
        row_R += torch.arange(len(row_R), device=row_R.device)
        if len(row_R) > _SHORTLIST:
            sketch_R = self._sketch_GE.index_select(0, row_R) @ query_K[:: self._step]
            row_R = row_R[sketch_R.topk(_SHORTLIST).indices]
        if len(row_R) > _NEAREST:
            cosine_R = self.keys_GK.index_select(0, row_R) @ query_K
            row_R = row_R[cosine_R.topk(_NEAREST).indices]
        return row_R.tolist()

    def score(
        self, query_K: torch.Tensor, prompt: Words, rows: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the candidates' scores [R], and whether the prompt names their subject [R]."""
        named = [prompt.name(self.subjects[row]) for row in rows]
        # Facts of one relation share their phrasing: it is compared once.
        known: dict[tuple[int, str], float] = {}
        explained = []
        for row, is_named in zip(rows, named, strict=True):
            phrasing, subject = self.phrasings[row], self.subjects[row] if is_named else ""
            key = (id(phrasing), subject)
            if key not in known:
                known[key] = self.word_weights.explained(prompt.plain, phrasing, subject)
            explained.append(known[key])
        row_R = torch.tensor(rows, dtype=torch.int64, device=query_K.device)
        cosine_R = self.keys_GK.index_select(0, row_R) @ query_K
        score_R = cosine_R.lerp(cosine_R.new_tensor(explained), self.config.explained_share)
        return score_R, torch.tensor(named, dtype=torch.bool, device=score_R.device)

    def _named(self, prompt: Words) -> list[int]:
        """Return the rows whose subject the prompt names."""
        runs = {
            " ".join(prompt.plain[start : start + length])
            for length in self._subject_lengths
            for start in range(len(prompt.plain) - length + 1)
        }
        rows = [row for run in runs for row in self._rows_by_subject.get(run, ())]
        return [row for row in rows if prompt.name(self.subjects[row])]

    def _decide(self, query_K: torch.Tensor, prompt: Words, rows: list[int]) -> Route:
        if not rows:
            return Route.of_nothing()
        score_R, named_R = self.score(query_K, prompt, rows)
        excess_R = score_R - torch.where(named_R, self.threshold, self.unnamed_threshold)
        # The first of equals; a product of many rows rounds equal ones differently.
        first = int((excess_R >= excess_R.max() - _EQUAL).nonzero()[0])
        best = excess_R[first].item()
        others_R = torch.cat([excess_R[:first], excess_R[first + 1 :]])
        nearest, score = self.groups[rows[first]], score_R[first].item()
        if best < 0:
            group, margin = None, -best
        else:
            runner_up = others_R.max().item() if len(others_R) else -1.0
            group = nearest if nearest >= 0 else None
            margin = max(0.0, min(best - runner_up, best))
        return Route(group=group, nearest_group=nearest, score=score, excess=best, margin=margin)
