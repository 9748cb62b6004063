"""The questions of tests/bench/natural, and the tables they are put to.

A file holds questions about one table: under `@RELATION`, `SUBJECT | QUESTION`; under `@- KIND`,
questions that no fact of it answers. Each file says who wrote it, and what was not looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq

from lamini.asked.table import AskedFact, asked_fact

FOLDER = Path(__file__).parent / "natural"


@dataclass(frozen=True)
class Natural:
    """A question in people's words, and what it asks for; no subject: a kind of silence."""

    prompt: str
    subject: str | None
    relation: str


def natural_questions(name: str, half: str = "") -> list[Natural]:
    """Return the questions about a table; of the half "development" or "test", where one is asked.

    The hash of its words says which half a question is of.
    """
    found = _read(FOLDER / f"{name}.txt")
    return [question for question in found if half in ("", _half(question.prompt))]


def _half(prompt: str) -> str:
    return "test" if sha256(prompt.encode()).digest()[0] % 2 else "development"


def _read(path: Path) -> Iterator[Natural]:
    of = ""
    for line in path.read_text().splitlines():
        if line.startswith("@"):
            of = line[1:].strip()
        elif line and not line.startswith("#"):
            if of.startswith("- "):
                yield Natural(line, None, of[2:])
            else:
                subject, prompt = line.split(" | ", 1)
                yield Natural(prompt, subject, of)


def asked_facts(
    rows: list[dict], also: dict[str, tuple[str, ...]] | None = None
) -> list[AskedFact]:
    """Return facts of rows with subject, relation and prompts."""
    names = also or {}
    return [
        asked_fact(row["subject"], row["relation"], names.get(row["subject"], ()), row["prompts"])
        for row in rows
    ]


@cache
def demo() -> tuple[AskedFact, ...]:
    """Return the reference facts as they are today, with their training phrasings."""
    import tempfile
    from datetime import UTC, datetime

    from warehouse.catalogue import open_catalogue
    from warehouse.facts import ReconcileSettings, reconcile
    from warehouse.intake import ingest
    from warehouse.reference import read_cldr, read_iso
    from warehouse.reference.names import other_names
    from warehouse.snapshots import head, publish

    with tempfile.TemporaryDirectory() as folder, open_catalogue(Path(folder)) as con:
        for read in (read_iso, read_cldr):
            ingest(con, read())
        reconcile(con, ReconcileSettings(as_of=datetime.now(tz=UTC).date()))
        publish(con, Path(folder))
        rows = head(Path(folder)).facts().to_pylist()
    return tuple(asked_facts(rows, other_names({row["subject"] for row in rows})))


def changes(data: Path, name: str) -> tuple[AskedFact, ...]:
    """Return the current facts of a table of changes, with the phrasings it brings."""
    from warehouse.reference.names import other_names

    rows = pq.read_table(data / "changes" / f"{name}.parquet").to_pylist()
    rows = [_prompted(row) for row in rows if row["split"] == "current"]
    return tuple(asked_facts(rows, other_names({row["subject"] for row in rows})))


def relations(data: Path, wanted: set[str]) -> tuple[AskedFact, ...]:
    """Return the facts of some relations of facts/relations.parquet."""
    rows = pq.read_table(data / "facts" / "relations.parquet").to_pylist()
    return tuple(asked_facts([_prompted(row) for row in rows if row["relation"] in wanted]))


def _prompted(row: dict) -> dict:
    prompts = [p for p in (row["question"], *(row["paraphrases"] or [])) if p]
    return {**row, "prompts": prompts}


def load(name: str, data: Path | None) -> tuple[AskedFact, ...]:
    """Return the table of a file of questions."""
    name = name.removesuffix("_unseen")
    if name == "demo":
        return demo()
    assert data is not None
    if name == "factbook":
        return changes(data, "factbook_attributes")
    if name == "relations":
        return relations(data, {q.relation for q in natural_questions(name) if q.subject})
    return changes(data, name)
