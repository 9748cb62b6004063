"""Facts as training reads them: one Parquet file, written by the assignment step."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from lamini.errors import ConfigError

_COLUMNS = (
    "fact_id",
    "subject",
    "prompts",
    "answer",
    "cloze",
    "group_index",
    "num_experts",
    "shard_index",
    "relation",
    "names",
)


@dataclass(frozen=True, kw_only=True)
class TrainingFact:
    """One fact to memorize, and the experts that are its own."""

    fact_id: str
    subject: str
    prompts: tuple[str, ...]
    """Training phrasings, the canonical question first."""
    answer: str
    cloze: bool
    """Whether the prompts are unfinished statements, which get no chat template."""
    group_index: int
    num_experts: int
    """Experts of the group's block that the answer needs."""
    shard_index: int
    relation: str = ""
    """What of its subject the fact tells; empty where that is not known."""
    names: tuple[str, ...] = ()
    """What else its subject is called."""

    def training_hash(self) -> str:
        """Return a SHA-256 of all that the fact's experts and key are made of, but their place."""
        made_of = [self.subject, self.prompts, self.answer, self.cloze, self.num_experts]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()

    def routing_hash(self) -> str:
        """Return a SHA-256 of all that the fact's key is made of: a new answer leaves it."""
        made_of = [self.subject, self.prompts, self.cloze, self.relation, self.names]
        return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()

    def template(self, prompt: str) -> str:
        """Return the phrasing with the subject taken out: what other facts may share."""
        return prompt.replace(self.subject, "{}") if self.subject else prompt


def read_training_facts(path: Path) -> list[TrainingFact]:
    """Return the facts of an assignment file, in its order.

    Raises:
        ConfigError: a column is missing, or the file has no row.
    """
    table = pq.read_table(path)
    if missing := [name for name in _COLUMNS if name not in table.column_names]:
        raise ConfigError(f"{path} lacks the columns {missing}; it has {table.column_names}")
    if not table.num_rows:
        raise ConfigError(f"{path} holds no fact: nothing to train; check the quarantine")
    rows = table.select(_COLUMNS).to_pylist()
    tuples = ("prompts", "names")
    return [TrainingFact(**row | {name: tuple(row[name]) for name in tuples}) for row in rows]


def is_held_for_calibration(template: str) -> bool:
    """Return whether a phrasing stays out of pretraining, to set the threshold: one in sixteen."""
    return hashlib.sha256(template.encode()).digest()[0] < 16
