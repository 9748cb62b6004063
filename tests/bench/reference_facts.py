"""The embedded reference facts as training facts, with their held-out phrasings, in a moment."""

import random
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from flows.planning.tokens import answer_counter
from lamini.config import MemoryConfig
from lamini.training_data import TrainingFact, read_training_facts
from warehouse.assignment import assign
from warehouse.catalogue import open_catalogue
from warehouse.facts import ReconcileSettings, reconcile
from warehouse.intake import ingest
from warehouse.reference import heldout_questions, read_cldr, read_iso
from warehouse.snapshots import head, publish


def reference_facts(
    memory: MemoryConfig, number: int, seed: int = 0
) -> tuple[list[TrainingFact], dict[str, list[str]]]:
    """Return a random `number` of the facts, and the held-out phrasings by fact."""
    count = answer_counter("embedded")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        with open_catalogue(home) as con:
            for read in (read_iso, read_cldr):
                ingest(con, read())
            reconcile(
                con,
                ReconcileSettings(
                    as_of=datetime.now(tz=UTC).date(), count_tokens=count, max_answer_tokens=63
                ),
            )
            publish(con, home)
            plan = assign(
                con, home, head(home), num_groups=memory.num_groups, group_size=memory.group_size,
                num_shards=1, num_tokens_by_fact=lambda answers: [n + 1 for n in count(answers)],
            )  # fmt: skip
        facts = read_training_facts(plan.path)
        asked: dict[str, list[str]] = {}
        for row in heldout_questions(head(home).facts()).to_pylist():
            asked.setdefault(row["fact_id"], []).append(row["prompt"])
    chosen = random.Random(seed).sample(facts, min(number, len(facts)))
    return chosen, asked


def held_out(
    facts: Sequence[TrainingFact], asked: dict[str, list[str]], first: int
) -> list[tuple[int, str]]:
    """Return phrasings that tuning on the `first` of each fact did not see, with the fact's index.

    A fact without held-out phrasings lends its last training one.
    """
    return [
        (index, prompt)
        for index, fact in enumerate(facts)
        for prompt in asked.get(fact.fact_id) or fact.prompts[first:][-1:]
    ]
