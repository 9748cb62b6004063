"""Small sets of claims for the tests of truth discovery."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from warehouse.truth import Truth


def claims(rows: Iterable[tuple[str, str, str]]) -> pa.Table:
    """Make observations of (slot, source, value)."""
    slots, sources, values = zip(*rows, strict=True)
    return pa.table({"slot": list(slots), "source": list(sources), "value": list(values)})


def support(*rows: tuple[str, str, str, float]) -> pa.Table:
    """Make support of (slot, value, other, support)."""
    names = ("slot", "value", "other", "support")
    return pa.table({name: [row[i] for row in rows] for i, name in enumerate(names)})


def probabilities(truth: Truth, slot: str) -> dict[str, float]:
    """Give the probability of each value of a slot."""
    rows = truth.values.to_pylist()
    return {row["value"]: row["probability"] for row in rows if row["slot"] == slot}


def crowd(seed: int, num_slots: int = 60, num_sources: int = 12) -> list[tuple[str, str, str]]:
    """Draw claims of sources of unequal accuracy; `value 0` is right in every slot."""
    draw = np.random.default_rng(seed)
    accuracy = draw.uniform(0.2, 0.95, num_sources)
    rows = []
    for slot in range(num_slots):
        for source in draw.choice(num_sources, 4, replace=False):
            value = 0 if draw.random() < accuracy[source] else draw.integers(1, 5)
            rows.append((f"slot {slot:03}", f"source {source:02}", f"value {value} of {slot % 7}"))
    return rows
