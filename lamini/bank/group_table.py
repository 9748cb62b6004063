"""The table of group keys: which groups hold a fact, as columns, so that a million rows load fast.

Shape suffixes: G groups with a key, in order of their numbers   K key width
"""

import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import torch

from lamini.asked.table import AskedFact, asked_fact
from lamini.bank.evidence import phrasing_words, subject_words
from lamini.errors import BankError
from lamini.training_data import TrainingFact

_TEXTS = pa.list_(pa.string())


@dataclass(frozen=True, kw_only=True)
class GroupTable:
    """Every group that holds a fact: its number, its fact, its experts, its key."""

    group_index_G: torch.Tensor
    """Ascending, int64; negative: a silent key (`silenced`), which no group of experts has."""
    fact_ids: list[str]
    num_experts_G: torch.Tensor
    subjects: list[str]
    """The words that a prompt must hold to name the fact's subject; empty: no such evidence."""
    phrasings: list[str]
    """The words of the fact's phrasings but for the subject's, between spaces."""
    training_hashes: list[str]
    """What each fact was tuned on (`TrainingFact.training_hash`)."""
    keys_GK: torch.Tensor
    routing_hashes: list[str] = field(default_factory=list)
    """What each key was made of (`TrainingFact.routing_hash`); empty where that is not known."""
    asked: list[AskedFact] = field(default_factory=list)
    """How each fact is asked for."""

    def __post_init__(self) -> None:
        if not self.asked:
            object.__setattr__(self, "asked", [AskedFact()] * len(self.fact_ids))
        if not self.routing_hashes:  # of a bank that was written before they were kept
            object.__setattr__(self, "routing_hashes", [""] * len(self.fact_ids))
        hashes = (self.training_hashes, self.routing_hashes)
        texts = (self.fact_ids, self.subjects, self.phrasings, *hashes)
        columns = (*texts, self.asked, self.num_experts_G, self.keys_GK)
        if any(len(column) != len(self) for column in columns):
            raise BankError(f"columns of {[len(c) for c in columns]} rows for {len(self)} groups")
        if bool((self.group_index_G[1:] <= self.group_index_G[:-1]).any()):
            raise BankError("the groups of a table must ascend, each once; use GroupTable.joined()")

    def __len__(self) -> int:
        return len(self.group_index_G)

    @classmethod
    def joined(cls, tables: Sequence["GroupTable"]) -> "GroupTable":
        """Return the rows of all tables as one, in order of their groups.

        Raises:
            BankError: a group stands there twice, or columns differ in length.
        """
        order_G = torch.cat([table.group_index_G for table in tables]).argsort(stable=True)
        order = order_G.tolist()

        def texts(name: str) -> list[str]:
            column = [text for table in tables for text in getattr(table, name)]
            return [column[row] for row in order]

        every = [fact for table in tables for fact in table.asked]

        def numbers(name: str) -> torch.Tensor:
            return torch.cat([getattr(table, name) for table in tables])[order_G]

        return cls(
            group_index_G=numbers("group_index_G"),
            fact_ids=texts("fact_ids"),
            num_experts_G=numbers("num_experts_G"),
            subjects=texts("subjects"),
            phrasings=texts("phrasings"),
            training_hashes=texts("training_hashes"),
            keys_GK=numbers("keys_GK"),
            routing_hashes=texts("routing_hashes"),
            asked=[every[row] for row in order],
        )

    def without(self, fact_ids: Collection[str]) -> "GroupTable":
        """Return the rows of all other facts."""
        return self.rows([row for row, fact in enumerate(self.fact_ids) if fact not in fact_ids])

    def rows(self, rows: Sequence[int]) -> "GroupTable":
        """Return these rows, which must ascend."""
        chosen = list(rows)
        return GroupTable(
            group_index_G=self.group_index_G[chosen],
            fact_ids=[self.fact_ids[row] for row in chosen],
            num_experts_G=self.num_experts_G[chosen],
            subjects=[self.subjects[row] for row in chosen],
            phrasings=[self.phrasings[row] for row in chosen],
            training_hashes=[self.training_hashes[row] for row in chosen],
            keys_GK=self.keys_GK[chosen],
            routing_hashes=[self.routing_hashes[row] for row in chosen],
            asked=[self.asked[row] for row in chosen],
        )

    def silenced(self, below: int) -> "GroupTable":
        """Return the keys as those of no experts, under negative numbers less than `below`.

        A prompt whose best key is such a one reads nothing. It keeps the place of a retired fact's
        questions, so that none of them goes to the next best fact.
        """
        return replace(
            self,
            group_index_G=torch.arange(below - len(self), below),
            num_experts_G=torch.zeros_like(self.num_experts_G),
            asked=[replace(fact, subject="", names=()) for fact in self.asked],
        )

    def row_of(self, group: int) -> int:
        """Return the row of a group.

        Raises:
            BankError: the group holds no fact.
        """
        row = int(torch.searchsorted(self.group_index_G, group))
        if row == len(self) or int(self.group_index_G[row]) != group:
            raise BankError(f"group {group} holds no fact: it is none of the {len(self)} with one")
        return row

    def to_arrow(self) -> pa.Table:
        """Return the table as the bank stores it."""
        return pa.table(
            {
                "group_index": pa.array(self.group_index_G.numpy()),
                "fact_id": pa.array(self.fact_ids, pa.string()),
                "num_experts": pa.array(self.num_experts_G.numpy()),
                "subject": pa.array(self.subjects, pa.string()),
                "phrasing": pa.array(self.phrasings, pa.string()),
                "training_hash": pa.array(self.training_hashes, pa.string()),
                "routing_hash": pa.array(self.routing_hashes, pa.string()),
                "asked_subject": pa.array([fact.subject for fact in self.asked], pa.string()),
                "relation": pa.array([fact.relation for fact in self.asked], pa.string()),
                "names": pa.array([fact.names for fact in self.asked], _TEXTS),
                "masked": pa.array([fact.phrasings for fact in self.asked], _TEXTS),
                "key": float_lists(self.keys_GK),
            }
        )

    @classmethod
    def from_arrow(cls, table: pa.Table) -> "GroupTable":
        """Return the table that `to_arrow` gave; no float becomes a Python object on the way."""
        return cls(
            group_index_G=torch.from_numpy(table["group_index"].to_numpy().copy()),
            fact_ids=table["fact_id"].to_pylist(),
            num_experts_G=torch.from_numpy(table["num_experts"].to_numpy().copy()),
            subjects=table["subject"].to_pylist(),
            phrasings=table["phrasing"].to_pylist(),
            training_hashes=table["training_hash"].to_pylist(),
            keys_GK=float_rows(table["key"]),
            routing_hashes=(
                table["routing_hash"].to_pylist() if "routing_hash" in table.column_names else []
            ),
            asked=_asked(table) if "masked" in table.column_names else [],
        )


def group_table(
    facts: Sequence[TrainingFact],
    keys_GK: torch.Tensor,
    prompts: Sequence[Sequence[str]] | None = None,
) -> GroupTable:
    """Return the table of the facts with these keys; `prompts` replaces their phrasings' words."""
    subjects = [subject_words(fact.subject, fact.prompts) for fact in facts]
    given = prompts or [fact.prompts for fact in facts]
    group_G = torch.tensor([fact.group_index for fact in facts], dtype=torch.int64)
    order_G = group_G.argsort()
    order = order_G.tolist()
    return GroupTable(
        group_index_G=group_G[order_G],
        fact_ids=[facts[row].fact_id for row in order],
        num_experts_G=torch.tensor([facts[row].num_experts for row in order], dtype=torch.int64),
        subjects=[subjects[row] for row in order],
        phrasings=[phrasing_words(subjects[row], given[row]) for row in order],
        training_hashes=[facts[row].training_hash() for row in order],
        keys_GK=keys_GK[order_G],
        routing_hashes=[facts[row].routing_hash() for row in order],
        asked=[_as_asked(facts[row]) for row in order],
    )


def _as_asked(fact: TrainingFact) -> AskedFact:
    return asked_fact(fact.subject, fact.relation, fact.names, fact.prompts)


def _asked(table: pa.Table) -> list[AskedFact]:
    columns = ("asked_subject", "relation", "names", "masked")
    rows = zip(*(table[name].to_pylist() for name in columns), strict=True)
    return [
        AskedFact(subject, relation, tuple(names), tuple(map(sys.intern, masked)))
        for subject, relation, names, masked in rows
    ]


def float_lists(rows: torch.Tensor) -> pa.Array:
    """Return rows [N, W] as an Arrow array of N lists of W floats each."""
    flat = pa.array(rows.detach().to(torch.float32).contiguous().view(-1).numpy())
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def float_rows(column: pa.ChunkedArray) -> torch.Tensor:
    """Return what `float_lists` stored as one tensor [N, W], copied once."""
    parts = [chunk.flatten().to_numpy() for chunk in column.chunks]
    flat = np.concatenate(parts) if parts else np.empty(0, np.float32)
    return torch.from_numpy(flat).view(len(column), column.type.list_size)
